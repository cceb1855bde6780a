"""The longer way changes when an answer comes, and nothing of it."""

import http.server
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from benchmarks.latency import delayed

BODY = bytes(range(256)) * 2000
DELAY_SECONDS = 0.2


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_answers_come_whole_and_later(endpoint: str):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with delayed(endpoint, DELAY_SECONDS) as far:
        begun = time.perf_counter()
        with opener.open(far, timeout=30) as answer:
            assert answer.read() == BODY
        assert time.perf_counter() - begun >= DELAY_SECONDS
