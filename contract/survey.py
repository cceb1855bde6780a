"""What the store knows about each cell. One listing each of results, attempts and pods answers for the whole grid."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from contract.exits import EXIT_CODES
from contract.keys import (
    ATTEMPTS,
    FAILURE,
    PODS,
    PROGRESS,
    RESULTS,
    AttemptFile,
    attempt_file,
    pod_failures_by_cell,
    result_key,
    results_by_cell,
)
from contract.result import Document, Failure, PodFailure, Progress, Success, Unreadable, decode
from contract.store import Reader
from contract.task import Task

T = TypeVar("T", bound=Document)
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
    """The latest attempt ended without a result: it said so itself, or its pod was seen to end."""

    failure: Failure | PodFailure
    progress: Progress | None = None
    """The last word of an attempt whose pod was seen to end."""

    @property
    def cause(self) -> str:
        """Why, in words."""
        return f"{self.failure.error}: {self.failure.message}"

    @property
    def retriable(self) -> bool:
        """Whether another attempt of the same cell may end differently."""
        match self.failure:
            case PodFailure(retriable=retriable):
                return retriable
            case Failure(exit_code=number):
                code = EXIT_CODES.get(number)
                return code is None or code.retriable

    @property
    def ended_at(self) -> datetime:
        """When the attempt ended."""
        match self.failure:
            case PodFailure(ended_at=ended_at):
                return ended_at
            case Failure(provenance=by):
                return by.finished_at


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


def survey(tasks: Sequence[Task], store: Reader, results: Iterable[str] | None = None) -> list[State]:
    """The state of each task, in order. Fetches what failed, runs or went stale, and no finished result.

    `results` are the keys under RESULTS, where they were listed before. Attempts have many files each: they are listed
    only where a result is missing.
    """
    results_of = results_by_cell(store.list(RESULTS) if results is None else results)
    found = [Done() if task.fingerprint() in results_of.get(task.cell.id, ()) else None for task in tasks]
    keys = _Keys(results_of, *_attempts_and_pods(store)) if None in found else _Keys(results_of, {}, {})
    return [done or _unfinished(task, store, keys) for task, done in zip(tasks, found, strict=True)]


def look(task: Task, store: Reader) -> State:
    """The state of one task, from its own keys alone."""
    cell_id, fingerprint = task.cell.id, task.fingerprint()
    results = results_by_cell(store.list(f"{RESULTS}{cell_id}/"))
    if fingerprint in results.get(cell_id, ()):
        return Done()
    return _unfinished(task, store, _Keys(results, *_attempts_and_pods(store, f"{cell_id}/{fingerprint}/")))


Place = tuple[str, str]
"""(cell id, fingerprint)."""
Attempts = dict[Place, dict[str, AttemptFile]]
"""File name -> file, of the latest attempt."""
Pods = dict[Place, list[str]]
"""Keys of pod failures."""


@dataclass(frozen=True)
class _Keys:
    """What is there; nothing of it was read yet."""

    results: dict[str, list[str]]
    """Cell id -> fingerprints."""
    attempts: Attempts
    pods: Pods


def _attempts_and_pods(store: Reader, place: str = "") -> tuple[Attempts, Pods]:
    return _latest_attempts(store.list(f"{ATTEMPTS}{place}")), pod_failures_by_cell(store.list(f"{PODS}{place}"))


def _latest_attempts(keys: Iterable[str]) -> Attempts:
    by_attempt: dict[Place, dict[str, dict[str, AttemptFile]]] = defaultdict(lambda: defaultdict(dict))
    for file in filter(None, map(attempt_file, keys)):
        by_attempt[file.cell_id, file.fingerprint][file.attempt][file.name] = file
    return {cell: attempts[max(attempts)] for cell, attempts in by_attempt.items()}


def _unfinished(task: Task, store: Reader, keys: _Keys) -> State:
    place = task.cell.id, task.fingerprint()
    attempted = _attempted(store, keys.attempts[place]) if place in keys.attempts else None
    if (tried := _tried(attempted, _latest_pod_failure(store, keys.pods.get(place, ())))) is not None:
        return tried
    others = keys.results.get(task.cell.id)
    return _stale(store, task, others) if others else Missing()


Attempted = Failed | Running | Lost


def _tried(attempted: Attempted | None, pod: PodFailure | None) -> Attempted | None:
    """What the latest attempt said of itself, unless its pod, or one that said nothing, was seen to end after that."""
    said, progress = _last_word(attempted)
    if pod is None or (said is not None and pod.is_followed_by(said)):
        return attempted
    return Failed(pod, progress)


def _last_word(attempted: Attempted | None) -> tuple[datetime | None, Progress | None]:
    match attempted:
        case Failed():
            return attempted.ended_at, None
        case Running(Progress() as progress) | Lost(Progress() as progress):
            return progress.updated_at, progress
        case _:
            return None, None


def _attempted(store: Reader, files: dict[str, AttemptFile]) -> Attempted:
    failure = _read_file(store, files, FAILURE, Failure)
    if failure is not None:
        return Failed(failure)
    progress = _read_file(store, files, PROGRESS, Progress)
    if progress is not None and progress.is_alive(datetime.now(UTC)):
        return Running(progress)
    return Lost(progress)


def _latest_pod_failure(store: Reader, keys: Sequence[str]) -> PodFailure | None:
    failures = filter(None, (read_document(store, key, PodFailure) for key in keys))
    return max(failures, key=lambda failure: failure.ended_at, default=None)


def _read_file(store: Reader, files: dict[str, AttemptFile], name: str, kind: type[T]) -> T | None:
    return read_document(store, files[name].key, kind) if name in files else None


def read_document(store: Reader, key: str, kind: type[T]) -> T | None:
    """None where nothing is there, or nothing that can be read."""
    data = store.get(key)
    try:
        return decode(data, kind) if data is not None else None
    except Unreadable:
        return None


def _stale(store: Reader, task: Task, fingerprints: Sequence[str]) -> Stale:
    found = (Stale(_changes(store, task, fingerprint), fingerprint) for fingerprint in fingerprints)
    return min((stale for stale in found if stale.changes), key=lambda stale: len(stale.changes), default=Stale({}))


def _changes(store: Reader, task: Task, fingerprint: str) -> Changes:
    data = store.get(result_key(task.cell.id, fingerprint))
    try:
        then = decode(data, Success).fingerprint_fields if data is not None else {}
    except Unreadable:
        then = {}
    now = task.fingerprint_fields()
    return {name: (then.get(name), now[name]) for name in now if then.get(name) != now[name]} if then else {}
