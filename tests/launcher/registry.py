"""A registry of images on loopback, as the OCI distribution specification 1.1 and its token specification have it."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.launcher.serving import serving

INDEX = "application/vnd.oci.image.index.v1+json"
TOKEN = "a-token-of-the-token-service"
SCOPE = "repository:team/trainer:pull"


@dataclass
class Registry:
    """`images` are manifests by (repository, tag or digest); `wants` is the scheme of its challenge, None for none."""

    images: dict[tuple[str, str], bytes] = field(default_factory=dict)
    wants: str | None = None
    login: tuple[str, str] | None = None
    """Who may read; None is anybody, where a token is wanted all the same."""
    identity_token: str | None = None
    tells_digest: bool = True
    status: int = 200
    """Another one is the answer to every question, and to come back in an hour."""
    host: str = ""
    requests: list[str] = field(default_factory=list)

    def push(self, repository: str, tag: str, content: str) -> str:
        """The digest."""
        manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "x": content}).encode()
        self.images[repository, tag] = manifest
        digest = self.digest(repository, tag)
        self.images[repository, digest] = manifest
        return digest

    def digest(self, repository: str, tag: str) -> str:
        return f"sha256:{hashlib.sha256(self.images[repository, tag]).hexdigest()}"

    def challenge(self, repository: str) -> str:
        if self.wants == "Basic":
            return 'Basic realm="here, there"'
        return f'Bearer realm="http://{self.host}/token",service="reg,istry",scope="repository:{repository}:pull"'

    def admits(self, authorization: str | None) -> bool:
        match self.wants:
            case None:
                return True
            case "Basic":
                return self.knows(authorization)
            case _:
                return authorization == f"Bearer {TOKEN}"

    def knows(self, authorization: str | None) -> bool:
        """Whether Basic authentication is right."""
        user, secret = self.login or ("", "")
        return authorization == f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


@contextmanager
def registry(**settings: object) -> Iterator[Registry]:
    served = Registry(**settings)
    handler = type("Handler", (Handler,), {"registry": served})  # http.server makes its handlers itself
    with serving(handler) as served.host:
        yield served


class Handler(BaseHTTPRequestHandler):
    """Of one request to a registry, or to its token service."""

    registry: Registry

    def do_GET(self) -> None:
        self.registry.requests.append(f"{self.command} {self.path}")
        path = urlsplit(self.path).path
        if self.registry.status != 200:
            self._refuse(self.registry.status, "TOOMANYREQUESTS", ("Retry-After", "3600"))
        elif path == "/token":
            self._token()
        else:
            repository, _, tag = path.removeprefix("/v2/").rpartition("/manifests/")
            self._manifest(repository, tag)

    do_HEAD = do_GET  # noqa: N815 (the library's name)

    def do_POST(self) -> None:
        """https://distribution.github.io/distribution/spec/auth/oauth/"""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
        known = {"grant_type", "service", "client_id", "scope", "refresh_token"} == set(form)
        right = form["refresh_token"] == [self.registry.identity_token] and form["grant_type"] == ["refresh_token"]
        if known and right and form["scope"] == [SCOPE]:
            self._answer(200, json.dumps({"access_token": TOKEN}).encode())
        else:
            self._refuse(401, "UNAUTHORIZED")

    def _token(self) -> None:
        asked, authorization = parse_qs(urlsplit(self.path).query), self.headers.get("Authorization")
        if asked != {"service": ["reg,istry"], "scope": [SCOPE]}:
            self._refuse(400, "UNSUPPORTED")
        elif self.registry.identity_token or (self.registry.login and not self.registry.knows(authorization)):
            self._refuse(401, "UNAUTHORIZED")
        else:
            self._answer(200, json.dumps({"token": TOKEN}).encode())

    def _manifest(self, repository: str, tag: str) -> None:
        accepted = [kind.strip() for kind in self.headers.get("Accept", "").split(",")]
        if not self.registry.admits(self.headers.get("Authorization")):
            self._refuse(401, "UNAUTHORIZED", ("WWW-Authenticate", self.registry.challenge(repository)))
        elif (repository, tag) not in self.registry.images or INDEX not in accepted:
            self._refuse(404, "MANIFEST_UNKNOWN")
        else:
            digest = ("Docker-Content-Digest", self.registry.digest(repository, tag))
            headers = [digest] if self.registry.tells_digest else []
            self._answer(200, self.registry.images[repository, tag], *headers, kind=INDEX)

    def _refuse(self, status: int, code: str, *headers: tuple[str, str]) -> None:
        self._answer(status, json.dumps({"errors": [{"code": code}]}).encode(), *headers)

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str], kind: str = "application/json") -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
