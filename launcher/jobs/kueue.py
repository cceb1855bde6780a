"""Kueue's objects as the API server tells them, cut down to what the launcher asks about. Pure.

https://kueue.sigs.k8s.io/docs/reference/kueue.v1beta2/
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from launcher.jobs.content import Content
from launcher.jobs.job import Deactivated, InQueue, Job
from launcher.jobs.quantity import amount

_UNREAD = "why is not to be seen: no right to list Kueue's workloads, or no Kueue"
_NO_WORKLOAD = "Kueue has not taken it up: it does not run, or has no priority class of that name"
_UNTRIED = "waits its turn"
_NEVER = frozenset({"Inadmissible", "Misconfigured", "Suspended", "ExceedsMaxQuota", "NoMatchingFlavor"})
"""Why no quota is reserved until somebody changes the queue: Kueue's one reason, and those behind its feature gate."""
_BEHIND = frozenset({"PodsReadyTimeout", "AdmissionCheck"})
"""Evictions after which age counts anew."""
_ADMITTED = "admitted, about to start"


@dataclass(frozen=True)
class Workload:
    """Kueue's side of a Job."""

    uid: str
    owner: str
    """The Job's uid; empty for the Workload of something else, which stands in the same line."""
    queue: str
    priority: int
    since: datetime
    """From when its age counts: its making, or an eviction that puts it behind the others."""
    reserved: bool
    """Whether it holds quota or has ended, and so has no place in the queue."""
    why: str
    """What keeps its Job from starting."""
    admissible: bool
    deactivated: Deactivated | None

    @property
    def in_line(self) -> bool:
        """Whether it waits for quota."""
        return self.admissible and not self.reserved and self.deactivated is None


@dataclass(frozen=True)
class LocalQueue:
    """Where Jobs of a namespace queue up."""

    name: str
    cluster_queue: str
    inactive: str | None
    """Why it admits nothing, in Kueue's words."""


@dataclass(frozen=True)
class ClusterQueue:
    """What the Jobs of a queue may hold together."""

    name: str
    borrows: bool
    """Whether it belongs to a cohort, whose other members may lend it quota."""
    groups: Sequence[Mapping[str, Mapping[str, str]]]
    """Resources that are counted together: flavor -> resource -> quota. A Job takes one flavor of each group."""

    def quota(self, resource: str) -> Decimal | None:
        """Of all flavors together; None where the resource has none. Raises ValueError."""
        quotas = [of[resource] for group in self.groups for of in group.values() if resource in of]
        return sum(map(amount, quotas), Decimal()) if quotas else None


def read_workload(content: Content) -> Workload:
    """One that Kueue made for a Job."""
    metadata, spec = content["metadata"], content["spec"]
    conditions = {each["type"]: each for each in (content.get("status") or {}).get("conditions") or ()}
    owners = metadata.get("ownerReferences") or ()
    return Workload(
        uid=metadata["uid"],
        owner=next((owner["uid"] for owner in owners if owner["kind"] == "Job"), ""),
        queue=spec.get("queueName", ""),
        priority=spec.get("priority") or 0,
        since=datetime.fromisoformat(_put_behind(conditions) or metadata["creationTimestamp"]),
        reserved=any(_holds(conditions, kind) for kind in ("QuotaReserved", "Finished")),
        why=_why(conditions),
        admissible=conditions.get("QuotaReserved", {}).get("reason") not in _NEVER,
        deactivated=None if spec.get("active", True) else _deactivated(conditions),
    )


def read_local_queue(content: Content) -> LocalQueue:
    """From the API server's JSON."""
    return LocalQueue(content["metadata"]["name"], content["spec"]["clusterQueue"], _inactive(content))


def read_cluster_queue(content: Content) -> ClusterQueue:
    """From the API server's JSON."""
    spec = content["spec"]
    groups = [_quotas(group) for group in spec.get("resourceGroups") or ()]
    return ClusterQueue(content["metadata"]["name"], bool(spec.get("cohortName")), groups)


def with_waits(jobs: Sequence[Job], workloads: Sequence[Workload] | None) -> list[Job]:
    """The Jobs, those that a queue holds back with the reason and their place, or with their end.

    `workloads` are all of the namespace, None where they may not be seen. Places are those that Kueue gives them, by
    priority and then by age, among the Workloads of the same LocalQueue.
    """
    by_job = {workload.owner: workload for workload in workloads or () if workload.owner}
    places = _places(workloads or ())

    def seen(job: Job) -> Job:
        if job.queue is None or not job.suspended:
            return job
        workload = by_job.get(job.uid)
        if workload is None:
            return replace(job, waits=InQueue(job.queue, _UNREAD if workloads is None else _NO_WORKLOAD))
        if workload.deactivated:
            return replace(job, end=job.end or workload.deactivated)
        waits = InQueue(job.queue, workload.why, places.get(workload.uid), workload.admissible)
        return replace(job, waits=waits)

    return [seen(job) for job in jobs]


def _places(workloads: Iterable[Workload]) -> dict[str, int]:
    """Uid -> place, from 1 in each queue."""
    line = sorted((each for each in workloads if each.in_line), key=lambda each: (-each.priority, each.since, each.uid))
    places: dict[str, int] = {}
    lengths: dict[str, int] = {}
    for each in line:
        places[each.uid] = lengths[each.queue] = lengths.get(each.queue, 0) + 1
    return places


def _why(conditions: Mapping[str, Content]) -> str:
    if _holds(conditions, "QuotaReserved"):
        return str(conditions.get("Admitted", {}).get("message") or _ADMITTED)
    return str(conditions.get("QuotaReserved", {}).get("message") or _UNTRIED)


def _put_behind(conditions: Mapping[str, Content]) -> str | None:
    evicted = _eviction(conditions)
    return evicted.get("lastTransitionTime") if evicted.get("reason") in _BEHIND else None


def _eviction(conditions: Mapping[str, Content]) -> Content:
    """Nothing where it was not evicted, or was admitted again, which leaves the condition as False."""
    return conditions["Evicted"] if _holds(conditions, "Evicted") else {}


def _deactivated(conditions: Mapping[str, Content]) -> Deactivated:
    evicted = _eviction(conditions)
    return Deactivated(evicted.get("reason", "Deactivated"), evicted.get("message", "The workload is deactivated"))


def _holds(conditions: Mapping[str, Content], kind: str) -> bool:
    return conditions.get(kind, {}).get("status") == "True"


def _inactive(content: Content) -> str | None:
    for condition in (content.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Active":
            return None if condition["status"] == "True" else str(condition.get("message") or condition["reason"])
    return "Kueue has not come to it yet: does it run?"


def _quotas(group: Content) -> dict[str, dict[str, str]]:
    return {
        flavor["name"]: {each["name"]: str(each["nominalQuota"]) for each in flavor["resources"]}
        for flavor in group["flavors"]
    }
