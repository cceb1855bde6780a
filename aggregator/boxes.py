"""A box is what the heatmap draws: a model on a subset, over its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from aggregator.collect import Outcome
from aggregator.describe import Status, error_of, status_of
from contract.result import Success
from contract.task import Task

Split = Literal["validation", "test"]


@dataclass(frozen=True, order=True)
class Subset:
    """A column of the heatmap; ordered by labels, then samples."""

    labels: int
    samples: int

    def __str__(self) -> str:
        return f"{self.labels} labels x {self.samples}"


@dataclass(frozen=True)
class Box:
    """A model on a subset in one split. `accuracies` (0..1) are those of the seeds that are done."""

    accuracies: tuple[float, ...]
    seeds: int
    comments: int | None
    """Size of the split that each seed was scored on; None while no seed is done."""
    pending: Status | None
    """What stands in the way of the seeds that are not done, the most telling first; None when all are."""
    error: str | None
    """Why the first of its failed seeds failed, in one word."""

    @property
    def mean(self) -> float | None:
        """Mean accuracy over the finished seeds, 0..1; None without any."""
        return fmean(self.accuracies) if self.accuracies else None


Boxes = dict[tuple[str, Subset], Box]
"""(model, subset) -> box, in the order of the grid; a pair that was not asked for is absent."""

_MOST_TELLING: tuple[Status, ...] = ("unreadable", "failed", "lost", "running", "stale", "missing")


def boxes(tasks: Sequence[Task], outcomes: Sequence[Outcome], split: Split) -> Boxes:
    """Every model and subset that was asked for."""
    grouped: dict[tuple[str, Subset], list[Outcome]] = {}
    for task, outcome in zip(tasks, outcomes, strict=True):
        subset = Subset(task.cell.labels, task.cell.samples)
        grouped.setdefault((task.cell.model, subset), []).append(outcome)
    return {place: _box(found, split) for place, found in grouped.items()}


def models_of(found: Boxes) -> list[str]:
    """The rows of the heatmap, in the order of the grid."""
    return list(dict.fromkeys(model for model, _ in found))


def subsets_of(found: Boxes) -> list[Subset]:
    """The columns of the heatmap, in order."""
    return sorted({subset for _, subset in found})


def _box(outcomes: Sequence[Outcome], split: Split) -> Box:
    done = [outcome for outcome in outcomes if isinstance(outcome, Success)]
    statuses = {status_of(outcome) for outcome in outcomes}
    return Box(
        accuracies=tuple(getattr(success, split).accuracy for success in done),
        seeds=len(outcomes),
        comments=getattr(done[0].splits, split).comments if done else None,
        pending=next((status for status in _MOST_TELLING if status in statuses), None),
        error=next(filter(None, map(error_of, outcomes)), None),
    )
