"""The local run as it happens: a live board in a terminal, plain lines elsewhere. Words go to stderr."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from contract.printable import printable
from contract.store import Store
from contract.survey import Done, Failed, Running, State, look
from contract.task import Task
from launcher.command_line.talk import say
from launcher.show.states import status_of
from launcher.show.words import duration

if TYPE_CHECKING:
    from rich.progress import TaskID

_HEARTBEAT_SECONDS = 60.0
_REFRESH_SECONDS = 1.0


class Lines:
    """One line for each thing that happens, and one a minute while nothing does."""

    def __init__(self, store: Store, cells: int) -> None:
        self._store = store
        self._cells = cells
        self._ended = 0
        self._begun = time.monotonic()
        self._spoken = self._begun

    def live(self) -> AbstractContextManager[object]:
        """Lines need no stage."""
        return nullcontext()

    def started(self, task: Task) -> None:
        """A process was started for the cell."""
        self._say(f"start    {task.cell.id}")

    def waiting(self, task: Task) -> None:
        """Somebody else runs the cell."""
        self._say(f"waiting  {task.cell.id}: another attempt is running")

    def finished(self, task: Task, state: State, output: list[str]) -> None:
        """The cell's process ended."""
        self._ended += 1
        self._say(f"{verdict(task, state)}  [{self._ended}/{self._cells}, {self._elapsed()}]")
        for line in unexplained(state, output):
            self._say(f"         | {line}")

    def tick(self, running: list[Task]) -> None:
        """Give a sign of life."""
        if time.monotonic() - self._spoken > _HEARTBEAT_SECONDS:
            for task in running:
                self._say(f"running  {task.cell.id}: {status_of(look(task, self._store)).detail}")

    def _elapsed(self) -> str:
        return duration(time.monotonic() - self._begun)

    def _say(self, line: str) -> None:
        self._spoken = time.monotonic()
        say(line)


class Board:
    """A bar for the grid and a line for each running cell, redrawn in place."""

    def __init__(self, store: Store, cells: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._store = store
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
        )
        self._grid = self._progress.add_task("grid", total=cells, note="")
        self._bars: dict[str, TaskID] = {}
        self._looked = 0.0

    def live(self) -> AbstractContextManager[object]:
        """The stretch of time in which the board is on the screen."""
        return self._progress

    def started(self, task: Task) -> None:
        """A process was started for the cell."""
        self._bars[task.cell.id] = self._progress.add_task(task.cell.id, total=None, note="starting")

    def waiting(self, task: Task) -> None:
        """Somebody else runs the cell."""
        self._progress.print(f"waiting  {task.cell.id}: another attempt is running", markup=False)

    def finished(self, task: Task, state: State, output: list[str]) -> None:
        """The cell's process ended."""
        if task.cell.id in self._bars:
            self._progress.remove_task(self._bars.pop(task.cell.id))
        self._progress.advance(self._grid)
        self._progress.print(printable(verdict(task, state)), markup=False, highlight=False)
        for line in unexplained(state, output):
            self._progress.print(printable(f"         | {line}"), markup=False, highlight=False)

    def tick(self, running: list[Task]) -> None:
        """Read the running cells' progress once a second."""
        if time.monotonic() - self._looked < _REFRESH_SECONDS:
            return
        self._looked = time.monotonic()
        for task in running:
            match look(task, self._store):
                case Running(progress) as state:
                    note = printable(status_of(state).detail)
                    total = progress.planned_steps or None
                    self._progress.update(self._bars[task.cell.id], completed=progress.step, total=total, note=note)


def choose_display(store: Store, cells: int) -> Board | Lines:
    """A board in a terminal, lines elsewhere."""
    return Board(store, cells) if sys.stderr.isatty() else Lines(store, cells)


def verdict(task: Task, state: State) -> str:
    """How the cell ended. A process that exits without a published result has failed, whatever its exit code."""
    match state:
        case Done():
            return f"done     {task.cell.id}"
        case Failed():
            return f"failed   {task.cell.id}: {state.cause}"
        case _:
            return f"failed   {task.cell.id}: it ended without a result"


def unexplained(state: State, output: list[str]) -> list[str]:
    """The last output of a cell that left no word of its own in the store."""
    return [] if isinstance(state, Done | Failed) else output
