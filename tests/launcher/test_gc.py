"""`launcher gc` removes what attempts left behind, and never what a result refers to."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.folder import DirStore
from contract.keys import attempt_key, checkpoint_key, result_key
from contract.result import artifact, encode
from contract.task import Task
from launcher.cli import main
from launcher.verbs.gc import leftovers
from tests.factories import failure, progress, publish, success, task

DAY = 86400
DONE, UNFINISHED = task(), task(cell={"model": "bert", "labels": 4, "samples": 80})


class Kept(DirStore):
    """A folder whose files are as old as they are made."""

    def age(self, days: float, prefix: str = "") -> None:
        for key in self.list(prefix):
            os.utime(self.root / key, (time.time() - days * DAY,) * 2)


@pytest.fixture
def store(tmp_path: Path) -> Kept:
    """A finished cell with its artifacts, an attempt at it that failed; an unfinished cell with a checkpoint."""
    store = Kept(tmp_path)
    finish(store, DONE)
    publish(store, progress(DONE, attempt="a1"))
    publish(store, failure(DONE, attempt="a0"))
    publish(store, failure(UNFINISHED, attempt="a2"))
    store.put(checkpoint_key(UNFINISHED.cell.id, UNFINISHED.fingerprint(), "a2", 10, "optimizer.pt"), b"x")
    store.put("attempts/notes.txt", b"somebody's own")
    store.put("runs/full.json", b"{}")
    return store


def finish(store: DirStore, of: Task) -> None:
    key = attempt_key(of.cell.id, of.fingerprint(), "a1", "losses.csv")
    store.put(key, b"step,loss\n")
    publish(store, success(of).model_copy(update={"artifacts": {"losses.csv": artifact(key, b"step,loss\n")}}))


@pytest.fixture
def gc(store: Kept, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Run the verb; the keys that it names, less cell and fingerprint."""

    def run(*options: str) -> list[str]:
        assert main(["gc", "--results-uri", str(store.root), "--json", *options]) == 0
        places = json.loads(capsys.readouterr().out)["places"]
        return sorted(key.split("/")[0] + "/" + key.split("/", 3)[3] for place in places for key in place["files"])

    return run


LEFT_BEHIND = [
    "attempts/a0/failure.json",
    "attempts/a1/progress.json",
    "attempts/a2/failure.json",
    "checkpoints/a2/10/optimizer.pt",
]


def test_lists_what_no_result_refers_to_and_removes_nothing(store: Kept, gc: Callable[..., list[str]]):
    store.age(31)
    before = list(store.list(""))
    assert gc() == LEFT_BEHIND
    assert list(store.list("")) == before


def test_removes_it_and_nothing_else(store: Kept, gc: Callable[..., list[str]]):
    store.age(31)
    before = set(store.list(""))
    assert gc("--yes") == LEFT_BEHIND
    gone = before - set(store.list(""))
    assert len(gone) == len(LEFT_BEHIND)
    assert store.get("attempts/notes.txt") == b"somebody's own"
    assert gc() == []


def test_an_attempt_is_as_young_as_its_youngest_file(store: Kept, gc: Callable[..., list[str]]):
    """One that still runs writes its progress; its checkpoint may be hours old."""
    store.age(31)
    os.utime(store.root / attempt_key(DONE.cell.id, DONE.fingerprint(), "a1", "losses.csv"))
    os.utime(store.root / attempt_key(DONE.cell.id, DONE.fingerprint(), "a0", "failure.json"))
    assert gc() == LEFT_BEHIND[2:]


def test_the_age_is_stated(store: Kept, gc: Callable[..., list[str]]):
    store.age(2)
    assert gc() == []
    assert gc("--older-than", "3d") == []
    assert gc("--older-than", "47h") == LEFT_BEHIND


def test_a_result_that_cannot_be_read_may_refer_to_anything_of_its_cell(store: Kept, gc: Callable[..., list[str]]):
    key = result_key(DONE.cell.id, DONE.fingerprint())
    store.put(key, encode(success(DONE))[:-9])
    store.age(31)
    assert gc("--yes") == LEFT_BEHIND[2:]


def test_what_is_published_during_the_listing_keeps_its_files(tmp_path: Path):
    class Publishing(Kept):
        def entries(self, prefix: str):
            yield from list(super().entries(prefix))
            finish(self, DONE)

    store = Publishing(tmp_path)
    store.put(attempt_key(DONE.cell.id, DONE.fingerprint(), "a1", "losses.csv"), b"step,loss\n")
    assert leftovers(store, datetime.now(UTC)) == []


def test_people_are_told_in_a_table(store: Kept, capsys: pytest.CaptureFixture[str]):
    store.age(31)
    assert main(["gc", "--results-uri", str(store.root)]) == 0
    assert "4 files, 0.0 MB: --yes removes them" in capsys.readouterr().out
    assert main(["gc", "--results-uri", str(store.root), "--yes"]) == 0
    assert "4 files, 0.0 MB: removed" in capsys.readouterr().out
    assert main(["gc", "--results-uri", str(store.root)]) == 0
    assert capsys.readouterr().out == "nothing is left over\n"
    assert main(["gc", "--results-uri", str(store.root), "--older-than", "soon"]) == 2
    assert "bad time 'soon'" in capsys.readouterr().err
