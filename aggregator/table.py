"""Outcomes to rows, one a cell and seed, and to boxes, one a model and subset over its seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from aggregator.collect import Damaged, Outcome
from contract.result import Metrics, Success
from contract.survey import Failed, Lost, Missing, Running, Stale
from contract.task import Task

Status = Literal["done", "running", "failed", "lost", "stale", "missing", "unreadable"]
Split = Literal["validation", "test"]

COLUMNS: dict[str, str] = {
    "model": "registered name",
    "labels": "number of labels",
    "samples": "comments drawn, training and validation together",
    "seed": "seed of the draw, the head and the training",
    "status": "done, running, failed, lost, stale, missing or unreadable",
    "val_accuracy": "validation accuracy at the best checkpoint, 0..1, as in the study",
    "test_accuracy": "accuracy on the fixed test comments, 0..1",
    "val_precision": "macro precision on validation, 0..1",
    "val_recall": "macro recall on validation, 0..1",
    "val_f1": "macro F1 on validation, 0..1",
    "test_precision": "macro precision on test, 0..1",
    "test_recall": "macro recall on test, 0..1",
    "test_f1": "macro F1 on test, 0..1",
    "test_comments": "number of test comments",
    "best_step": "optimizer step of the best checkpoint",
    "last_step": "last optimizer step",
    "stop": "completed or early_stopping",
    "seconds": "process start to result, s",
    "start_up_seconds": "process start to first optimizer step, s",
    "peak_memory_bytes": "peak memory, bytes: on a GPU what torch allocated, on a CPU the resident set",
    "trainable_parameters": "parameters of LoRA and head",
    "dtype": "compute type in use",
    "random_weights": "true: untrained weights, no result of the study",
    "synthetic_data": "true: generated comments, no result of the study",
    "fingerprint": "identity of everything that can change the result",
    "detail": "why a cell is not done",
}
"""The columns of results.csv and what they hold; what does not apply is empty, never zero."""


def status_of(outcome: Outcome) -> Status:
    """The outcome in one word."""
    match outcome:
        case Success():
            return "done"
        case Running():
            return "running"
        case Failed():
            return "failed"
        case Lost():
            return "lost"
        case Stale():
            return "stale"
        case Missing():
            return "missing"
        case Damaged():
            return "unreadable"


def detail_of(outcome: Outcome) -> str:
    """Why the cell is not done; empty when it is, or when nothing is known."""
    match outcome:
        case Running(progress):
            return f"{progress.phase}, step {progress.step} of {progress.planned_steps}"
        case Failed(failure):
            return f"{failure.error} (exit {failure.exit_code}): {failure.message}"
        case Lost(progress):
            return f"last sign at step {progress.step}, {progress.updated_at:%Y-%m-%d %H:%M} UTC" if progress else ""
        case Stale(changes):
            return "; ".join(f"{name} {then} -> {now}" for name, (then, now) in changes.items())
        case Damaged(key, reason):
            return f"{key}: {reason}"
        case _:
            return ""


def results_table(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row a task, in order, with COLUMNS."""
    rows = [_row(task, outcome) for task, outcome in zip(tasks, outcomes, strict=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(task: Task, outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = task.cell.model_dump()
    row |= {"status": status_of(outcome), "fingerprint": task.fingerprint(), "detail": detail_of(outcome)}
    return row | _measurements(outcome) if isinstance(outcome, Success) else row


def _measurements(success: Success) -> dict[str, Any]:
    by = success.provenance
    training = success.training.model_dump(
        include={"best_step", "last_step", "stop", "peak_memory_bytes", "trainable_parameters", "dtype"}
    )
    return {
        **_prefixed("val", success.validation),
        **_prefixed("test", success.test),
        **training,
        "test_comments": success.splits.test.comments,
        "seconds": (by.finished_at - by.started_at).total_seconds(),
        "start_up_seconds": success.start_up_seconds,
        "random_weights": success.random_weights,
        "synthetic_data": success.synthetic_data,
    }


def _prefixed(prefix: str, metrics: Metrics) -> dict[str, float]:
    return {f"{prefix}_{name}": getattr(metrics, name) for name in ("accuracy", "precision", "recall", "f1")}


@dataclass(frozen=True)
class Subset:
    """A column of the heatmap."""

    labels: int
    samples: int


@dataclass(frozen=True)
class Box:
    """A model on a subset, over its seeds. `accuracies` (0..1) are those of the seeds that are done."""

    accuracies: tuple[float, ...]
    seeds: int
    pending: Status | None
    """What stands in the way of the seeds that are not done, the most telling first; None when all are."""

    @property
    def mean(self) -> float | None:
        """Mean accuracy over the finished seeds, 0..1; None without any."""
        return sum(self.accuracies) / len(self.accuracies) if self.accuracies else None


_MOST_TELLING: tuple[Status, ...] = ("unreadable", "failed", "lost", "running", "stale", "missing")


def boxes(tasks: Sequence[Task], outcomes: Sequence[Outcome], split: Split) -> dict[tuple[str, Subset], Box]:
    """Every model and subset that was asked for."""
    grouped: dict[tuple[str, Subset], list[Outcome]] = {}
    for task, outcome in zip(tasks, outcomes, strict=True):
        subset = Subset(task.cell.labels, task.cell.samples)
        grouped.setdefault((task.cell.model, subset), []).append(outcome)
    return {place: _box(found, split) for place, found in grouped.items()}


def _box(outcomes: Iterable[Outcome], split: Split) -> Box:
    found = list(outcomes)
    statuses = {status_of(outcome) for outcome in found}
    return Box(
        accuracies=tuple(getattr(o, split).accuracy for o in found if isinstance(o, Success)),
        seeds=len(found),
        pending=next((status for status in _MOST_TELLING if status in statuses), None),
    )
