"""A box is what the heatmap draws: a model on a subset, over its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from aggregator.outcomes.describe import Status, error_of, status_of
from aggregator.reading.collect import Outcome
from contract.result import Metrics, Success
from contract.task import Task

Split = Literal["validation", "test"]
Metric = Literal["accuracy", "precision", "recall", "f1"]


@dataclass(frozen=True, order=True)
class Subset:
    """A column of the heatmap; ordered by labels, then samples."""

    labels: int
    samples: int

    def __str__(self) -> str:
        return f"{self.labels} labels x {self.samples}"


@dataclass(frozen=True)
class Box:
    """A model on a subset in one split."""

    split: Split
    done: tuple[Success, ...]
    """The finished seeds, in the order of the grid."""
    seeds: int
    pending: Status | None
    """What stands in the way of the seeds that are not done, the most telling first; None when all are."""
    error: str | None
    """Why the first of its failed seeds failed, in one word."""

    @property
    def scores(self) -> tuple[Metrics, ...]:
        """One a finished seed."""
        return tuple(getattr(success, self.split) for success in self.done)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """One a finished seed, each in 0..1."""
        return tuple(metrics.accuracy for metrics in self.scores)

    @property
    def mean(self) -> float | None:
        """Mean accuracy over the finished seeds, 0..1; None without any."""
        return self.mean_of("accuracy") if self.done else None

    def mean_of(self, metric: Metric) -> float:
        """Mean over the finished seeds, 0..1; there must be one."""
        return fmean(getattr(metrics, metric) for metrics in self.scores)

    @property
    def comments(self) -> int:
        """Size of the split that each seed was scored on; a seed must be done."""
        return int(getattr(self.done[0].splits, self.split).comments)

    @property
    def majority(self) -> float:
        """Accuracy of always naming the split's most frequent label, 0..1; a seed must be done."""
        of_each_label = [sum(row) for row in self.scores[0].confusion]
        return max(of_each_label) / sum(of_each_label)


Place = tuple[str, Subset]
"""A model and a subset."""

Boxes = dict[Place, Box]
"""In the order of the grid; a place that was not asked for is absent."""

_MOST_TELLING: tuple[Status, ...] = ("unreadable", "failed", "lost", "running", "stale", "missing")


def boxes(tasks: Sequence[Task], outcomes: Sequence[Outcome], split: Split) -> Boxes:
    """Every model and subset that was asked for."""
    grouped: dict[Place, list[Outcome]] = {}
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
    statuses = {status_of(outcome) for outcome in outcomes}
    return Box(
        split=split,
        done=tuple(outcome for outcome in outcomes if isinstance(outcome, Success)),
        seeds=len(outcomes),
        pending=next((status for status in _MOST_TELLING if status in statuses), None),
        error=next(filter(None, map(error_of, outcomes)), None),
    )
