"""The rows of results.csv and results.parquet: one a cell and seed. What does not apply is None, never zero."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from aggregator.outcomes.describe import attempt_of, detail_of, log_key_of, status_of
from aggregator.outcomes.settings import changed_settings, in_words
from aggregator.reading.collect import Outcome
from contract.result import Metrics, Success
from contract.task import Task

COLUMNS: dict[str, tuple[type, str]] = {
    "model": (str, "registered name"),
    "labels": (int, "number of labels"),
    "samples": (int, "comments drawn, training and validation together"),
    "seed": (int, "seed of the draw, the head and the training"),
    "status": (str, "done, running, failed, lost, stale, unreadable or missing"),
    "val_accuracy": (float, "validation accuracy at the best checkpoint, 0..1, as in the study"),
    "test_accuracy": (float, "accuracy on the fixed test comments, 0..1"),
    "val_precision": (float, "macro precision on validation, 0..1"),
    "val_recall": (float, "macro recall on validation, 0..1"),
    "val_f1": (float, "macro F1 on validation, 0..1"),
    "test_precision": (float, "macro precision on test, 0..1"),
    "test_recall": (float, "macro recall on test, 0..1"),
    "test_f1": (float, "macro F1 on test, 0..1"),
    "val_comments": (int, "number of validation comments"),
    "test_comments": (int, "number of test comments"),
    "best_step": (int, "optimizer step of the best checkpoint"),
    "last_step": (int, "last optimizer step"),
    "stop": (str, "completed or early_stopping"),
    "seconds": (float, "process start to result, s"),
    "start_up_seconds": (float, "process start to first optimizer step, s"),
    "peak_memory_bytes": (int, "peak memory, bytes: on a GPU what torch allocated, on a CPU the resident set"),
    "device": (str, "the GPU's name, or cpu"),
    "trainable_parameters": (int, "parameters of LoRA and head"),
    "dtype": (str, "compute type in use"),
    "random_weights": (bool, "true: untrained weights, no result of the study"),
    "synthetic_data": (bool, "true: generated comments, no result of the study"),
    "settings": (str, "those that can change a result and are not at their defaults"),
    "fingerprint": (str, "identity of everything that can change the result"),
    "attempt": (str, "the attempt that the row comes from"),
    "log": (str, "store key of its log, or of its last progress"),
    "detail": (str, "why a cell is not done"),
}
"""The columns of results.csv and results.parquet: the type of their values and what they hold."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a formula begins with in one spreadsheet or another."""

Row = dict[str, Any]
"""Column -> value, for every column."""


def results_table(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> list[Row]:
    """One row a task, in order.

    Not a pandas frame: its import alone costs a third of the report's time, and it turns the whole numbers of a
    column into fractions as soon as one cell is missing.
    """
    return [_row(task, outcome) for task, outcome in zip(tasks, outcomes, strict=True)]


def as_csv(rows: Sequence[Row]) -> str:
    """Header and rows with LF line ends; None is empty, truth is `true` or `false`, floats have all their digits.

    Words that a spreadsheet would take for a formula get an apostrophe in front, as OWASP advises: some come from pods.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: _plain(value) for column, value in row.items()} for row in rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    match value:
        case bool():
            return str(value).lower()
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def _row(task: Task, outcome: Outcome) -> Row:
    known = task.cell.model_dump() | {
        "status": status_of(outcome),
        "settings": in_words(changed_settings(task)),
        "fingerprint": task.fingerprint(),
        "attempt": attempt_of(outcome),
        "log": log_key_of(outcome),
        "detail": detail_of(outcome),
    }
    measured = _measurements(outcome) if isinstance(outcome, Success) else {}
    return dict.fromkeys(COLUMNS) | known | measured


def _measurements(success: Success) -> Row:
    training = success.training.model_dump(
        include={"best_step", "last_step", "stop", "peak_memory_bytes", "trainable_parameters", "dtype"}
    )
    return {
        **_prefixed("val", success.validation),
        **_prefixed("test", success.test),
        **training,
        "val_comments": success.splits.validation.comments,
        "test_comments": success.splits.test.comments,
        "seconds": success.provenance.seconds,
        "start_up_seconds": success.start_up_seconds,
        "device": success.provenance.device,
        "random_weights": success.random_weights,
        "synthetic_data": success.synthetic_data,
    }


def _prefixed(prefix: str, metrics: Metrics) -> dict[str, float]:
    return {f"{prefix}_{name}": getattr(metrics, name) for name in ("accuracy", "precision", "recall", "f1")}
