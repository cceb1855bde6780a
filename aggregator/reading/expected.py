"""Which cells a report is about: those that `submit` recorded, else those of the grid as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from contract.exits import BadInput
from contract.grid import is_run_name, load_grid, named_grids
from contract.revision import resolve
from contract.run import load_run, run_names
from contract.store import Reader
from contract.task import Task


@dataclass(frozen=True)
class Expected:
    """The run's name, its tasks, and how to ask for the same again."""

    run: str
    tasks: Sequence[Task]
    recorded: bool
    """Whether the tasks are those of a recorded run, with what `submit --set` changed."""
    option: str
    """The command line option that leads to these tasks."""
    note: str | None = None
    """How the grid that was named differs from the recorded run that is reported in its place."""

    def task(self, cell_id: str) -> Task:
        """Raises BadInput, with the nearest ids, when the run has no such cell."""
        by_id = {task.cell.id: task for task in self.tasks}
        if cell_id not in by_id:
            near = get_close_matches(cell_id, by_id, cutoff=0.5) or list(by_id)[:3]
            raise BadInput(f"no cell {cell_id!r} in run {self.run!r}; it has {len(by_id)}, such as {', '.join(near)}")
        return by_id[cell_id]


def expected(grid: str | None, run: str | None, store: Reader) -> Expected:
    """Raises BadInput when neither is given, the grid is bad, or `run` is named and was not recorded.

    A named run without a record is refused even beside a grid: what its `submit` set is not known, and cells of other
    settings would be reported as missing.
    """
    if run is None and grid is None:
        raise BadInput("--grid or --run is missing: which cells are expected?")
    name = run or load_grid(str(grid)).name
    if found := load_run(store, name):
        tasks = found.resolved_tasks(store.uri)
        note = _difference(tasks, load_grid(grid).tasks(store.uri)) if grid else None
        return Expected(name, tasks, recorded=True, option=f"--run {name}", note=note)
    if run is not None:
        recorded = ", ".join(run_names(store)) or "none"
        raise BadInput(f"no run {run!r} is recorded at {store.uri}; recorded runs: {recorded}")
    return Expected(name, resolve(load_grid(str(grid)).tasks(store.uri)), recorded=False, option=f"--grid {grid}")


def _difference(recorded: Sequence[Task], now: Sequence[Task]) -> str | None:
    """In words, for one who takes the grid for what was run; None where it is. No folder is read for it."""
    before, after = ({task.cell.id: _settings(task) for task in tasks} for tasks in (recorded, now))
    if before == after:
        return None
    more, fewer = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    others = sum(before[cell] != after[cell] for cell in before.keys() & after.keys())
    return f"it asks for {more} cells more, {fewer} fewer, and {others} with other settings"


def _settings(task: Task) -> dict[str, Any]:
    return {
        group: getattr(task, group).model_dump(exclude={"revision"}) for group in ("hyper", "data", "model", "train")
    }


def named(name: str, store: Reader) -> Expected:
    """The run of that name, else the grid. Raises BadInput when there is neither."""
    if is_run_name(name) and load_run(store, name):
        return expected(None, name, store)
    if name in named_grids() or Path(name).exists():
        return expected(name, None, store)
    recorded = ", ".join(run_names(store)) or "none"
    raise BadInput(
        f"{name!r} is no run recorded at {store.uri} ({recorded}), no named grid ({', '.join(named_grids())}), no file"
    )
