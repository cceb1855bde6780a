"""A hub that says no: a gated model is the user's to unlock, anything else may work another time."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.trainer.program import run


class Hub(ThreadingHTTPServer):
    """Answers every request with `status` and the hub's own error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)
        self.status, self.code = status, code

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Refusal(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("X-Error-Code", self.server.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    server = Hub(*request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("hub", "exit_code", "words"),
    [
        (
            (401, "GatedRepo"),
            2,
            ["meta-llama/Llama-3.2-1B is gated", "huggingface.co/meta-llama/Llama-3.2-1B", "HF_TOKEN"],
        ),
        ((403, "GatedRepo"), 2, ["is gated", "accept its licence"]),
        ((404, "RepoNotFound"), 13, ["did not deliver meta-llama/Llama-3.2-1B"]),
    ],
    indirect=["hub"],
)
def test_a_refusal_is_told_in_one_line(hub: Hub, exit_code: int, words: list[str], tmp_path: Path):
    home = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.endpoint, "NO_PROXY": "*"}
    done = run(tmp_path / "results", CELL_MODEL="llama3.2", MODEL_WEIGHTS="hub", **home)
    assert done.returncode == exit_code, done.stdout + done.stderr
    (told,) = [line for line in done.stdout.splitlines() if " failed " in line]
    for word in words:
        assert word in told
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "results").glob("results/**/*.json"))
