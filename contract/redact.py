"""What nobody may read in a log, a result or an error: credentials, cut out wherever text leaves a program.

Libraries put them into their messages: an endpoint's `user:password@`, a token with a stray newline as a bad header.
"""

import os
import re
from collections.abc import Iterator, Mapping

_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_ADDRESSES = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "HF_ENDPOINT",
    *(spelled for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") for spelled in (name, name.lower())),
)
_SHORTEST = 8
"""Of a value that is cut out: no real secret is shorter, and a shorter one stands in many words by chance."""
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_HIDDEN = "***"


def redacted(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """`text` without the values of secret environment variables and the userinfo of URIs."""
    for secret in _secrets(environ):
        text = text.replace(secret, _HIDDEN)
    return _USERINFO.sub(f"{_HIDDEN}@", text)


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    values = (environ.get(name, "").strip() for name in _SECRETS)
    yield from (value for value in values if len(value) >= _SHORTEST)
    # By the whole of it: a password may hold a slash, and then no pattern finds it in a message.
    addresses = (environ.get(name, "").rpartition("@")[0] for name in _ADDRESSES)
    userinfos = (address.rpartition("://")[2] for address in addresses)
    yield from (userinfo for userinfo in userinfos if len(userinfo) >= _SHORTEST)


def redacted_uri(uri: str) -> str:
    """`uri` as it may be shown: a password may hold a slash, and a query a signature."""
    place, mark, query = re.sub(r"(?<=://).*@", f"{_HIDDEN}@", uri).partition("?")
    return place + mark + re.sub(r"(?<==)[^&#]+", _HIDDEN, query)
