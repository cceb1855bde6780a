"""Cells as local processes: the same environment and the same store as a Job, without a cluster."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, Protocol

from contract.environment import IMAGE, strangers, without_hub
from contract.store import Store
from contract.survey import Done, Running, State, look
from contract.task import Task, env_name, setting_fields
from launcher.machine.children import die_with_parent
from launcher.machine.gpus import VISIBLE

_POLL_SECONDS = 0.2
_LOOK_SECONDS = 2.0
_GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL. A cell is told of less, so that it ends by itself and leaves its reason."""
_CELL_GRACE_SECONDS = 8.0
_OUTPUT_LINES = 15


class Watcher(Protocol):
    """Whom the runner tells what happens."""

    def started(self, task: Task) -> None:
        """A process was started for the cell."""

    def finished(self, task: Task, state: State, output: list[str]) -> None:
        """The cell's process ended; `output` is its last lines, for a cell that could not say itself why it failed."""

    def waiting(self, task: Task) -> None:
        """Somebody else is running the cell: its end is awaited."""

    def tick(self, running: list[Task]) -> None:
        """Called several times a second."""


@dataclass
class _Child:
    task: Task
    slot: int
    """Its place among the workers, from 0."""
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def last_lines(self) -> list[str]:
        self.output.seek(0)
        return self.output.read().decode(errors="replace").splitlines()[-_OUTPUT_LINES:]


class LocalRunner:
    """Runs tasks, at most `workers` at a time. What a cell is worth is read from the store, not from its exit code.

    A cell sees one of `gpus` (values of CUDA_VISIBLE_DEVICES), which the workers share out evenly.
    """

    def __init__(
        self,
        store: Store,
        command: Sequence[str],
        workers: int,
        threads: int,
        gpus: Sequence[str],
        watcher: Watcher,
    ) -> None:
        self._store = store
        self._command = command
        self._workers = workers
        self._threads = threads
        self._gpus = gpus
        self._watcher = watcher
        self._children: list[_Child] = []
        self._held: dict[str, float] = {}
        """Cell id -> when to look again at a cell that somebody else runs."""

    def run(self, tasks: list[Task]) -> None:
        """Run every task that is not done. On an exception (Ctrl-C, SIGTERM) the children are ended first."""
        pending = list(tasks)
        with _sigterm_as_interrupt():
            try:
                while pending or self._children:
                    self._reap()
                    self._start_some(pending)
                    self._watcher.tick([child.task for child in self._children])
                    time.sleep(_POLL_SECONDS)
            finally:
                self._end_children()

    def _start_some(self, pending: list[Task]) -> None:
        for task in list(pending):
            if len(self._children) >= self._workers:
                return
            if self._held.get(task.cell.id, 0.0) > time.monotonic():
                continue
            match look(task, self._store):
                case Done() as done:
                    pending.remove(task)
                    self._watcher.finished(task, done, [])
                case Running():
                    self._hold(task)
                case _:
                    pending.remove(task)
                    self._start(task)

    def _hold(self, task: Task) -> None:
        if task.cell.id not in self._held:
            self._watcher.waiting(task)
        self._held[task.cell.id] = time.monotonic() + _LOOK_SECONDS

    def _start(self, task: Task) -> None:
        slot = min(set(range(self._workers)) - {child.slot for child in self._children})
        gpu = self._gpus[slot % len(self._gpus)] if self._gpus else None
        output = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the child)
        process = subprocess.Popen(  # noqa: S603
            self._command,
            env=child_environment(task, self._threads, gpu, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        self._children.append(_Child(task, slot, process, output))
        self._watcher.started(task)

    def _reap(self) -> None:
        for child in [child for child in self._children if child.process.poll() is not None]:
            self._children.remove(child)
            self._watcher.finished(child.task, look(child.task, self._store), child.last_lines())
            child.output.close()

    def _end_children(self) -> None:
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()


def child_environment(task: Task, threads: int, gpu: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the task in place of all that it held for a cell, rightly spelled or not.

    Somebody watches a local cell and one disk takes its progress, so it reports every two seconds, and saves its
    training sooner after Ctrl-C; `threads` counts where the task leaves them open.
    """
    foreign = {IMAGE, *strangers(environ), *(env_name(*path) for path in setting_fields())}
    kept = {name: value for name, value in environ.items() if name not in foreign}
    here = {
        env_name("log", "progress_seconds"): "2",
        env_name("checkpoint", "grace_seconds"): str(_CELL_GRACE_SECONDS),
        env_name("train", "threads"): str(task.train.threads or threads),
    }
    return kept | ({} if gpu is None else {VISIBLE: gpu}) | without_hub(task) | task.to_env() | here


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
