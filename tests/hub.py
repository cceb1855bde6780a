"""A hub on this machine that speaks enough of the Hugging Face hub's HTTP for huggingface_hub's own client."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from huggingface_hub.utils.sha import git_hash

from tests.launcher.serving import serving

_TREE = re.compile(r"/api/(?P<kind>models|datasets)/(?P<repository>[^/]+/[^/]+)/tree/(?P<commit>[0-9a-f]{40})$")
_FILE = re.compile(r"/(?P<kind>datasets/)?(?P<repository>[^/]+/[^/]+)/resolve/(?P<commit>[0-9a-f]{40})/(?P<name>.+)$")
_LARGE = (".safetensors", ".bin", ".parquet")
"""What repositories keep outside of git."""


@dataclass
class Hub:
    """Its repositories, and how it behaves. Change either at any time."""

    endpoint: str = ""
    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    """(repository, commit) -> path -> content."""
    sent: dict[str, bytes] = field(default_factory=dict)
    """Path -> what is sent in place of the content that the hub speaks of."""
    token: str | None = None
    """Without it everything is refused."""
    refusal: tuple[int, str] = (401, "GatedRepo")
    """Status and the hub's own code of it."""
    breaks_at: str | None = None
    """The connection is cut within the file of this name."""
    asked: list[str] = field(default_factory=list)
    """Names of the files that were fetched, in order."""

    def environment(self) -> dict[str, str]:
        """For a client that uses this hub and no proxy."""
        return {"HF_ENDPOINT": self.endpoint, "NO_PROXY": "*", "HF_HUB_DISABLE_XET": "1"}


@contextmanager
def running_hub(host: str = "127.0.0.1") -> Iterator[Hub]:
    """For the length of a `with` block."""
    hub = Hub()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                status, code = hub.refusal
                self._answer(status, b"", {"X-Error-Code": code} if code else {})
            elif (tree := _TREE.match(path)) and (files := hub.files.get((tree["repository"], tree["commit"]))):
                body = json.dumps([_entry(name, content) for name, content in files.items()]).encode()
                self._answer(200, body, {"Content-Type": "application/json"})
            elif (found := _FILE.match(path)) and (files := hub.files.get((found["repository"], found["commit"]))):
                self._file(found["commit"], found["name"], files[found["name"]])
            else:
                self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})

        do_HEAD = do_GET  # noqa: N815

        def _file(self, commit: str, name: str, content: bytes) -> None:
            sha256 = hashlib.sha256(content).hexdigest()
            headers = {"X-Repo-Commit": commit, "ETag": f'"{git_hash(content)}"'}
            if name.endswith(_LARGE):
                headers |= {"X-Linked-ETag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
            if self.command == "GET":
                hub.asked.append(name)
            self._answer(200, hub.sent.get(name, content), headers, cut=name == hub.breaks_at)

        def _answer(self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
            self.send_response(status)
            for key, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if cut else body)
                self.close_connection = cut

    with serving(Answers, host) as address:
        hub.endpoint = f"http://{address}"
        yield hub


def _entry(name: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
    if name.endswith(_LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry
