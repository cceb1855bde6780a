"""The outcome of every expected cell: absent is Missing, not zero; a result that cannot be trusted is Damaged."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from contract.result import Success, Unreadable, decode
from contract.store import Store, result_key
from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State, survey
from contract.task import Task

_READERS = 16


@dataclass(frozen=True)
class Damaged:
    """A result is there and was refused."""

    key: str
    reason: str


Outcome = Success | Failed | Running | Lost | Stale | Missing | Damaged


def collect(tasks: Sequence[Task], store: Store) -> list[Outcome]:
    """One outcome a task, in order. Raises StoreFailed when the store itself cannot be read."""
    states = survey(tasks, store)
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(partial(_outcome, store), tasks, states))


def _outcome(store: Store, task: Task, state: State) -> Outcome:
    return _read(task, store) if isinstance(state, Done) else state


def _read(task: Task, store: Store) -> Success | Damaged:
    key = result_key(task.cell.id, task.fingerprint())
    data = store.get(key)
    if data is None:
        return Damaged(key, "it vanished while it was being read")
    try:
        success = decode(data, Success)
    except Unreadable as error:
        return Damaged(key, f"{error}; {error.way_out}")
    if (success.cell, success.fingerprint) != (task.cell, task.fingerprint()):
        return Damaged(key, f"it holds another cell: {success.cell.id}, {success.fingerprint}")
    return success
