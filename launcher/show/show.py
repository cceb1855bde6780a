"""How plans and states are told: a table for people, plain values for machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from contract.printable import printable
from contract.result import Progress
from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from contract.task import Task
from launcher.cells.plan import Step
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
from launcher.costs.price import Price
from launcher.costs.review import Review
from launcher.estimates.estimate import CellEstimate, Source
from launcher.estimates.range import Range
from launcher.jobs.ends import Broken
from launcher.jobs.objects import InQueue

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


def status_rows(tasks: Sequence[Task], states: Sequence[State]) -> list[Cells]:
    """Cell, state, detail."""
    shown = [(task.cell.id, status_of(state)) for task, state in zip(tasks, states, strict=True)]
    return [(cell_id, status.state, status.detail) for cell_id, status in shown]


def status_document(run: str, tasks: Sequence[Task], states: Sequence[State], review: Review | None) -> dict[str, Any]:
    """The same for machines."""
    return _document(run, [_cell_document(task, state) for task, state in zip(tasks, states, strict=True)], review)


def totals(states: Sequence[State]) -> str:
    """`12 done, 8 running`."""
    counted = Counter(status_of(state).state for state in states)
    return ", ".join(f"{count} {word}" for word, count in counted.items())


def _document(run: str, cells: list[dict[str, Any]], review: Review | None) -> dict[str, Any]:
    totals = dict(Counter(cell["state"] for cell in cells))
    return {"run": run, "totals": totals, "plan_and_fact": _review_document(review), "cells": cells}


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


def rows_document(run: str, rows: Sequence[Row], now: datetime, review: Review | None) -> dict[str, Any]:
    """The same for machines; `job` is null for a cell that has none."""
    cells = [_cell_document(row.task, row.state) | {"job": _job_document(row, now)} for row in rows]
    return _document(run, cells, review)


def _job_document(row: Row, now: datetime) -> dict[str, Any] | None:
    if row.job is None:
        return None
    pod, node = (row.pod.name, row.pod.node) if row.pod else (None, None)
    age = (now - row.job.created).total_seconds()
    return {"name": row.job.name, "attempts": row.job.attempts, "age_seconds": age, "pod": pod, "node": node}


def plan_text(steps: Sequence[Step], price: Price) -> str:
    """The table; then how much there is to do, what it takes and costs, and whence that is known."""
    rows = [(step.task.cell.id, step.action, _time(step, price), step.reason) for step in steps]
    return "\n".join([table(("CELL", "ACTION", "TIME", "REASON"), rows), *_plan_summary(steps, price)])


def _time(step: Step, price: Price) -> str:
    estimate = price.cells.get(step.task.cell.id)
    return f"{span(estimate.seconds)}, {estimate.source}" if estimate else ""


def _plan_summary(steps: Sequence[Step], price: Price) -> list[str]:
    actions = ", ".join(f"{count} {action}" for action, count in Counter(step.action for step in steps).items())
    told = f"{counted(len(steps), 'cell')}: {actions}."
    if not price.cells:
        return [f"{told} Nothing to run."]
    sources = Counter(estimate.source for estimate in price.cells.values())
    whence = ", ".join(f"{count} {source} {_WHENCE[source]}" for source, count in sources.items())
    return [f"{told} {len(price.cells)} to run: {_price(price)}.", f"Times of cells: {whence}."]


_WHENCE: dict[Source, str] = {
    "measured": "on cells of the same model and size",
    "scaled": "from the nearest cells that are finished",
    "assumed": "by a table",
}


def _price(price: Price) -> str:
    """`14 GPU-hours (6.1 to 40), 1.8 h on 8 GPUs (48 min to 5.1 h), 28.40 in all (12.20 to 80.00)`."""
    parts = [] if price.places.device == "cpu" else [_with_bounds(price.gpu_hours, "{:.2f}", "GPU-hours")]
    parts.append(_wall_time(price))
    if price.cost is not None:
        parts.append(_with_bounds(price.cost, "{:,.2f}", "in all"))
    return ", ".join(parts)


def _wall_time(price: Price) -> str:
    if price.wall_hours is None:
        return f"wall time unknown: give --gpus N ({price.places.unknown_because})"
    places = price.places
    how = f"on {counted(places.count or 0, 'GPU')}" if places.device == "gpu" else f"with {places.count} at a time"
    return f"about {span(price.wall_hours * 3600, how)}"


def _with_bounds(amount: Range, form: str, noun: str = "") -> str:
    low, expected, high = (form.format(value) for value in (amount.low, amount.expected, amount.high))
    return " ".join(filter(None, (expected, noun, f"({low} to {high})")))


def plan_document(run: str, steps: Sequence[Step], price: Price, refused: str | None) -> dict[str, Any]:
    """The plan for machines. `refused` says why a submit would not carry it out."""
    return {
        "run": run,
        "refused": refused,
        "totals": dict(Counter(step.action for step in steps)),
        "device": price.places.device,
        "at_a_time": price.places.count,
        "gpu_hours": asdict(price.gpu_hours),
        "wall_hours": price.wall_hours and asdict(price.wall_hours),
        "cost": price.cost and asdict(price.cost),
        "cells": [_step_document(step, price.cells.get(step.task.cell.id)) for step in steps],
    }


def _step_document(step: Step, estimate: CellEstimate | None) -> dict[str, Any]:
    return {
        "cell": step.task.cell.id,
        "fingerprint": step.task.fingerprint(),
        "action": step.action,
        "reason": step.reason,
        "runs": step.runs,
        "seconds": estimate and asdict(estimate.seconds),
        "source": estimate and estimate.source,
        "like": estimate and estimate.like,
    }


def review_text(review: Review) -> str:
    """Plan and fact of the latest submit, in one line."""
    expected = review.expected
    worked = f"{review.cell_hours:.2f} h of work, expected {_with_bounds(expected.cell_hours, '{:.2f}')}"
    took = f"; {review.wall_hours:.2f} h from submit to last result"
    wall = "" if expected.wall_hours is None else f", expected {_with_bounds(expected.wall_hours, '{:.2f}')}"
    return f"{counted(len(expected.cells), 'cell')} took {worked}{took}{wall}"


def _review_document(review: Review | None) -> dict[str, Any] | None:
    """The same for machines."""
    if review is None:
        return None
    expected = review.expected
    return {
        "cells": len(expected.cells),
        "cell_hours": asdict(expected.cell_hours) | {"actual": review.cell_hours},
        "wall_hours": (asdict(expected.wall_hours) if expected.wall_hours else {}) | {"actual": review.wall_hours},
    }


def span(seconds: Range, how: str = "") -> str:
    """`12 min on 2 GPUs (9 min to 20 min)`."""
    bounds = f"({duration(seconds.low)} to {duration(seconds.high)})"
    return " ".join(filter(None, (duration(seconds.expected), how, bounds)))


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(header: Cells, rows: Sequence[Cells]) -> str:
    """Left-aligned columns, two spaces apart; the last one is as long as it likes. A row is one line."""
    shown = [[printable(cell, kept="") for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in shown) for i in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(line.rstrip() for line in lines)
