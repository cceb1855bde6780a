"""A plan in words: what a submit would do with each cell, and what that takes and costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from launcher.cells.plan import Step
from launcher.costs.price import Price
from launcher.estimates.estimate import CellEstimate, Source
from launcher.show.words import counted, span, table, with_bounds


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
    parts = [] if price.gpu_hours is None else [with_bounds(price.gpu_hours, "{:.2f}", "GPU-hours")]
    parts.append(_wall_time(price))
    if price.cost is not None:
        parts.append(with_bounds(price.cost, "{:,.2f}", "in all"))
    return ", ".join(parts)


def _wall_time(price: Price) -> str:
    places = price.places
    if places.count == 0:
        return f"no wall time as things are ({places.because}); --gpus N plans with some"
    if price.wall_hours is None or places.count is None:
        return f"wall time unknown: give --gpus N ({places.because})"
    how = f"on {counted(places.count, 'GPU')}" if places.device == "gpu" else f"with {places.count} at a time"
    return f"about {span(price.wall_hours * 3600, how)}"


def plan_document(run: str, steps: Sequence[Step], price: Price, refused: str | None) -> dict[str, Any]:
    """The plan for machines. `refused` says why a submit would not carry it out."""
    return {
        "run": run,
        "refused": refused,
        "totals": dict(Counter(step.action for step in steps)),
        "device": price.places.device,
        "at_a_time": price.places.count,
        "gpu_hours": price.gpu_hours and asdict(price.gpu_hours),
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
