"""Cells become Jobs, many at a time."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract.exits import BadInput
from launcher.answers import ClusterFailed
from launcher.cluster import Cluster, Conflict, Created, Creation, Exists, Terminating, judge
from launcher.objects import Complete, Job, JobFailed

_GONE_SECONDS = 60.0
"""How long a deleted Job may take to be gone."""
_LOOK_SECONDS = 0.5

Manifest = Mapping[str, Any]


def hand_over(
    cluster: Cluster, manifests: Sequence[Manifest], found: Sequence[Job], connections: int
) -> Iterator[tuple[Manifest, Creation]]:
    """Make every Job that is not among `found`, in order. On an exception the rest is not begun."""
    there = {job.name: job for job in found}
    pool = ThreadPoolExecutor(connections)
    try:
        making = [pool.submit(_make, cluster, each, there.get(each["metadata"]["name"])) for each in manifests]
        for manifest, made in zip(manifests, making, strict=True):
            yield manifest, made.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make(cluster: Cluster, manifest: Manifest, found: Job | None) -> Creation:
    creation = cluster.create(manifest) if found is None else judge(manifest, found)
    deadline = time.monotonic() + _GONE_SECONDS
    while isinstance(creation, Terminating) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        creation = cluster.create(manifest)
    return creation


def outcome(creation: Creation) -> tuple[str, str]:
    """In one word, and what else there is to say."""
    match creation:
        case Created():
            return "created", ""
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


def check(creations: Sequence[Creation]) -> None:
    """Raises BadInput for Jobs of somebody else, ClusterFailed for those that would not go."""
    for creation in creations:
        word, words = outcome(creation)
        if isinstance(creation, Conflict):
            remedy = "choose another name with --run, or cancel that Job"
            raise BadInput(f"Job {creation.job.name}: {words}; {remedy}")
        if isinstance(creation, Terminating):
            raise ClusterFailed(f"Job {creation.job.name} is {word}: {words}; submit again")
