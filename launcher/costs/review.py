"""Plan and fact: what a submit was expected to take, kept in the store, and what it took once its cells are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from pydantic import BaseModel, ConfigDict, ValidationError

from contract.keys import RESULTS, plan_key, result_key
from contract.store import Store
from contract.task import Task
from launcher.cells.sample import read_results, spread
from launcher.costs.price import Price
from launcher.estimates.range import Range

_READ = 96
"""Results that are read of a run, however many it has."""


class Expectation(BaseModel):
    """Of the cells that a submit started."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    made_at: datetime
    cells: tuple[str, ...]
    """By id."""
    cell_hours: Range
    wall_hours: Range | None


@dataclass(frozen=True)
class Review:
    """What was expected, and what it was."""

    expected: Expectation
    cell_hours: float
    """Of the attempts that ended with a result; by a sample of them where there are many."""
    wall_hours: float
    """From the submit to the last result."""


def keep_expectation(price: Price, run: str, store: Store, made_at: datetime) -> None:
    """Unless nothing starts, or only what is left of an earlier submit's cells: what was said first is what counts."""
    if not price.cells:
        return
    before = _read(run, store)
    if before is not None and price.cells.keys() < set(before.cells):
        return
    kept = Expectation(
        made_at=made_at, cells=tuple(price.cells), cell_hours=price.cell_hours, wall_hours=price.wall_hours
    )
    store.put(plan_key(run), kept.model_dump_json(indent=1).encode())


def review(run: str, store: Store, done: Sequence[Task]) -> Review | None:
    """None while not all of the cells are `done`, and where no submit left word of what it expected."""
    expected = _read(run, store)
    if expected is None or not set(expected.cells) <= {task.cell.id for task in done}:
        return None
    cells = set(expected.cells)
    keys = {result_key(task.cell.id, task.fingerprint()) for task in done if task.cell.id in cells}
    published = [entry.modified_at for entry in store.entries(RESULTS) if entry.key in keys]
    seconds = [success.provenance.seconds for success in read_results(spread(sorted(keys), _READ), store)]
    if not seconds or not published:
        return None
    wall_seconds = (max(published) - expected.made_at).total_seconds()
    return Review(expected, fmean(seconds) * len(keys) / 3600, wall_seconds / 3600)


def _read(run: str, store: Store) -> Expectation | None:
    """None also for one that is damaged: nothing depends on it."""
    data = store.get(plan_key(run))
    try:
        return Expectation.model_validate_json(data) if data is not None else None
    except ValidationError:
        return None
