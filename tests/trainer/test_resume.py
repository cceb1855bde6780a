"""A training that was stopped and goes on in another process ends as if it had never been stopped: bit for bit."""

import io
import pickle
import random
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tests.trainer.small_cell import Cell, Keeper
from trainer.failures import Preempted
from trainer.snapshot import FILES, Snapshot
from trainer.work import Fitted

STEPS_PER_EPOCH = 18
"""72 comments in batches of 4."""
SETTINGS = {"epochs": 2, "eval_steps": 3, "learning_rate": 1e-3, "seed": 7, "early_stopping_patience": 99}


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind."""

    fitted: Fitted
    weights: dict[str, torch.Tensor]
    predictions: NDArray[np.float64]


@pytest.fixture(params=["fast", "reference"])
def engine(request: pytest.FixtureRequest) -> dict[str, object]:
    return {"engine": request.param}


def small_cell(**hyper: object) -> Cell:
    """The cell as a new process finds it: no generator stands where a training left it."""
    cell = Cell(**(SETTINGS | hyper))
    transformers.set_seed(random.SystemRandom().randrange(2**31))
    return cell


def train(cell: Cell, keeper: Keeper | None = None, resume: Snapshot | None = None) -> Trained:
    fitted = cell.fit(keeper=keeper, resume=resume)
    return Trained(fitted, cell.weights(), cell.predictions())


@cache
def uninterrupted(**hyper: object) -> Trained:
    return train(small_cell(**hyper))


def stopped(cell: Cell, after: int, resume: Snapshot | None = None) -> Snapshot:
    """What is left of the cell when it is preempted so many steps on."""
    keeper = Keeper(stop_after=after)
    with pytest.raises(Preempted):
        cell.fit(keeper=keeper, resume=resume)
    (snapshot,) = keeper.snapshots
    return snapshot


def assert_same(found: Trained, expected: Trained) -> None:
    """All but the time, and where it went on."""
    blank = {"first_step_at": 0.0, "resumed_from_step": None}
    assert replace(found.fitted, **blank) == replace(expected.fitted, **blank)
    assert found.weights.keys() == expected.weights.keys()
    assert all(torch.equal(found.weights[name], expected.weights[name]) for name in expected.weights)
    np.testing.assert_array_equal(found.predictions, expected.predictions)


@pytest.mark.parametrize(
    ("stops", "hyper"),
    [
        pytest.param([5], {}, id="middle-of-an-epoch"),
        pytest.param([6], {}, id="right-after-an-evaluation"),
        pytest.param([STEPS_PER_EPOCH], {}, id="edge-of-an-epoch"),
        pytest.param([1], {}, id="before-any-evaluation"),
        pytest.param([2 * STEPS_PER_EPOCH - 1], {}, id="before-the-last-step"),
        pytest.param([4, 9, 1, 6, 11], {}, id="five-times"),
        pytest.param([3], {"gradient_accumulation_steps": 4}, id="accumulation"),
        pytest.param([5], {"gradient_accumulation_steps": 4}, id="accumulation-at-the-edge-of-an-uneven-epoch"),
        pytest.param([7, 12], {"optimizer": "adamw_torch", "lr_scheduler": "linear"}, id="adamw-torch"),
        pytest.param([8], {"batch_size": 5, "lr_scheduler": "constant", "weight_decay": 0.1}, id="uneven-batches"),
        pytest.param([10], {"precision": "bf16"}, id="bf16"),
    ],
)
def test_ends_as_if_it_had_never_been_stopped(engine, stops: list[int], hyper: dict[str, object]):
    hyper = hyper | engine
    snapshot = None
    for after in stops:
        snapshot = stopped(small_cell(**hyper), after, snapshot)
    cell = small_cell(**hyper)
    resumed, whole = train(cell, resume=snapshot), uninterrupted(**hyper)
    assert_same(resumed, whole)
    assert (resumed.fitted.resumed_from_step, whole.fitted.resumed_from_step) == (sum(stops), None)
    assert cell.recorder.steps == list(range(sum(stops) + 1, whole.fitted.last_step + 1))


def test_patience_and_best_weights_outlive_the_stop(engine):
    hyper = {"early_stopping_patience": 3} | engine
    whole = uninterrupted(**hyper)
    best, last = whole.fitted.best_step, whole.fitted.last_step
    assert (whole.fitted.stop, last) == ("early_stopping", best + 9)
    snapshot = stopped(small_cell(**hyper), best + 4)
    assert_same(train(small_cell(**hyper), resume=snapshot), whole)


def test_saving_changes_nothing_and_the_last_step_is_not_saved(engine):
    keeper = Keeper(every=1)
    assert_same(train(small_cell(**engine), keeper), uninterrupted(**engine))
    assert [snapshot.step for snapshot in keeper.snapshots] == list(range(1, 2 * STEPS_PER_EPOCH))
    assert {tuple(sorted(snapshot.files)) for snapshot in keeper.snapshots} == {tuple(sorted(FILES[engine["engine"]]))}


def test_a_step_that_ends_the_training_early_is_not_saved(engine):
    keeper = Keeper(every=1)
    trained = train(small_cell(early_stopping_patience=3, **engine), keeper)
    assert keeper.snapshots[-1].step == trained.fitted.last_step - 1


class Opening:
    """Pickled, a call of `open`: whoever unpickles it makes the file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self._path, "w")


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("fast", "optimizer.pt"),
        ("reference", "optimizer.pt"),
        ("reference", "scheduler.pt"),
        ("reference", "rng_state.pth"),
    ],
)
def test_a_pickle_in_a_snapshot_is_not_carried_out(engine: str, name: str, tmp_path: Path):
    """Whoever may write to the store could otherwise run a program in the next attempt's pod."""
    data = io.BytesIO()
    torch.save(Opening(str(tmp_path / "made")), data)
    snapshot = stopped(small_cell(engine=engine), 5)
    forged = replace(snapshot, files=snapshot.files | {name: data.getvalue()})
    with pytest.raises(pickle.UnpicklingError):
        small_cell(engine=engine).fit(resume=forged)
    assert not (tmp_path / "made").exists()
