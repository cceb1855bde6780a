"""Fronts before the real API server and the real object store that misbehave on order."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3


class Fault(Enum):
    """What happens to a request."""

    NONE = auto()
    DROP_BEFORE = auto()
    """The connection ends; the server never hears of the request."""
    DROP_AFTER = auto()
    """The server carries the request out; the connection ends without an answer."""
    TOO_MANY = auto()
    BROKEN = auto()
    CONTENDED = auto()
    """409 that is not about the name, as under a quota that many use at once."""
    FORBIDDEN = auto()


REFUSALS = {
    Fault.TOO_MANY: (429, "TooManyRequests"),
    Fault.BROKEN: (500, "InternalError"),
    Fault.CONTENDED: (409, "Conflict"),
    Fault.FORBIDDEN: (403, "Forbidden"),
}
RETRY_AFTER_SECONDS = 1
"""What a 429 orders: more than the launcher would wait by itself before its second try."""
_OF_ONE_CONNECTION = {"connection", "content-length", "date", "expect", "server", "transfer-encoding"}

Plan = Callable[[int], Fault]
"""The number of a request, from 0 -> what happens to it."""


@dataclass(frozen=True)
class Request:
    """One that came in; `at` is time.monotonic()."""

    method: str
    path: str
    fault: Fault
    at: float

    @property
    def makes_a_job(self) -> bool:
        return self.method == "POST" and self.path.partition("?")[0].endswith("/jobs")

    @property
    def carried_out(self) -> bool:
        return self.fault in (Fault.NONE, Fault.DROP_AFTER)


class Script:
    """What happens to which request, counted over all fronts that play it, and what came in so far."""

    def __init__(self, plan: Plan) -> None:
        self.requests: list[Request] = []
        self._plan = plan
        self._lock = threading.Lock()

    def next(self, method: str, path: str) -> Fault:
        with self._lock:
            fault = self._plan(len(self.requests))
            self.requests.append(Request(method, path, fault, time.monotonic()))
            return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing it waits for requests that are being carried out


@contextmanager
def front_of(upstream: str, script: Script, ca: str | None = None) -> Iterator[str]:
    """Its URL. What the requests say of themselves (token, signature, Host) reaches the server `upstream` unchanged."""
    with (
        urllib3.PoolManager(maxsize=32, ca_certs=ca) as pool,
        _Server(("127.0.0.1", 0), _handler(upstream, script, pool)) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _handler(upstream: str, script: Script, pool: urllib3.PoolManager) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each body waits 40 ms for the acknowledgement of its headers
        timeout = 30

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, ValueError):  # its client was killed
                self.close_connection = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = script.next(self.command, self.path)
            if fault in REFUSALS:
                self._refuse(*REFUSALS[fault])
                return
            answer = None if fault is Fault.DROP_BEFORE else self._forward(body)
            if answer is None or fault is Fault.DROP_AFTER:
                self.close_connection = True
                self.connection.close()
            else:
                self._answer(answer.status, _passed_on(answer.headers), answer.data)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 (the library's names)

        def _forward(self, body: bytes) -> urllib3.BaseHTTPResponse:
            headers = _passed_on(self.headers)
            return pool.request(
                self.command, f"{upstream}{self.path}", body=body, headers=headers, decode_content=False, retries=False
            )

        def _refuse(self, status: int, reason: str) -> None:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 429 else {}
            body = {"kind": "Status", "message": "cannot, says the test", "reason": reason}
            self._answer(status, headers, json.dumps(body).encode())

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


def _passed_on(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name.lower() not in _OF_ONE_CONNECTION}
