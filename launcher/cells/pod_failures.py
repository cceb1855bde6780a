"""What became of pods, kept in the store: the cluster forgets them, with their Jobs or before."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from contract.exits import EXIT_CODES, StoreFailed
from contract.keys import PODS, pod_failure_key
from contract.result import PodFailure, encode
from contract.store import Store
from contract.survey import Done
from contract.task import Task
from launcher.cells.ends import (
    TOO_LONG,
    Broken,
    has_own_failure,
    is_ended_from_outside,
    is_on_lost_node,
    known_failure,
    pod_end,
)
from launcher.cells.view import Row
from launcher.command_line.talk import say
from launcher.jobs.job import Job
from launcher.jobs.pod import Pod

_WRITERS = 16


class Keeper:
    """Writes each failure once. What it wrote, or found written, it remembers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: set[str] = set()
        self._refused = False

    def keep(self, rows: Sequence[Row]) -> None:
        """Write what the rows show and the store lacks. A store that cannot be written is told once."""
        failures = {_key(failure): failure for row in rows for failure in pod_failures(row)}
        try:
            self._write({key: failure for key, failure in failures.items() if key not in self._kept})
            self._refused = False
        except StoreFailed as error:
            if not self._refused:
                say(f"warning: what became of pods is not kept: {error}")
            self._refused = True

    def _write(self, failures: dict[str, PodFailure]) -> None:
        if not failures:
            return
        self._kept.update(self._store.list(PODS))
        lacking = {key: encode(failure) for key, failure in failures.items() if key not in self._kept}
        with ThreadPoolExecutor(_WRITERS) as writers:
            list(writers.map(self._store.publish, lacking, lacking.values()))
        self._kept.update(lacking)


def pod_failures(row: Row) -> list[PodFailure]:
    """How the pods of a cell without a result ended, and its Job, less what their trainers left in the store."""
    if row.job is None or isinstance(row.stored, Done):
        return []
    of_pods = [_of_pod(row.task, pod) for pod in row.pods if _is_over(pod) and not _is_told(row, pod)]
    return [*of_pods, *_of_job(row, row.job)]


def _is_over(pod: Pod) -> bool:
    """Also on a lost node, where nothing tells its end. A person or the Job may delete a pod: that is no failure."""
    return is_on_lost_node(pod) or (pod.ended and (pod.disruption is not None or not pod.terminating))


def _is_told(row: Row, pod: Pod) -> bool:
    """Whether the trainer left a failure that says as much; one that exited by itself before the latest is history."""
    by_itself = not is_ended_from_outside(pod) and pod.exited is not None and pod.exited.code in EXIT_CODES
    return has_own_failure(row.stored, pod) or (by_itself and pod != row.pod)


def _of_pod(task: Task, pod: Pod) -> PodFailure:
    exit_code = pod.exited.code if pod.exited else None
    return _failure(task, pod_end(pod), uid=pod.uid, pod=pod.name, node=pod.node, exit_code=exit_code, at=pod.changed)


def _of_job(row: Row, job: Job) -> list[PodFailure]:
    """Of a Job whose pods do not tell why it ended: its deadline took them along, or they are gone."""
    untold = row.pod is None and known_failure(row.stored, job) is None
    if isinstance(row.state, Broken) and (untold or row.state == TOO_LONG):
        return [_failure(row.task, row.state, uid=job.uid, pod=None, node=None, exit_code=None, at=job.changed)]
    return []


def _failure(task: Task, end: Broken, *, at: datetime, **seen: Any) -> PodFailure:
    return PodFailure(
        cell=task.cell,
        fingerprint=task.fingerprint(),
        error=end.error,
        message=end.message,
        retriable=end.retriable,
        ended_at=at,
        **seen,
    )


def _key(failure: PodFailure) -> str:
    return pod_failure_key(failure.cell.id, failure.fingerprint, failure.uid)
