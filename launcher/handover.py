"""Cells become Jobs, and Jobs are deleted, many at a time."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from contract.exits import BadInput, ProgramError
from launcher.answers import ClusterFailed, NoAccess, NoCluster
from launcher.cluster import Cluster, Conflict, Created, Creation, Exists, Terminating, judge
from launcher.objects import Complete, Job, JobFailed
from launcher.talk import say

_GONE_SECONDS = 60.0
"""How long a deleted Job may take to be gone."""
_LOOK_SECONDS = 0.5

Manifest = Mapping[str, Any]
Item = TypeVar("Item")
T = TypeVar("T")


@dataclass(frozen=True)
class Refused:
    """The API server would not take the Job, and why."""

    why: str


@dataclass(frozen=True)
class HandedOver:
    """What became of the Jobs, in order, and the error after which no other was begun."""

    met: list[tuple[Manifest, Creation]]
    error: ProgramError | None

    @property
    def there(self) -> int:
        """How many of them the cluster has."""
        return sum(isinstance(creation, Created | Exists) for _, creation in self.met)


def hand_over(cluster: Cluster, manifests: Sequence[Manifest], found: Sequence[Job] = ()) -> HandedOver:
    """Make every Job, in order, and tell each.

    Those `found` stay, but for the ones that ended, which are made anew: the caller saw that they brought no result.
    """
    there = {job.name: job for job in found}
    met: list[tuple[Manifest, Creation]] = []
    try:
        for manifest, creation in _each(lambda each: _make(cluster, each, there.get(_name(each))), manifests, cluster):
            say(_line(manifest, creation))
            met.append((manifest, creation))
    except ProgramError as error:
        return HandedOver(met, error)
    return HandedOver(met, None)


def rehearse(cluster: Cluster, manifests: Sequence[Manifest]) -> list[tuple[Manifest, Creation | Refused]]:
    """What the API server would say to each Job, in order; nothing is made. It counts no quota in a dry run."""
    return list(_each(lambda manifest: _rehearse(cluster, manifest), manifests, cluster))


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


def _rehearse(cluster: Cluster, manifest: Manifest) -> Creation | Refused:
    try:
        return cluster.create(manifest, dry_run=True)
    except (NoCluster, NoAccess):  # of no Job more than of the others
        raise
    except BadInput as error:
        return Refused(str(error))


def _make(cluster: Cluster, manifest: Manifest, found: Job | None) -> Creation:
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


def outcome(creation: Creation) -> tuple[str, str]:
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
        case Exists(Job(end=JobFailed() as end)):
            return "exists", f"failed ({end.reason}): `retry` creates it anew"
        case Conflict(_, differences):
            return "conflict", f"another Job has this name: {'; '.join(differences)}"
        case Terminating():
            return "terminating", f"it was deleted, and is not gone after {_GONE_SECONDS:.0f} s"
    raise AssertionError(creation)


def expected_outcome(creation: Creation | Refused) -> tuple[str, str]:
    """The same for what a submit would meet."""
    match creation:
        case Created():
            return "would be created", ""
        case Refused(why):
            return "refused", why
        case Terminating():
            return "terminating", "it was deleted and is not gone yet; a submit waits for that"
        case Exists(Job(end=Complete() | JobFailed())):
            return "would be created", "anew: the Job of this name ended without a result"
        case Exists() | Conflict():
            return outcome(creation)


def check(handed: HandedOver) -> None:
    """Raises its error, BadInput for Jobs of somebody else, ClusterFailed for those that would not go."""
    if handed.error is not None:
        raise handed.error
    for _, creation in handed.met:
        word, words = outcome(creation)
        if isinstance(creation, Conflict):
            remedy = "choose another name with --run, or cancel that Job"
            raise BadInput(f"Job {creation.job.name}: {words}; {remedy}")
        if isinstance(creation, Terminating):
            raise ClusterFailed(f"Job {creation.job.name} is {word}: {words}; submit again")


def _line(manifest: Manifest, creation: Creation) -> str:
    word, words = outcome(creation)
    return f"{word:<8} {_name(manifest)}{': ' if words else ''}{words}"


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])
