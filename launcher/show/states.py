"""The states of cells in words: a table for people, plain values for machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contract.result import Progress
from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from contract.task import Task
from launcher.cells.ends import Broken
from launcher.cells.view import (
    Ending,
    Held,
    Pending,
    Pulling,
    Queued,
    Row,
    Started,
    State,
    Stuck,
    Suspended,
)
from launcher.costs.review import Review
from launcher.jobs.job import InQueue
from launcher.show.reviews import review_document
from launcher.show.words import Cells, duration, table

Word = Literal[
    "done",
    "running",
    "failed",
    "lost",
    "stale",
    "missing",
    "queued",
    "pending",
    "pulling",
    "stuck",
    "suspended",
    "held",
    "ending",
]


@dataclass(frozen=True)
class CellStatus:
    """A state in words. `details` hold what machines may want to know beyond them."""

    state: Word
    detail: str
    details: dict[str, Any]


def status_of(state: State) -> CellStatus:
    """The state as `status` shows it."""
    match state:
        case Done():
            return CellStatus("done", "", {})
        case Running(progress):
            shown = {"phase", "step", "planned_steps", "accuracy", "eta_seconds"}
            return CellStatus("running", _how_far(progress), progress.model_dump(mode="json", include=shown))
        case Failed(failure, progress):
            shown = {"error", "exit_code", "message", "last_step", "pod", "node"}
            details: dict[str, Any] = {"last_step": progress.step} if progress else {}
            return _failed(state, details | failure.model_dump(mode="json", include=shown))
        case Lost(progress):
            details = {"last_step": progress.step, "last_seen": progress.updated_at.isoformat()} if progress else {}
            return CellStatus("lost", state.last_sign, details)
        case Stale(changes):
            return CellStatus("stale", state.differences, {"changes": {n: list(c) for n, c in changes.items()}})
        case Missing():
            return CellStatus("missing", "", {})
        case _:
            return _status_on_cluster(state)


def _status_on_cluster(
    state: Queued | InQueue | Pending | Pulling | Stuck | Started | Suspended | Held | Ending | Broken,
) -> CellStatus:
    match state:
        case Queued(why):
            return CellStatus("queued", why, {"reason": why})
        case InQueue(queue, why, place):
            where = f"in queue {queue}" if place is None else f"place {place} in queue {queue}"
            return CellStatus("queued", f"{where}: {why}", {"reason": why, "queue": queue, "place": place})
        case Pending(why):
            return CellStatus("pending", why, {"reason": why})
        case Stuck(why):
            return CellStatus("stuck", why, {"reason": why})
        case Pulling():
            return CellStatus("pulling", "the image, then the container starts", {})
        case Started():
            return CellStatus("running", "started; no word in the store yet", {})
        case Suspended():
            return CellStatus("suspended", "held back; a queue may do that", {})
        case Held(canary, succeeded):
            return CellStatus("held", _why_held(canary, succeeded), {"canary": canary, "canary_succeeded": succeeded})
        case Ending():
            return CellStatus("ending", "its Job was deleted", {})
        case Broken(error, message):
            return _failed(state, {"error": error, "message": message})


def _how_far(progress: Progress) -> str:
    accuracy = "" if progress.accuracy is None else f", validation accuracy {progress.accuracy:.1%}"
    left = "" if progress.eta_seconds is None else f", {duration(progress.eta_seconds)} left"
    return f"{progress.phase}, step {progress.step} of {progress.planned_steps}{accuracy}{left}"


def _failed(state: Failed | Broken, details: dict[str, Any]) -> CellStatus:
    advice = "a retry may help" if state.retriable else "a retry would end the same"
    return CellStatus("failed", f"{state.cause} ({advice})", details | {"retriable": state.retriable})


def _why_held(canary: str, succeeded: bool | None) -> str:
    match succeeded:
        case None:
            return f"waits for {canary} to succeed"
        case True:
            return f"its canary {canary} succeeded; `wait`, `status --watch` or `submit` makes its Job"
        case False:
            return f"its canary {canary} did not succeed; retry that, or submit without --canary"


def totals(states: Sequence[State]) -> str:
    """`12 done, 8 running`."""
    counted = Counter(status_of(state).state for state in states)
    return ", ".join(f"{count} {word}" for word, count in counted.items())


def status_rows(tasks: Sequence[Task], states: Sequence[State]) -> list[Cells]:
    """Cell, state, detail."""
    shown = [(task.cell.id, status_of(state)) for task, state in zip(tasks, states, strict=True)]
    return [(cell_id, status.state, status.detail) for cell_id, status in shown]


def status_document(run: str, tasks: Sequence[Task], states: Sequence[State], review: Review | None) -> dict[str, Any]:
    """The same for machines."""
    return _document(run, [_cell_document(task, state) for task, state in zip(tasks, states, strict=True)], review)


def rows_table(rows: Sequence[Row], now: datetime) -> str:
    """Cell, state, attempts, node, age, detail; where no cell has a Job, only what a local cell has."""
    if all(row.job is None for row in rows):
        return table(("CELL", "STATE", "DETAIL"), status_rows([r.task for r in rows], [r.state for r in rows]))
    header = ("CELL", "STATE", "ATTEMPTS", "NODE", "AGE", "DETAIL")
    return table(header, [_cluster_row(row, status_of(row.state), now) for row in rows])


def _cluster_row(row: Row, status: CellStatus, now: datetime) -> Cells:
    attempts = str(row.job.attempts) if row.job else ""
    age = duration((now - row.job.created).total_seconds()) if row.job else ""
    node = (row.pod.node if row.pod else None) or ""
    return row.task.cell.id, status.state, attempts, node, age, status.detail


def rows_document(run: str, rows: Sequence[Row], now: datetime, review: Review | None) -> dict[str, Any]:
    """The same for machines; `job` is null for a cell that has none."""
    cells = [_cell_document(row.task, row.state) | {"job": _job_document(row, now)} for row in rows]
    return _document(run, cells, review)


def _document(run: str, cells: list[dict[str, Any]], review: Review | None) -> dict[str, Any]:
    totals = dict(Counter(cell["state"] for cell in cells))
    return {"run": run, "totals": totals, "plan_and_fact": review_document(review), "cells": cells}


def _cell_document(task: Task, state: State) -> dict[str, Any]:
    status = status_of(state)
    return {"cell": task.cell.id, "fingerprint": task.fingerprint(), "state": status.state, **status.details}


def _job_document(row: Row, now: datetime) -> dict[str, Any] | None:
    if row.job is None:
        return None
    pod, node = (row.pod.name, row.pod.node) if row.pod else (None, None)
    age = (now - row.job.created).total_seconds()
    return {"name": row.job.name, "attempts": row.job.attempts, "age_seconds": age, "pod": pod, "node": node}
