"""The heatmap as tables: one for each metric, split and choice of seeds, of which the page shows the chosen one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from aggregator.outcomes.boxes import Box, Boxes, Metric, Place, Split, Subset, boxes, models_of, subsets_of
from aggregator.outcomes.describe import Status
from aggregator.reading.collect import Outcome
from contract.task import Task

METRICS: Mapping[Metric, str] = {
    "accuracy": "accuracy",
    "f1": "macro F1",
    "precision": "macro precision",
    "recall": "macro recall",
}


@dataclass(frozen=True)
class Score:
    """One place of the heatmap: a number, or in a word why there is none."""

    value: float | None
    """Mean over the finished seeds, 0..1."""
    pending: Status | None
    """What stands in the way of seeds that are not done; None when all are."""
    note: str = ""
    """Why it failed, or how many of the seeds are in the mean."""
    best: bool = False


@dataclass(frozen=True)
class View:
    """A heatmap of one metric."""

    metric: Metric
    split: Split
    seed: int | None
    """None: the mean over all seeds."""
    rows: Mapping[str, Sequence[Score | None]]
    """Model -> a score for each subset, in their order; None where a place was not asked for."""

    @property
    def words(self) -> str:
        """What is shown, the seed apart."""
        metric = METRICS[self.metric]
        return f"{metric[0].upper()}{metric[1:]} on {self.split}, %"


def views(tasks: Sequence[Task], outcomes: Sequence[Outcome], best: Collection[Place]) -> list[View]:
    """Every view, the study's first. `best` are the places whose mean test accuracy is not told from the highest."""
    subsets = subsets_of(boxes(tasks, outcomes, "test"))
    return [
        _view(found, subsets, metric, split, seed, best)
        for seed in _seeds(tasks)
        for split in get_args(Split)
        for found in [_boxes(tasks, outcomes, split, seed)]
        for metric in METRICS
    ]


def _seeds(tasks: Sequence[Task]) -> list[int | None]:
    seeds = sorted({task.cell.seed for task in tasks})
    return [None, *seeds] if len(seeds) > 1 else [None]


def _boxes(tasks: Sequence[Task], outcomes: Sequence[Outcome], split: Split, seed: int | None) -> Boxes:
    pairs = zip(tasks, outcomes, strict=True)
    chosen = [(task, outcome) for task, outcome in pairs if seed is None or task.cell.seed == seed]
    return boxes([task for task, _ in chosen], [outcome for _, outcome in chosen], split)


def _view(
    found: Boxes, subsets: Sequence[Subset], metric: Metric, split: Split, seed: int | None, best: Collection[Place]
) -> View:
    framed = best if (metric, split, seed) == ("accuracy", "test", None) else ()
    rows = {
        model: [_score(found.get((model, subset)), metric, best=(model, subset) in framed) for subset in subsets]
        for model in models_of(found)
    }
    return View(metric, split, seed, rows)


def _score(box: Box | None, metric: Metric, *, best: bool) -> Score | None:
    if box is None:
        return None
    if not box.done:
        return Score(None, box.pending, (box.error or "") if box.pending == "failed" else "")
    partial = f"{len(box.done)}/{box.seeds} seeds" if box.pending else ""
    return Score(box.mean_of(metric), box.pending, partial, best)
