"""When a training is saved and which checkpoints stay, on a real store; a store that fails ends no training."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.exits import StoreFailed
from contract.folder import DirStore
from contract.task import Task, Train
from tests.factories import task
from trainer.checkpointer import Checkpointer
from trainer.failures import Preempted, Termination
from trainer.journal import Journal
from trainer.snapshot import FILES, Snapshot

HERE = {"torch": "2.13.0"}


def snapshot(step: int) -> Snapshot:
    return Snapshot(step, {name: f"{name} after {step}".encode() for name in FILES[Train().engine]})


class Attempt:
    """One attempt at the cell of `root`."""

    def __init__(self, root: Path, name: str = "a1", of: Task | None = None) -> None:
        self.store = DirStore(root)
        self.task = of or task(checkpoint={"minutes": 0.001})
        self.termination = Termination(grace_seconds=60)
        self.journal = Journal(self.task, name, self.store)
        self.checkpointer = Checkpointer(self.store, self.task, self.journal, self.termination, HERE)

    def places(self) -> list[str]:
        """attempt/step of every checkpoint in the store."""
        return sorted({"/".join(key.split("/")[3:5]) for key in self.store.list("checkpoints/")})

    def said(self) -> str:
        return self.journal.log_bytes().decode()


@pytest.fixture
def sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_only_the_latest_stays(tmp_path: Path):
    attempt = Attempt(tmp_path)
    for step in (10, 20, 30):
        attempt.checkpointer.keep(snapshot(step))
    assert attempt.places() == ["a1/30"]
    assert attempt.said().count("checkpoint-saved step=") == 3


def test_the_next_attempt_goes_on_and_then_replaces_what_it_found(tmp_path: Path):
    Attempt(tmp_path, "a1").checkpointer.keep(snapshot(10))
    following = Attempt(tmp_path, "a2")
    assert following.checkpointer.resume() == snapshot(10)
    assert following.places() == ["a1/10"], "until there is something better"
    following.checkpointer.keep(snapshot(20))
    assert following.places() == ["a2/20"]
    assert "resumed step=10 attempt=a1" in following.said()


def test_attempts_that_overlap_leave_each_other_alone(tmp_path: Path):
    one, other = Attempt(tmp_path, "a1"), Attempt(tmp_path, "a2")
    assert one.checkpointer.resume() is other.checkpointer.resume() is None
    for step in (10, 20):
        one.checkpointer.keep(snapshot(step))
        other.checkpointer.keep(snapshot(step + 5))
    assert one.places() == ["a1/20", "a2/25"]
    one.checkpointer.discard()
    assert one.places() == []
    other.checkpointer.keep(snapshot(30))
    other.checkpointer.discard()
    assert one.places() == []


def test_one_that_cannot_be_used_is_told_once(tmp_path: Path):
    before = Attempt(tmp_path, "a1")
    before.checkpointer.keep(snapshot(10))
    key = next(key for key in before.store.list("checkpoints/") if key.endswith("optimizer.pt"))
    before.store.put(key, b"damaged")
    following = Attempt(tmp_path, "a2")
    assert following.checkpointer.resume() is None
    (line,) = following.said().splitlines()
    assert "checkpoint-not-used" in line
    assert "optimizer.pt does not match its sha256" in line


def test_it_is_due_by_the_clock_only_when_asked_for(tmp_path: Path):
    often, never = Attempt(tmp_path), Attempt(tmp_path, of=task(checkpoint={"minutes": 0}))
    assert not often.checkpointer.is_due()
    time.sleep(0.07)
    assert often.checkpointer.is_due()
    assert not never.checkpointer.is_due()
    often.checkpointer.keep(snapshot(10))
    assert not often.checkpointer.is_due()


@pytest.mark.usefixtures("sigterm")
def test_sigterm_makes_it_due_and_ends_the_training_once_it_is_saved(tmp_path: Path):
    attempt = Attempt(tmp_path, of=task(checkpoint={"minutes": 0}))
    attempt.termination.watch()
    with attempt.termination.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        assert attempt.checkpointer.is_due()
        with pytest.raises(Preempted, match="checkpoint at step 10 saved"):
            attempt.checkpointer.keep(snapshot(10))
    assert attempt.places() == ["a1/10"]


@pytest.mark.usefixtures("sigterm")
def test_a_store_that_fails_ends_no_training_and_the_message_says_what_is_safe(tmp_path: Path):
    attempt = Attempt(tmp_path / "store")
    attempt.checkpointer.keep(snapshot(10))
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").write_text("a file where the folder was")
    attempt.checkpointer.keep(snapshot(20))
    attempt.checkpointer.discard()
    assert "checkpoint-not-saved reason=" in attempt.said()
    attempt.termination.watch()
    with attempt.termination.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Preempted, match="checkpoint at step 10 saved"):
            attempt.checkpointer.keep(snapshot(30))


def test_a_store_that_cannot_be_read_does_not_make_the_cell_begin_anew(tmp_path: Path):
    (tmp_path / "checkpoints").symlink_to(tmp_path / "checkpoints")
    with pytest.raises(StoreFailed, match="cannot list"):
        Attempt(tmp_path).checkpointer.resume()


@pytest.mark.usefixtures("sigterm")
def test_without_a_checkpoint_the_message_does_not_promise_one(tmp_path: Path):
    attempt = Attempt(tmp_path)
    attempt.termination.watch()
    with pytest.raises(Preempted, match="this attempt saved nothing"):
        os.kill(os.getpid(), signal.SIGTERM)
