"""A result that is there makes its cell done; once all are done, those that cannot be read are named."""

import json
from pathlib import Path

import pytest

from contract.keys import result_key
from contract.result import encode
from contract.task import Task
from launcher.cells.damage import warn_of_damage
from tests.factories import publish, success, task
from tests.launcher.program import Launcher
from tests.launcher.test_verbs import tasks_of
from tests.watched import Watched


def cut_short(store: Watched, of: Task) -> str:
    key = result_key(of.cell.id, of.fingerprint())
    store.put(key, encode(success(of))[:-9])
    return key


def test_status_and_wait_name_a_damaged_result_and_the_way_out(launcher: Launcher) -> None:
    store, cells = Watched(launcher.results), tasks_of(launcher)
    damaged = cut_short(store, cells[0])
    for each in cells[1:-1]:
        publish(store, success(each))
    assert "cannot be trusted" not in launcher("status").stderr, "not yet all done"
    publish(store, success(cells[-1]))
    for verb in ("status", "wait"):
        done = launcher(verb, "--json")
        (warning,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
        assert f" {damaged} cannot be trusted: " in warning
        assert warning.endswith("; delete it, then submit again")
        assert json.loads(done.stdout)["totals"] == {"done": 4}


def test_of_a_large_run_a_sample_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Watched(tmp_path)
    cells = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(300)]
    for each in cells[1:]:
        publish(store, success(each))
    damaged = cut_short(store, cells[0])
    store.asked.clear()
    warn_of_damage(cells, store)
    assert len(store.asked) == 96
    assert damaged in capsys.readouterr().err
