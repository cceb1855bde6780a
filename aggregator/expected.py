"""Which cells a report is about: those that `submit` recorded, else those of the grid as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.exits import BadInput
from contract.grid import load_grid
from contract.revision import resolve
from contract.run import load_run, run_names
from contract.store import Store
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


def expected(grid: str | None, run: str | None, store: Store) -> Expected:
    """Raises BadInput when neither is given, the grid is bad, or `run` is named and was not recorded.

    A named run without a record is refused even beside a grid: what its `submit` set is not known, and cells of other
    settings would be reported as missing.
    """
    if run is None and grid is None:
        raise BadInput("--grid or --run is missing: which cells are expected?")
    name = run or load_grid(str(grid)).name
    if found := load_run(store, name):
        return Expected(name, found.resolved_tasks(store.uri), recorded=True, option=f"--run {name}")
    if run is not None:
        recorded = ", ".join(run_names(store)) or "none"
        raise BadInput(f"no run {run!r} is recorded at {store.uri}; recorded runs: {recorded}")
    return Expected(name, resolve(load_grid(str(grid)).tasks(store.uri)), recorded=False, option=f"--grid {grid}")
