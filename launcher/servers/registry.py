"""What a registry says about a tag or a digest: OCI distribution specification 1.1, "Pulling manifests".

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md, and for tokens
https://distribution.github.io/distribution/spec/auth/
"""

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from launcher.command_line.reference import DIGEST, DOCKER_HUB, Reference
from launcher.servers.connection import first_cause, in_words, is_loopback, proxy_for, proxy_headers
from launcher.servers.docker_config import IdentityToken, Login, Password, find_login

_SECONDS = 5.0
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""An index rather than one platform's manifest: which platform it is, the node decides."""
_DIGEST_HEADER = "Docker-Content-Digest"


@dataclass(frozen=True)
class Found:
    """The content's digest."""

    digest: str


@dataclass(frozen=True)
class Absent:
    """The registry has no such image."""


@dataclass(frozen=True)
class Unknown:
    """Nothing was learnt, and why."""

    reason: str


Answer = Found | Absent | Unknown


def look_up(image: Reference) -> Answer:
    """Which content the image stands for now: by its digest if it has one, else by its tag.

    Asks once; it does not wait for a registry to recover.
    """
    from urllib3.exceptions import HTTPError

    try:
        return _Question(image).answer()
    except (HTTPError, OSError) as error:
        return Unknown(f"{image.registry} does not answer: {first_cause(error)}")
    except ValueError as error:  # what stands in config.json, or in an answer, is no JSON, no challenge, no token
        return Unknown(in_words(error))


class _Question:
    """One look at one image."""

    def __init__(self, image: Reference) -> None:
        self._image = image
        host = "registry-1.docker.io" if image.registry == DOCKER_HUB else image.registry
        # Plain HTTP as docker has it: for a registry on this very machine.
        scheme = "http" if is_loopback(urlsplit(f"//{host}").hostname or "") else "https"
        wanted = image.digest or image.tag or "latest"
        self._url = f"{scheme}://{host}/v2/{image.repository}/manifests/{wanted}"
        self._headers = {"Accept": _MANIFESTS}

    def answer(self) -> Answer:
        response = self._ask("HEAD")
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._headers["Authorization"] = self._authorization(response.headers.getlist("WWW-Authenticate"))
            response = self._ask("HEAD")
        if response.status == HTTPStatus.OK and _DIGEST_HEADER not in response.headers:  # it SHOULD be there
            response = self._ask("GET")
        return self._read(response)

    def _ask(self, method: str) -> Any:
        return _request(method, self._url, self._headers)

    def _read(self, response: Any) -> Answer:
        match response.status:
            case HTTPStatus.OK:
                digest = response.headers.get(_DIGEST_HEADER) or f"sha256:{hashlib.sha256(response.data).hexdigest()}"
                return Found(digest) if re.fullmatch(DIGEST, digest) else Unknown(f"its digest is {digest!r}")
            case HTTPStatus.NOT_FOUND:
                return Absent()
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return Unknown(f"{self._image.registry} refuses {self._who}")
            case status:
                return Unknown(f"{self._image.registry} answers {status}")

    @cached_property
    def _login(self) -> Login | None:
        return find_login(self._image.registry, os.environ)

    @property
    def _who(self) -> str:
        return "these credentials" if self._login else "anybody who is not logged in"

    def _authorization(self, challenges: list[str]) -> str:
        """The header that the registry asks for. Raises ValueError."""
        by_scheme = {scheme.lower(): words for scheme, _, words in (each.partition(" ") for each in challenges)}
        if "bearer" in by_scheme:
            return f"Bearer {self._token(parse_keqv_list(parse_http_list(by_scheme['bearer'])))}"
        if "basic" in by_scheme and isinstance(self._login, Password):
            return _basic(self._login)
        raise ValueError(f"{self._image.registry} wants a login: docker login {self._image.registry}")

    def _token(self, challenge: Mapping[str, str]) -> str:
        realm = challenge.get("realm", "")
        if urlsplit(realm).scheme not in ("https", urlsplit(self._url).scheme):
            raise ValueError(f"{self._image.registry} names no safe token service: {realm!r}")
        asked = {"service": challenge.get("service", ""), "scope": f"repository:{self._image.repository}:pull"}
        response = _request_token(realm, asked, self._login)
        if response.status != HTTPStatus.OK:
            raise ValueError(f"{self._image.registry} gives no token to {self._who} (status {response.status})")
        content = response.json()
        token = (content.get("token") or content.get("access_token")) if isinstance(content, dict) else None
        if not isinstance(token, str):
            raise ValueError(f"{realm} answers without a token")
        return token


def _request_token(realm: str, asked: Mapping[str, str], login: Login | None) -> Any:
    match login:
        case IdentityToken(secret):
            form = {**asked, "grant_type": "refresh_token", "client_id": "emotion-grid", "refresh_token": secret}
            return _request("POST", realm, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form))
        case Password():
            return _request("GET", f"{realm}?{urlencode(asked)}", {"Authorization": _basic(login)})
        case None:
            return _request("GET", f"{realm}?{urlencode(asked)}", {})


def _basic(login: Password) -> str:
    return f"Basic {b64encode(f'{login.user}:{login.secret}'.encode()).decode()}"


def _request(method: str, url: str, headers: Mapping[str, str], body: str | None = None) -> Any:
    import urllib3

    # urllib3 would by itself sleep for as long as Retry-After says, be it an hour.
    once = urllib3.Retry(connect=0, read=0, other=0, redirect=3, respect_retry_after_header=False)
    settings: dict[str, Any] = {"timeout": _SECONDS, "retries": once}
    proxy = proxy_for(url)
    if proxy:
        pool: urllib3.PoolManager = urllib3.ProxyManager(proxy, proxy_headers=proxy_headers(proxy), **settings)
    else:
        pool = urllib3.PoolManager(**settings)
    return pool.request(method, url, headers=dict(headers), body=body)
