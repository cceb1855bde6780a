"""What a cell says and leaves behind holds no credentials, whatever a library puts into its error."""

from pathlib import Path

import pytest

from contract.folder import DirStore
from tests.factories import task
from trainer.journal import Journal
from trainer.publish import traceback_tail

SECRET = "hf_top/secret+token"


@pytest.fixture
def error(monkeypatch: pytest.MonkeyPatch) -> Exception:
    """Of an HTTP library that shows the header which it refuses."""
    monkeypatch.setenv("HF_TOKEN", f"{SECRET}\n")
    header = f"Bearer {SECRET}\n".encode()
    return ValueError(f"Illegal header value {header!r}")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_and_the_progress_in_the_store(
    error: Exception, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = DirStore(tmp_path)
    journal = Journal(task(log={"format": form}), "a1", store)
    journal.event("failed", message=str(error))
    with journal.pulse():
        journal.write_log()
    said = [capsys.readouterr().out.encode(), *(store.get(key) for key in store.list(""))]
    assert len(said) == 3
    for text in said:
        assert b"Illegal header value" in text
        assert b"secret" not in text


def test_the_traceback_of_a_failure(error: Exception):
    lines = "\n".join(traceback_tail(error))
    assert "Illegal header value" in lines
    assert "secret" not in lines
