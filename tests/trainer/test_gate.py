"""The gate of the fast engine: on the real corpus its cells are as good as the reference's, over seeds.

`make test-engines` trains 26 cells, about a minute each and two at a time, and prints what they reached. Chance moves
one accuracy over 518 comments by 0.010, more than the reference's own spread at 2 labels: three seeds decide nothing.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import pytest

from contract.result import Success
from contract.task import Engine
from tests.trainer.test_goemotions import train_minilm

SEEDS = {2: range(10), 8: range(3)}
CELLS_AT_A_TIME = 2


def trained(engine: Engine, labels: int, folder: Path, corpus: Path) -> list[Success]:
    """A cell for each seed, at the learning rate with which MiniLM learns eight labels too."""

    def train(seed: int) -> Success:
        cell = {"CELL_LABELS": str(labels), "CELL_SEED": str(seed), "HYPER_LEARNING_RATE": "1e-3"}
        return train_minilm(folder / f"{engine}-{seed}", corpus, TRAIN_ENGINE=engine, **cell)

    with ThreadPoolExecutor(CELLS_AT_A_TIME) as pool:
        return list(pool.map(train, SEEDS[labels]))


def told(engine: Engine, cells: Sequence[Success]) -> None:
    for cell in cells:
        training = cell.training
        words = f"{training.stop} at step {training.last_step}, best at {training.best_step}"
        sys.stdout.write(f"{engine} {cell.cell.id}: test {cell.test.accuracy:.3f}, {words}\n")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("labels", [2, 8])
def test_the_mean_over_seeds_is_within_the_spread_of_the_reference(labels: int, goemotions: Path, tmp_path: Path):
    fast = trained("fast", labels, tmp_path, goemotions)
    reference = trained("reference", labels, tmp_path, goemotions)
    told("fast", fast)
    told("reference", reference)
    accuracies = [cell.test.accuracy for cell in reference]
    assert min(accuracies) <= mean(cell.test.accuracy for cell in fast) <= max(accuracies)
    for one, other in zip(fast, reference, strict=True):
        assert one.splits == other.splits
        assert one.training.planned_steps == other.training.planned_steps
    for cell in (*fast, *reference):
        last = cell.history[-1].step
        evaluations = [e.step for e in cell.history]
        waited = sum(step > cell.training.best_step for step in evaluations)
        stopped = cell.training.stop == "early_stopping"
        assert last == cell.training.last_step
        assert stopped == (waited >= 10 and last < cell.training.planned_steps)
