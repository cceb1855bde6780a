"""Jobs as the API server tells them, cut down to what the launcher asks about. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from contract.task import env_name
from launcher.jobs.content import Content, last_change
from launcher.jobs.manifest import CELL_LABEL, CONTAINER, FINGERPRINT_ANNOTATION, OWNER_LABEL, QUEUE_LABEL, RUN_LABEL

_RESULTS = env_name("results", "uri")


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
        created=datetime.fromisoformat(metadata["creationTimestamp"]),
        changed=datetime.fromisoformat(last_change(status) or metadata["creationTimestamp"]),
        attempts=sum(status.get(kind) or 0 for kind in ("active", "failed", "succeeded")),
        suspended=bool(content["spec"].get("suspend")),
        terminating="deletionTimestamp" in metadata,
        end=_end(status),
        queue=labels.get(QUEUE_LABEL),
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
