"""What the store knows about each cell. One listing of results and one of attempts answer for the whole grid."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from contract.exits import EXIT_CODES
from contract.result import Failure, Progress, Success, Unreadable, decode
from contract.store import (
    ATTEMPTS,
    FAILURE,
    PROGRESS,
    RESULTS,
    AttemptFile,
    Store,
    attempt_file,
    result_key,
    results_by_cell,
)
from contract.task import Task

T = TypeVar("T", Failure, Progress)
Changes = dict[str, tuple[Any, Any]]
"""Setting -> (then, now)."""


@dataclass(frozen=True)
class Done:
    """The cell's result is published."""


@dataclass(frozen=True)
class Running:
    """An attempt reported a moment ago."""

    progress: Progress


@dataclass(frozen=True)
class Lost:
    """An attempt stopped reporting and left neither result nor failure; None when not even its progress is readable."""

    progress: Progress | None

    @property
    def last_sign(self) -> str:
        """Where and when it reported last, in words."""
        if self.progress is None:
            return "what the attempt left behind cannot be read"
        return f"last sign at step {self.progress.step}, {self.progress.updated_at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Failed:
    """The latest attempt ended without a result."""

    failure: Failure

    @property
    def retriable(self) -> bool:
        """Whether another attempt of the same cell may end differently."""
        code = EXIT_CODES.get(self.failure.exit_code)
        return code is None or code.retriable


@dataclass(frozen=True)
class Stale:
    """There is a result, but of other settings; `changes` and `fingerprint` are of the most similar one."""

    changes: Changes
    fingerprint: str | None = field(default=None, compare=False)

    @property
    def differences(self) -> str:
        """The changes in words."""
        words = "; ".join(f"{name} {then} -> {now}" for name, (then, now) in self.changes.items())
        return words or "the other result cannot be read"


@dataclass(frozen=True)
class Missing:
    """Nothing is known about the cell."""


State = Done | Running | Lost | Failed | Stale | Missing


def survey(tasks: Sequence[Task], store: Store) -> list[State]:
    """The state of each task, in order. Fetches what failed, runs or went stale, and no finished result."""
    results = results_by_cell(store.list(RESULTS))
    attempts = _latest_attempts(store.list(ATTEMPTS))
    return [_state(task, store, results.get(task.cell.id, []), attempts) for task in tasks]


def look(task: Task, store: Store) -> State:
    """The state of one task, from its own keys alone."""
    cell_id, fingerprint = task.cell.id, task.fingerprint()
    results = results_by_cell(store.list(f"{RESULTS}{cell_id}/"))
    attempts = _latest_attempts(store.list(f"{ATTEMPTS}{cell_id}/{fingerprint}/"))
    return _state(task, store, results.get(cell_id, []), attempts)


Attempts = dict[tuple[str, str], dict[str, AttemptFile]]
"""(cell id, fingerprint) -> file name -> file, of the latest attempt."""


def _latest_attempts(keys: Iterable[str]) -> Attempts:
    by_attempt: dict[tuple[str, str], dict[str, dict[str, AttemptFile]]] = defaultdict(lambda: defaultdict(dict))
    for file in filter(None, map(attempt_file, keys)):
        by_attempt[file.cell_id, file.fingerprint][file.attempt][file.name] = file
    return {cell: attempts[max(attempts)] for cell, attempts in by_attempt.items()}


def _state(task: Task, store: Store, fingerprints: list[str], attempts: Attempts) -> State:
    fingerprint = task.fingerprint()
    if fingerprint in fingerprints:
        return Done()
    if files := attempts.get((task.cell.id, fingerprint)):
        return _attempted(store, files)
    if fingerprints:
        return _stale(store, task, fingerprints)
    return Missing()


def _attempted(store: Store, files: dict[str, AttemptFile]) -> State:
    failure = _read(store, files, FAILURE, Failure)
    if failure is not None:
        return Failed(failure)
    progress = _read(store, files, PROGRESS, Progress)
    if progress is not None and progress.is_alive(datetime.now(UTC)):
        return Running(progress)
    return Lost(progress)


def _read(store: Store, files: dict[str, AttemptFile], name: str, kind: type[T]) -> T | None:
    data = store.get(files[name].key) if name in files else None
    try:
        return decode(data, kind) if data is not None else None
    except Unreadable:
        return None


def _stale(store: Store, task: Task, fingerprints: Sequence[str]) -> Stale:
    found = (Stale(_changes(store, task, fingerprint), fingerprint) for fingerprint in fingerprints)
    return min((stale for stale in found if stale.changes), key=lambda stale: len(stale.changes), default=Stale({}))


def _changes(store: Store, task: Task, fingerprint: str) -> Changes:
    data = store.get(result_key(task.cell.id, fingerprint))
    try:
        then = decode(data, Success).fingerprint_fields if data is not None else {}
    except Unreadable:
        then = {}
    now = task.fingerprint_fields()
    return {name: (then.get(name), now[name]) for name in now if then.get(name) != now[name]} if then else {}
