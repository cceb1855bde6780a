"""Cells become Jobs, and Jobs are deleted, many at a time."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from contract.exits import BadInput, ProgramError
from launcher.command_line.talk import say
from launcher.jobs.creation import Conflict, Created, Creation, Exists, Terminating, judge
from launcher.jobs.job import Complete, Deactivated, Job, JobFailed
from launcher.jobs.manifest import CELL_LABEL
from launcher.servers.answers import ClusterFailed, NoAccess, NoCluster
from launcher.servers.cluster import Cluster

_GONE_SECONDS = 60.0
"""How long a deleted Job may take to be gone."""
_LOOK_SECONDS = 0.5

Manifest = Mapping[str, Any]
Order = Callable[[], Manifest]
"""A Job to make, whose manifest is built when its turn comes: meanwhile the API server works on those before it."""
Item = TypeVar("Item")
T = TypeVar("T")


@dataclass(frozen=True)
class Refused:
    """The API server would not take the Job, and why."""

    why: str


@dataclass(frozen=True)
class Answer:
    """What the API server said to a Job that was to be made."""

    cell: str
    job: str
    creation: Creation | Refused


@dataclass(frozen=True)
class HandedOver:
    """The answers, in the order of the Jobs, and the error after which no other was begun."""

    answers: list[Answer]
    error: ProgramError | None

    @property
    def there(self) -> int:
        """How many of them the cluster has."""
        return sum(isinstance(each.creation, Created | Exists) for each in self.answers)


def hand_over(cluster: Cluster, orders: Sequence[Order], found: Sequence[Job] = ()) -> HandedOver:
    """Make every Job, in order, and tell each.

    Those `found` stay, but for the ones that ended, which are made anew: the caller saw that they brought no result.
    """
    there = {job.name: job for job in found}
    answers: list[Answer] = []
    try:
        for _, answer in _each(lambda order: _make(cluster, order(), there), orders, cluster):
            say(_line(answer))
            answers.append(answer)
    except ProgramError as error:
        return HandedOver(answers, error)
    return HandedOver(answers, None)


def rehearse(cluster: Cluster, manifests: Sequence[Manifest]) -> list[Answer]:
    """What the API server would say to each Job, in order; nothing is made. It counts no quota in a dry run."""
    return [answer for _, answer in _each(lambda manifest: _rehearse(cluster, manifest), manifests, cluster)]


def delete(cluster: Cluster, jobs: Sequence[Job]) -> list[Job]:
    """Delete these Jobs; those that were still there, in order."""
    return [job for job, deleted in _each(cluster.delete, jobs, cluster) if deleted]


def _each(act: Callable[[Item], T], items: Sequence[Item], cluster: Cluster) -> Iterator[tuple[Item, T]]:
    """As many at a time as the cluster has connections. After an error no other is begun; it is raised at the end."""
    pool, error = ThreadPoolExecutor(cluster.connections), None
    try:
        acting = [pool.submit(act, item) for item in items]
        for item, future in zip(items, acting, strict=True):
            try:
                acted = future.result()
            except CancelledError:
                continue
            except ProgramError as first:
                error = error or first
                pool.shutdown(wait=False, cancel_futures=True)
                continue
            yield item, acted
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if error is not None:
        raise error


def _rehearse(cluster: Cluster, manifest: Manifest) -> Answer:
    try:
        return _answer(manifest, cluster.create(manifest, dry_run=True))
    except (NoCluster, NoAccess):  # of no Job more than of the others
        raise
    except BadInput as error:
        return _answer(manifest, Refused(str(error)))


def _answer(manifest: Manifest, creation: Creation | Refused) -> Answer:
    metadata = manifest["metadata"]
    return Answer(metadata["labels"][CELL_LABEL], metadata["name"], creation)


def _make(cluster: Cluster, manifest: Manifest, there: Mapping[str, Job]) -> Answer:
    return _answer(manifest, _created(cluster, manifest, there.get(manifest["metadata"]["name"])))


def _created(cluster: Cluster, manifest: Manifest, found: Job | None) -> Creation:
    creation = cluster.create(manifest) if found is None else _judge_or_renew(cluster, manifest, found)
    deadline = time.monotonic() + _GONE_SECONDS
    while isinstance(creation, Terminating) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        creation = cluster.create(manifest)
    return creation


def _judge_or_renew(cluster: Cluster, manifest: Manifest, found: Job) -> Creation:
    judged = judge(manifest, found)
    if not isinstance(judged, Exists) or found.end is None:
        return judged
    cluster.delete(found)
    return cluster.create(manifest)


def outcome(creation: Creation | Refused) -> tuple[str, str]:
    """In one word, and what else there is to say."""
    match creation:
        case Created():
            return "created", ""
        case Exists(Job(end=None, image=image), wanted) if image != wanted:
            return "exists", f"with image {image}, not {wanted}: `cancel` it, then submit, to use the new one"
        case Exists(Job(end=None)):
            return "exists", ""
        case Exists(Job(end=Complete())):
            return "exists", "complete, but no result: `retry` creates it anew"
        case Exists(Job(end=JobFailed() | Deactivated() as end)):
            return "exists", f"failed ({end.reason}): `retry` creates it anew"
        case Conflict(_, differences):
            return "conflict", f"another Job has this name: {'; '.join(differences)}"
        case Refused(why):
            return "refused", why
        case Terminating():
            return "terminating", f"it was deleted, and is not gone after {_GONE_SECONDS:.0f} s"
    raise AssertionError(creation)


def expected_outcome(creation: Creation | Refused) -> tuple[str, str]:
    """The same for what a submit would meet."""
    match creation:
        case Created():
            return "would be created", ""
        case Terminating():
            return "terminating", "it was deleted and is not gone yet; a submit waits for that"
        case Exists(Job(end=Complete() | JobFailed() | Deactivated())):
            return "would be created", "anew: the Job of this name ended without a result"
        case Exists() | Conflict() | Refused():
            return outcome(creation)


def raise_for_failure(handed: HandedOver) -> None:
    """Raises its error, BadInput for Jobs of somebody else, ClusterFailed for those that would not go."""
    if handed.error is not None:
        raise handed.error
    for answer in handed.answers:
        word, words = outcome(answer.creation)
        match answer.creation:
            case Conflict(Job(owner=owner)):
                if_yours = f", or cancel it (--owner {owner}) if it is yours" if owner else ""
                raise BadInput(f"Job {answer.job}: {words}; choose another name with --run{if_yours}")
            case Terminating():
                raise ClusterFailed(f"Job {answer.job} is {word}: {words}; submit again")


def _line(answer: Answer) -> str:
    word, words = outcome(answer.creation)
    return f"{word:<8} {answer.job}{': ' if words else ''}{words}"
