"""A witness before the object store: it passes every request on and remembers it."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_OF_A_CONNECTION = {"connection", "transfer-encoding", "content-length"}


class Witness:
    """`requests` are `METHOD /bucket/key` so far."""

    def __init__(self, endpoint: str) -> None:
        self.requests: list[str] = []
        self._behind = urlsplit(endpoint).netloc
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        """Until it is closed."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(witness) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (`self` is the handler's)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                witness.requests.append(f"{self.command} {self.path}")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                behind = http.client.HTTPConnection(witness._behind, timeout=60)
                # With the Host that the client signed.
                behind.request(self.command, self.path, body or None, dict(self.headers))
                answer = behind.getresponse()
                content = answer.read()
                behind.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OF_A_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_DELETE = _serve  # noqa: N815 (the library's names)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        return Handler


@contextmanager
def witness_of(endpoint: str) -> Iterator[Witness]:
    """A witness for the length of a `with` block."""
    witness = Witness(endpoint)
    thread = threading.Thread(target=witness.serve, daemon=True)
    thread.start()
    try:
        yield witness
    finally:
        witness.close()
        thread.join(timeout=5)
