"""The store at a URI."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from contract.exits import BadInput
from contract.folder import DirStore
from contract.redact import redacted_uri
from contract.store import Store


def open_store(uri: str, tries: int | None = None, *, unsafe: bool = False, setting: str = "RESULTS_URI") -> Store:
    """The store at `/path`, `file:///path` or `s3://bucket/prefix`. Raises BadInput for anything else.

    `tries` of a request to a bucket before it counts as failed; None is as many as a moment's outage takes. `unsafe`
    lets a bucket be used whose store has no conditional writes. `setting` is what errors call the place.
    """
    shown = f"{setting}={redacted_uri(uri)!r}"
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise BadInput(f"{shown} is neither a folder nor a URI") from error
    match parts.scheme:
        case "" if uri:
            return DirStore(Path(uri), setting)
        case "file" if parts.query or parts.fragment:
            raise BadInput(f"{shown}: write ? and # in the name of a folder as %3F and %23")
        case "file" if parts.netloc in ("", "localhost") and parts.path.startswith("/"):
            return DirStore(Path(unquote(parts.path)), setting)
        case "s3" if {":", "@"} & set(parts.netloc):
            raise BadInput(
                f"{setting}=s3://...: only a bucket's name may stand before the first /; credentials and endpoint are "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
            )
        case "s3" if parts.netloc and not parts.query and not parts.fragment:
            from contract.s3 import S3Store
            from contract.s3_client import TRIES

            return S3Store(parts.netloc, parts.path.strip("/"), tries or TRIES, unsafe=unsafe, setting=setting)
        case _:
            raise BadInput(f"{shown} is neither a folder nor file:///path nor s3://bucket/prefix")
