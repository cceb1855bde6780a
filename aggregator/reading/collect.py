"""The outcome of every expected cell: absent is Missing, not zero; a result that cannot be trusted is Damaged."""

from collections.abc import Sequence

from aggregator.reading.progress import Watch, unwatched
from aggregator.reading.results import Damaged, Results, read_results
from contract.keys import result_key
from contract.result import Success
from contract.store import Reader
from contract.survey import Done, Failed, Lost, Missing, Running, Stale, State, survey
from contract.task import Task

Outcome = Success | Failed | Running | Lost | Stale | Missing | Damaged


def collect(tasks: Sequence[Task], store: Reader, watch: Watch = unwatched) -> list[Outcome]:
    """One outcome a task, in order. Raises StoreFailed when the store itself cannot be read."""
    results = read_results({_key(task) for task in tasks}, store, watch)
    states = survey(tasks, store, results.listed)
    return [_outcome(task, state, results) for task, state in zip(tasks, states, strict=True)]


def finished(outcomes: Sequence[Outcome]) -> list[Success]:
    """The cells with a result, in order."""
    return [outcome for outcome in outcomes if isinstance(outcome, Success)]


def _outcome(task: Task, state: State, results: Results) -> Outcome:
    if not isinstance(state, Done):
        return state
    match result := results.read[_key(task)]:
        case Success(cell=cell, fingerprint=fingerprint) if (cell, fingerprint) != (task.cell, task.fingerprint()):
            return Damaged(_key(task), f"it holds another cell: {cell.id}, {fingerprint}")
        case _:
            return result


def _key(task: Task) -> str:
    return result_key(task.cell.id, task.fingerprint())
