"""What a trainer that ended by itself, before anybody had sent it a signal, counts as."""

import signal
from pathlib import Path

import pytest

from contract.exits import BAD_INPUT
from contract.keys import result_key
from contract.result import encode
from contract.revision import resolve
from faults import kills
from faults.attempts import environment
from faults.kills import SETTINGS, killed
from faults.worth import Lost
from tests.factories import success
from trainer.settings import task_from_environment


def test_a_start_that_fails_is_told(tmp_path: Path):
    folder = tmp_path / "0"
    folder.write_text("not a folder")
    with pytest.raises(Lost, match=f"ended with {BAD_INPUT.number} before first-step: .*is not writable"):
        killed(folder, "first-step", 0.0, signal.SIGKILL)


def test_a_trainer_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kills, "_LONGEST_LIFE_SECONDS", 0.1)
    with pytest.raises(Lost, match=f"ended with {-signal.SIGABRT} before first-step"):
        killed(tmp_path / "0", "first-step", 0.0, signal.SIGKILL)


def test_a_cell_that_was_done_before_was_not_killed(tmp_path: Path):
    folder = tmp_path / "0"
    (task,) = resolve([task_from_environment(environment(str(folder)) | SETTINGS)])
    result = folder / result_key(task.cell.id, task.fingerprint())
    result.parent.mkdir(parents=True)
    result.write_bytes(encode(success(task)))
    assert killed(folder, "first-step", 0.0, signal.SIGKILL) is None
