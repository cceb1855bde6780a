"""Pods as the API server tells them, cut down to what the launcher asks about. Pure."""

from dataclasses import dataclass
from datetime import datetime

from launcher.jobs.content import Content, last_change
from launcher.jobs.manifest import CONTAINER

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"


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
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        changed=datetime.fromisoformat(_finished_at(state) or last_change(status) or metadata["creationTimestamp"]),
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


def _container_state(status: Content) -> Content:
    named = (each for each in status.get("containerStatuses") or () if each["name"] == CONTAINER)
    return next((each.get("state") or {} for each in named), {})


def _finished_at(state: Content) -> str | None:
    return (state.get("terminated") or {}).get("finishedAt")


def _waiting(state: Content | None) -> Waiting | None:
    return Waiting(state.get("reason", ""), state.get("message", "")) if state is not None else None


def _exited(state: Content | None) -> Exited | None:
    return Exited(state["exitCode"], state.get("reason", "")) if state is not None else None


def _disruption(condition: Content) -> Disruption:
    return Disruption(condition.get("reason", ""), condition.get("message", ""))
