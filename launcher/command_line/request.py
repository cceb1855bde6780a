"""From the command line to tasks: which run is meant, what it asks for, and which of its cells."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError

from contract.exits import BadInput
from contract.explain import one_line
from contract.grid import Grid, Selector, load_grid, run_name
from contract.revision import resolve
from contract.run import RecordedTask, load_run, run_names
from contract.store import Store
from contract.task import Task


@dataclass(frozen=True)
class Request:
    """A run's name, all of its tasks, and those that the command is about."""

    run: str
    tasks: list[Task]
    chosen: list[Task]


def from_grid(args: argparse.Namespace, store: Store) -> Request:
    """What `plan` and `submit` ask for. Raises BadInput for whatever the grid or an option has wrong."""
    grid = grid_of(args)
    tasks = resolve(grid.tasks(store.uri, unsafe=store.unsafe))
    return Request(args.run or grid.name, tasks, choose(tasks, args.only))


def grid_of(args: argparse.Namespace) -> Grid:
    """The grid that is asked for, with its options. Raises BadInput."""
    if args.grid is None:
        raise BadInput("--grid is missing: a named grid (smoke, demo, full) or a grid file")
    return _with_options(load_grid(args.grid), args)


def from_run(args: argparse.Namespace, store: Store) -> Request:
    """What `status`, `retry` and `logs` are about: the recorded run, else the grid as it stands.

    Raises BadInput when neither names a run.
    """
    if args.run is None and args.grid is None:
        raise BadInput(f"--grid or --run is missing: which run? {_recorded(store)}")
    name = args.run or load_grid(args.grid).name
    run = load_run(store, name)
    if run is not None:
        tasks = run.resolved_tasks(store.uri, unsafe=store.unsafe)
    elif args.grid is not None:
        tasks = resolve(load_grid(args.grid).tasks(store.uri, unsafe=store.unsafe))
    else:
        raise BadInput(f"no run {name!r} at {store.uri}. {_recorded(store)}")
    return Request(name, tasks, choose(tasks, args.only))


def refuse_other_numerics(tasks: Sequence[Task]) -> None:
    """Raises BadInput for tasks that this version would compute differently from what their run recorded."""
    if any(isinstance(task, RecordedTask) for task in tasks):
        raise BadInput("another version of this program recorded the run; submit its grid under a new name with --run")


def _with_options(grid: Grid, args: argparse.Namespace) -> Grid:
    for assignment in args.set:
        grid = grid.with_setting(assignment)
    if args.seeds:
        grid = grid.model_copy(update={"seeds": args.seeds})
    return grid


def _recorded(store: Store) -> str:
    names = run_names(store)
    return f"Recorded runs: {', '.join(names)}" if names else "No run is recorded there yet"


def choose(tasks: Sequence[Task], selectors: Sequence[Selector]) -> list[Task]:
    """The tasks that match any selector; all of them without one. Raises BadInput when none matches."""
    chosen = [t for t in tasks if not selectors or any(selector.matches(t.cell) for selector in selectors)]
    if not chosen:
        raise BadInput("--only matches no cell of the grid")
    return chosen


def find_cell(tasks: Sequence[Task], cell_id: str) -> Task:
    """Raises BadInput, with the nearest ids, when the run has no such cell."""
    by_id = {task.cell.id: task for task in tasks}
    if cell_id not in by_id:
        near = get_close_matches(cell_id, by_id, cutoff=0.5) or list(by_id)[:3]
        raise BadInput(f"no cell {cell_id!r} in this run; it has {len(by_id)} cells, such as {', '.join(near)}")
    return by_id[cell_id]


def parse_selector(text: str) -> Selector:
    """`model=bert,labels=2`: every coordinate must be equal. Raises BadInput."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    if any(not separator for _, separator, _ in pairs):
        raise BadInput(f"bad --only {text!r}: expected COORDINATE=VALUE with model, labels, samples or seed")
    names = [name for name, _, _ in pairs]
    if len(set(names)) != len(names):
        raise BadInput(f"bad --only {text!r}: a coordinate stands twice; for either of two values repeat --only")
    try:
        return Selector.model_validate({name: value for name, _, value in pairs})
    except ValidationError as error:
        raise BadInput(f"bad --only {text!r}: {one_line(error, Selector)}") from error


def parse_seeds(text: str) -> tuple[int, ...]:
    """`0,1,2`. Raises BadInput."""
    seeds = tuple(int(part) for part in text.split(",") if part.isdecimal())
    if len(set(seeds)) != text.count(",") + 1:
        raise BadInput(f"bad --seeds {text!r}: expected distinct numbers from 0, comma separated")
    return seeds


def parse_run_name(text: str) -> str:
    """Raises BadInput."""
    try:
        return run_name(text)
    except ValueError as error:
        raise BadInput(f"bad --run: {error}") from error


def parse_seconds(text: str) -> float:
    """`90s`, `30m`, `12h` or `7d`; a bare number is seconds. Raises BadInput."""
    found = re.fullmatch(r"([0-9]+)([smhd]?)", text)
    if found is None:
        raise BadInput(f"bad time {text!r}: expected a number with s, m, h or d, such as 30m")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def parse_workers(text: str) -> int:
    """Raises BadInput."""
    if not text.isdecimal() or int(text) < 1:
        raise BadInput(f"bad --workers {text!r}: expected a number from 1")
    return int(text)
