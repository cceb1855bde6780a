"""Trainers that are stopped, killed, frozen and overtaken, as processes: one result, as if nothing had been.

On a bucket of a real MinIO; what a folder promises beyond it, tests/contract/ shows.
"""

import random
import re
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from contract.opening import open_store
from contract.result import Failure, Success, decode
from contract.store import Store
from tests.cluster.minio import Minio
from tests.trainer.program import await_event, documents, only, result_of, run, running

CELL = {"HYPER_EPOCHS": "4", "HYPER_EARLY_STOPPING_PATIENCE": "99"}
MOMENTS = random.Random(20261125)

pytestmark = pytest.mark.timeout(1200)  # five starts of the training stack, on a machine that may be busy


class Overtaken(NamedTuple):
    """A cell that one attempt trained undisturbed while another was frozen, which went on to its end afterwards."""

    cell: dict[str, str]
    store: Store
    published: bytes
    """The result before the late attempt went on."""
    late_code: int
    late_words: str


@pytest.fixture(scope="module", autouse=True)
def settings(minio: Minio) -> Iterator[None]:
    """The environment of every program that uses MinIO."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in minio.environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module", params=["fast", "reference"])
def overtaken(request: pytest.FixtureRequest, minio: Minio, settings: None) -> Overtaken:
    cell = CELL | {"TRAIN_ENGINE": request.param}
    store = open_store(f"s3://{minio.new_bucket('overtaken')}/study")
    with running(store.uri, CHECKPOINT_MINUTES="0.1", **cell) as late:
        await_event(late, "first-step")
        late.send_signal(signal.SIGSTOP)
        in_time = run(store.uri, **cell)
        assert in_time.returncode == 0, in_time.stdout + in_time.stderr
        published = store.get(only(list(store.list("results/"))))
        late.send_signal(signal.SIGCONT)
        words, _ = late.communicate(timeout=300)
    return Overtaken(cell, store, published, late.returncode, words)


def files(store: Store, success: Success) -> dict[str, bytes]:
    """What the cell is worth, byte by byte; the log tells of each attempt."""
    return {name: store.get(part.key) for name, part in success.artifacts.items() if name != "log.txt"}


def test_a_late_attempt_overwrites_nothing_and_is_no_failure(overtaken: Overtaken):
    assert overtaken.late_code == 0
    assert "already-published" in overtaken.late_words
    assert overtaken.store.get(only(list(overtaken.store.list("results/")))) == overtaken.published
    assert list(overtaken.store.list("checkpoints/")) == []
    assert documents(overtaken.store, "failure.json") == []


def test_a_cell_that_was_stopped_and_killed_ends_as_if_it_had_not_been(overtaken: Overtaken, bucket: str):
    store = open_store(f"s3://{bucket}/study")
    with running(store.uri, CHECKPOINT_MINUTES="0", **overtaken.cell) as stopped:
        await_event(stopped, "first-step")
        time.sleep(MOMENTS.uniform(0, 1))
        stopped.send_signal(signal.SIGTERM)
        words, _ = stopped.communicate(timeout=90)  # the grace period's default
    assert stopped.returncode == 15, words
    failure = decode(store.get(only(documents(store, "failure.json"))), Failure)
    assert f"checkpoint at step {failure.last_step} saved" in failure.message

    with running(store.uri, CHECKPOINT_MINUTES="0.001", **overtaken.cell) as killed:
        assert f"step={failure.last_step} " in await_event(killed, "resumed")
        saved = await_event(killed, "checkpoint-saved")
        time.sleep(MOMENTS.uniform(0, 0.5))
    assert killed.returncode == -signal.SIGKILL

    done = run(store.uri, **overtaken.cell)
    assert (done.returncode, done.stderr) == (0, "")
    success, undisturbed = result_of(store), decode(overtaken.published, Success)
    assert undisturbed.training.resumed_from_step is None
    assert success.training.resumed_from_step >= int(re.search(r"step=(\d+)", saved)[1]) > failure.last_step
    for part in ("validation", "test", "history"):
        assert getattr(success, part) == getattr(undisturbed, part)
    assert files(store, success) == files(overtaken.store, undisturbed)
    assert list(store.list("checkpoints/")) == []
    assert 0 < success.start_up_seconds < success.provenance.seconds
