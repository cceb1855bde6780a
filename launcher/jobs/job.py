"""Jobs and pods as the API server tells them, cut down to what the launcher asks about. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contract.task import env_name
from launcher.jobs.manifest import CELL_LABEL, CONTAINER, FINGERPRINT_ANNOTATION, OWNER_LABEL, QUEUE_LABEL, RUN_LABEL

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
_RESULTS = env_name("results", "uri")

Content = Mapping[str, Any]
"""An object as JSON."""


@dataclass(frozen=True)
class Complete:
    """A pod of the Job exited with 0."""


@dataclass(frozen=True)
class JobFailed:
    """The Job controller gave up: BackoffLimitExceeded, PodFailurePolicy, DeadlineExceeded."""

    reason: str
    message: str


@dataclass(frozen=True)
class Deactivated:
    """Kueue let the Job go, which stays suspended for ever: it ran too long in all, or somebody told Kueue to."""

    reason: str
    message: str


@dataclass(frozen=True)
class InQueue:
    """What keeps a Job in its queue, in Kueue's words."""

    queue: str
    why: str
    place: int | None = None
    """From 1, the next one; None where it has none."""
    admissible: bool = True
    """Whether its turn can come: the queue is there, and open."""


@dataclass(frozen=True)
class Job:
    """The Job of a cell."""

    name: str
    uid: str
    run: str
    cell: str
    owner: str
    fingerprint: str
    results_uri: str
    image: str
    """As its pods ask for it."""
    created: datetime
    changed: datetime
    """When the last of its conditions changed: that it ended, if it has."""
    attempts: int
    """Pods that count: those that failed, succeeded or are active."""
    suspended: bool
    terminating: bool
    """It was deleted and is not gone yet."""
    end: Complete | JobFailed | Deactivated | None
    queue: str | None = None
    """Kueue's LocalQueue that it was made for."""
    waits: InQueue | None = None
    """In that queue, as Kueue's side of the Job shows (kueue.py)."""

    @property
    def work(self) -> tuple[str, str, str]:
        """Cell, fingerprint and store: a Job of the same name that publishes elsewhere does other work."""
        return self.cell, self.fingerprint, self.results_uri


@dataclass(frozen=True)
class Waiting:
    """A container that has not started, in the kubelet's words."""

    reason: str
    message: str


@dataclass(frozen=True)
class Exited:
    """A container that ended."""

    code: int
    reason: str


@dataclass(frozen=True)
class Disruption:
    """What ended a pod that was not to blame: the reason of its condition DisruptionTarget."""

    reason: str
    message: str


@dataclass(frozen=True)
class Pod:
    """One attempt of a cell. `reason` is the pod's own: Evicted, DeadlineExceeded."""

    name: str
    uid: str
    job: str
    created: datetime
    changed: datetime
    """When its container ended, or else the last of its conditions changed."""
    phase: str
    node: str | None
    reason: str | None
    unschedulable: str | None
    """The scheduler's words."""
    waiting: Waiting | None
    exited: Exited | None
    disruption: Disruption | None
    ready: bool
    terminating: bool

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.phase in ("Succeeded", "Failed")


def read_job(content: Content) -> Job:
    """A Job made by `job_manifest`; of one made by somebody else, what cannot be found is the empty string."""
    metadata, status = content["metadata"], content.get("status") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return Job(
        name=metadata["name"],
        uid=metadata["uid"],
        run=labels.get(RUN_LABEL, ""),
        cell=labels.get(CELL_LABEL, ""),
        owner=labels.get(OWNER_LABEL, ""),
        fingerprint=annotations.get(FINGERPRINT_ANNOTATION, ""),
        results_uri=_environment(content).get(_RESULTS, ""),
        image=image_of(content),
        created=_time(metadata["creationTimestamp"]),
        changed=_time(_last_change(status) or metadata["creationTimestamp"]),
        attempts=sum(status.get(kind) or 0 for kind in ("active", "failed", "succeeded")),
        suspended=bool(content["spec"].get("suspend")),
        terminating="deletionTimestamp" in metadata,
        end=_end(status),
        queue=labels.get(QUEUE_LABEL),
    )


def read_pod(content: Content) -> Pod:
    """A pod of a Job."""
    metadata, status = content["metadata"], content.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    scheduled, disrupted = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    state = _container_state(status)
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        job=(metadata.get("labels") or {}).get(JOB_NAME_LABEL, ""),
        created=_time(metadata["creationTimestamp"]),
        changed=_time(_finished_at(state) or _last_change(status) or metadata["creationTimestamp"]),
        phase=status.get("phase", "Pending"),
        node=content["spec"].get("nodeName"),
        reason=status.get("reason"),
        unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else None,
        waiting=_waiting(state.get("waiting")),
        exited=_exited(state.get("terminated")),
        disruption=_disruption(disrupted) if disrupted.get("status") == "True" else None,
        ready=conditions.get("Ready", {}).get("status") == "True",
        terminating="deletionTimestamp" in metadata,
    )


def differences(wanted: Content, found: Job) -> list[str]:
    """Why `found` is not the Job that `wanted` asks for, in words that name both; empty when it is."""
    metadata = wanted["metadata"]
    pairs = {
        "owner": (metadata["labels"][OWNER_LABEL], found.owner),
        "fingerprint": (metadata["annotations"][FINGERPRINT_ANNOTATION], found.fingerprint),
        _RESULTS: (_environment(wanted).get(_RESULTS, ""), found.results_uri),
    }
    return [f"{name} {there or 'none'}, not {ours}" for name, (ours, there) in pairs.items() if ours != there]


def image_of(job: Content) -> str:
    """That the cell runs in; empty for a Job made by somebody else without the container."""
    return str(_container(job).get("image", ""))


def _environment(job: Content) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in _container(job).get("env") or ()}


def _container(job: Content) -> Content:
    containers: Iterator[Content] = iter(job["spec"]["template"]["spec"]["containers"])
    return next((each for each in containers if each["name"] == CONTAINER), {})


def _end(status: Content) -> Complete | JobFailed | None:
    for condition in status.get("conditions") or ():
        match condition:
            case {"type": "Complete", "status": "True"}:
                return Complete()
            case {"type": "Failed", "status": "True"}:
                return JobFailed(condition.get("reason", ""), condition.get("message", ""))
    return None


def _container_state(status: Content) -> Content:
    named = (each for each in status.get("containerStatuses") or () if each["name"] == CONTAINER)
    return next((each.get("state") or {} for each in named), {})


def _finished_at(state: Content) -> str | None:
    return (state.get("terminated") or {}).get("finishedAt")


def _last_change(status: Content) -> str | None:
    changes = (each.get("lastTransitionTime") for each in status.get("conditions") or ())
    return max(filter(None, changes), default=None)


def _waiting(state: Content | None) -> Waiting | None:
    return Waiting(state.get("reason", ""), state.get("message", "")) if state is not None else None


def _exited(state: Content | None) -> Exited | None:
    return Exited(state["exitCode"], state.get("reason", "")) if state is not None else None


def _disruption(condition: Content) -> Disruption:
    return Disruption(condition.get("reason", ""), condition.get("message", ""))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
