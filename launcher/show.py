"""How plans and states are told: a table for people, plain values for machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contract.result import Progress
from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from contract.task import Task
from launcher.ends import Broken
from launcher.plan import Estimate, Step
from launcher.view import (
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

Cells = Sequence[str]
"""Of one line of a table."""
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
    state: Queued | Pending | Pulling | Stuck | Started | Suspended | Held | Ending | Broken,
) -> CellStatus:
    match state:
        case Queued(why):
            return CellStatus("queued", why, {"reason": why})
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


def status_rows(tasks: Sequence[Task], states: Sequence[State]) -> list[Cells]:
    """Cell, state, detail."""
    shown = [(task.cell.id, status_of(state)) for task, state in zip(tasks, states, strict=True)]
    return [(cell_id, status.state, status.detail) for cell_id, status in shown]


def status_document(run: str, tasks: Sequence[Task], states: Sequence[State]) -> dict[str, Any]:
    """The same for machines."""
    return _document(run, [_cell_document(task, state) for task, state in zip(tasks, states, strict=True)])


def totals(states: Sequence[State]) -> str:
    """`12 done, 8 running`."""
    counted = Counter(status_of(state).state for state in states)
    return ", ".join(f"{count} {word}" for word, count in counted.items())


def _document(run: str, cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {"run": run, "totals": dict(Counter(cell["state"] for cell in cells)), "cells": cells}


def _cell_document(task: Task, state: State) -> dict[str, Any]:
    status = status_of(state)
    return {"cell": task.cell.id, "fingerprint": task.fingerprint(), "state": status.state, **status.details}


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


def rows_document(run: str, rows: Sequence[Row], now: datetime) -> dict[str, Any]:
    """The same for machines; `job` is null for a cell that has none."""
    return _document(run, [_cell_document(row.task, row.state) | {"job": _job_document(row, now)} for row in rows])


def _job_document(row: Row, now: datetime) -> dict[str, Any] | None:
    if row.job is None:
        return None
    pod, node = (row.pod.name, row.pod.node) if row.pod else (None, None)
    age = (now - row.job.created).total_seconds()
    return {"name": row.job.name, "attempts": row.job.attempts, "age_seconds": age, "pod": pod, "node": node}


def plan_rows(steps: Sequence[Step]) -> list[Cells]:
    """Cell, action, reason."""
    return [(step.task.cell.id, step.action, step.reason) for step in steps]


def plan_document(run: str, steps: Sequence[Step], work: Estimate, workers: int, refusal: str | None) -> dict[str, Any]:
    """The plan for machines. `refused` says why a submit would not carry it out."""
    cells = [
        {
            "cell": s.task.cell.id,
            "fingerprint": s.task.fingerprint(),
            "action": s.action,
            "reason": s.reason,
            "runs": s.runs,
        }
        for s in steps
    ]
    estimated = {"cell_seconds": work.cell_seconds, "unmeasured_cells": work.unknown_cells, "workers": workers}
    totals = dict(Counter(step.action for step in steps))
    return {"run": run, "refused": refusal, "totals": totals, "estimate": estimated, "cells": cells}


def plan_text(steps: Sequence[Step], work: Estimate, workers: int | None) -> str:
    """The table, and in one line how much there is to do and how long it takes: `workers` at a time, None is open."""
    return f"{table(('CELL', 'ACTION', 'REASON'), plan_rows(steps))}\n{_plan_summary(steps, work, workers)}"


def _plan_summary(steps: Sequence[Step], work: Estimate, workers: int | None) -> str:
    to_run = sum(step.runs for step in steps)
    actions = ", ".join(f"{count} {action}" for action, count in Counter(step.action for step in steps).items())
    if not to_run:
        return f"{counted(len(steps), 'cell')}: {actions}. Nothing to run."
    return f"{counted(len(steps), 'cell')}: {actions}. {to_run} to run, {expected(work, to_run, workers)}."


def expected(work: Estimate, to_run: int, workers: int | None) -> str:
    """How long so many cells take, so far as their like was measured."""
    known = to_run - work.unknown_cells
    if not known:
        return "time unknown: no cell of these models has finished yet"
    rest = f" for {known} of them; the rest is unmeasured" if work.unknown_cells else ""
    if workers is None:
        return f"about {duration(work.cell_seconds)} of training in all{rest}"
    return f"about {duration(work.cell_seconds / workers)} with {workers} at a time{rest}"


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(header: Cells, rows: Sequence[Cells]) -> str:
    """Left-aligned columns, two spaces apart; the last one is as long as it likes."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows))
    return "\n".join(line.rstrip() for line in lines)
