"""A proxy before the object store. It passes every request on but those that it was asked to spoil.

A proxy of bytes cannot lose the answer to one certain PUT, or say SlowDown as S3 does; this one reads the requests.
"""

import http.client
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

_LOOPBACK = "127.0.0.1"
_STORE_SECONDS = 120.0
_OF_A_CONNECTION = {"connection", "transfer-encoding", "content-length"}
_PLACES = (".probe-", "results/", "attempts/", "checkpoints/")


@dataclass(frozen=True)
class Target:
    """What a request asks for: its method, and the part of the store by the beginning of its key."""

    method: str
    place: str

    @classmethod
    def of(cls, method: str, path: str) -> "Target":
        """Of `PUT /bucket/prefix/results/a/1.json`, and of a listing by its query."""
        plain = unquote(path)
        return cls(method, next((place for place in _PLACES if place in plain), ""))


@dataclass(frozen=True)
class Answer:
    """What the store said."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Exchange:
    """One request, its body not read yet, and what can be done to it."""

    def __init__(self, handler: BaseHTTPRequestHandler, behind: str) -> None:
        self.method = handler.command
        self.headers = dict(handler.headers)
        self._handler = handler
        self._behind = behind

    def receive(self, share: float = 1.0) -> bytes:
        """The body, or so much of it."""
        return self._handler.rfile.read(int(share * int(self.headers.get("Content-Length") or 0)))

    def forward(self, body: bytes) -> Answer:
        """Ask the store, with the Host that the client signed. Raises OSError where the store is gone."""
        behind = http.client.HTTPConnection(self._behind, timeout=_STORE_SECONDS)
        try:
            behind.request(self.method, self._handler.path, body or None, self.headers)
            found = behind.getresponse()
            return Answer(found.status, tuple(found.getheaders()), found.read())
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            behind.close()

    def reply(self, answer: Answer, share: float = 1.0, seconds: float = 0.0) -> None:
        """Tell the client, in so many seconds; after less than the whole the connection ends."""
        handler = self._handler
        handler.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _OF_A_CONNECTION:
                handler.send_header(name, value)
        length = dict(answer.headers).get("Content-Length") if self.method == "HEAD" else None
        handler.send_header("Content-Length", length or str(len(answer.body)))
        handler.end_headers()
        time.sleep(seconds / 2)
        handler.wfile.write(answer.body[: int(share * len(answer.body))])
        time.sleep(seconds / 2)
        handler.close_connection = handler.close_connection or share < 1

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.close_connection = True

    def stall(self) -> None:
        """Say nothing until the client gives up."""
        self._handler.connection.recv(1)
        self._handler.close_connection = True


Spoil = Callable[[Exchange], object]
"""Does to a request what the fault does."""


def pass_on(exchange: Exchange) -> None:
    """As if there were no proxy: a store that is gone resets the connection."""
    try:
        exchange.reply(exchange.forward(exchange.receive()))
    except OSError:
        exchange.reset()


@dataclass(frozen=True)
class Aim:
    """Which requests are spoiled: of those for `target` the first from `nth` on (from 0), `times` in a row."""

    target: Target
    nth: int
    times: int = 1


class Proxy:
    """`requests` are the targets so far.

    `failures` are errors of its own. That a client goes away in the middle is none: killing it is what this is for.
    """

    def __init__(self, endpoint: str, aim: Aim | None = None, spoil: Spoil = pass_on) -> None:
        self.requests: list[Target] = []
        self.failures: list[Exception] = []
        self._behind = urlsplit(endpoint).netloc
        self._aim = aim
        self._spoil = spoil
        self._lock = threading.Lock()
        self._reopening: threading.Timer | None = None
        self._server = self._listening(0)
        self._port = self._server.server_port
        self.endpoint = f"http://{_LOOPBACK}:{self._port}"

    def refuse(self, seconds: float) -> None:
        """Accept no connection for so long, from now on; returns at once."""
        self._stop_listening()
        self._reopening = threading.Timer(seconds, self._listen_again)
        self._reopening.start()

    def close(self) -> None:
        """Listen no more."""
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening.join()
        self._stop_listening()

    def _listen_again(self) -> None:
        self._server = self._listening(self._port)

    def _stop_listening(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _meet(self, exchange: Exchange, target: Target) -> None:
        if self._is_aimed_at(target):
            self._spoil(exchange)
        else:
            pass_on(exchange)

    def _is_aimed_at(self, target: Target) -> bool:
        with self._lock:
            nth = self.requests.count(target)
            self.requests.append(target)
        aim = self._aim
        return aim is not None and target == aim.target and aim.nth <= nth < aim.nth + aim.times

    def _listening(self, port: int) -> ThreadingHTTPServer:
        server = _Server((_LOOPBACK, port), self._handler(), self.failures)
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        return server

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (`self` is the handler's)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                proxy._meet(Exchange(self, proxy._behind), Target.of(self.command, self.path))

            do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = _serve  # noqa: N815 (the library's names)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, place: tuple[str, int], handler: type[BaseHTTPRequestHandler], failures: list[Exception]
    ) -> None:
        super().__init__(place, handler)
        self._failures = failures

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close it only: the library's own shutdown would say goodbye before a reset."""
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep it, unless it is the client that has gone."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self._failures.append(error)


@contextmanager
def proxy_of(endpoint: str, aim: Aim | None = None, spoil: Spoil = pass_on) -> Iterator[Proxy]:
    """A proxy for the length of a `with` block, which ends with the first of its own errors."""
    proxy = Proxy(endpoint, aim, spoil)
    try:
        yield proxy
    finally:
        proxy.close()
    if proxy.failures:
        raise proxy.failures[0]
