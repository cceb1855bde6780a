"""A front before the real API server that misbehaves on order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.cluster.cluster import Cluster


class Fault(Enum):
    """What happens to a request."""

    NONE = auto()
    DROP_BEFORE = auto()
    """The connection ends; the API server never hears of the request."""
    DROP_AFTER = auto()
    """The API server carries the request out; the connection ends without an answer."""
    TOO_MANY = auto()
    BROKEN = auto()
    CONTENDED = auto()
    """409 that is not about the name, as under a quota that many use at once."""


REFUSALS = {
    Fault.TOO_MANY: (429, "TooManyRequests"),
    Fault.BROKEN: (500, "InternalError"),
    Fault.CONTENDED: (409, "Conflict"),
}

Plan = Callable[[int], Fault]
"""The number of a request, from 0 -> what happens to it."""


class Front:
    """Where it listens, and the `method path` of each request so far."""

    def __init__(self, cluster: Cluster, plan: Plan) -> None:
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._api = cluster.api
        self._plan = plan
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, method: str, path: str, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        url = f"{self._api.configuration.host}{path}"
        return self._api.rest_client.pool_manager.request(method, url, body=body or None, headers=headers)

    def next_fault(self, request: str) -> Fault:
        with self._lock:
            self.requests.append(request)
            return self._plan(len(self.requests) - 1)

    def _handler(front) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (`self` is the handler's)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ValueError):  # its client was killed
                    self.close_connection = True

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = front.next_fault(f"{self.command} {self.path}")
                if fault in REFUSALS:
                    status, reason = REFUSALS[fault]
                    self._answer(status, b'{"message": "made up", "reason": "%s"}' % reason.encode())
                    return
                if fault is not Fault.DROP_BEFORE:
                    response = front.forward(self.command, self.path, body)
                if fault is Fault.NONE:
                    self._answer(response.status, response.data)
                else:
                    self.close_connection = True
                    self.connection.close()

            do_GET = do_POST = do_DELETE = _serve  # noqa: N815 (the library's names)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        return Handler


@contextmanager
def front_of(cluster: Cluster, plan: Plan) -> Iterator[Front]:
    front = Front(cluster, plan)
    thread = threading.Thread(target=front.serve, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        front.close()
        thread.join(timeout=5)
