"""What store and cluster say together about a cell: one state for every combination. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from contract.survey import State as Stored
from contract.task import Task
from launcher.cells.ends import Broken, is_on_lost_node, job_end, pod_end
from launcher.jobs.job import InQueue, Job
from launcher.jobs.nodes import GPU
from launcher.jobs.pod import Pod

_CANNOT_PULL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_BEING_PREPARED = {"", "ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class Queued:
    """A Job without a pod of its own yet."""

    why: str


@dataclass(frozen=True)
class Pending:
    """A pod without a node; the scheduler's reason."""

    why: str


@dataclass(frozen=True)
class Pulling:
    """A pod on its node whose container is being prepared."""


@dataclass(frozen=True)
class Stuck:
    """A container on its node, or a Job in its queue, that cannot start as things are."""

    why: str


@dataclass(frozen=True)
class Started:
    """The container runs; the store has no word of it yet."""


@dataclass(frozen=True)
class Suspended:
    """Somebody holds the Job back: `spec.suspend` is true, and no queue is known to have set it."""


@dataclass(frozen=True)
class Held:
    """A cell without a Job until the canary of its model has succeeded (submit/canary.py)."""

    canary: str
    succeeded: bool | None
    """Whether the canary did; None while that is open."""


@dataclass(frozen=True)
class Ending:
    """The Job was deleted and is not gone yet."""


State = Stored | Queued | InQueue | Pending | Pulling | Stuck | Started | Suspended | Held | Ending | Broken


@dataclass(frozen=True)
class Row:
    """A cell, what is known about it, and who says so: the store, its Job and that Job's pods."""

    task: Task
    state: State
    stored: Stored
    job: Job | None = None
    pods: Sequence[Pod] = ()
    """In the order of their making, and the running one last."""

    @property
    def pod(self) -> Pod | None:
        """The running one, else the latest."""
        return self.pods[-1] if self.pods else None


def join(
    tasks: Sequence[Task], stored: Sequence[Stored], jobs: Iterable[Job] = (), pods: Iterable[Pod] = ()
) -> list[Row]:
    """A row a task; without Jobs and pods, what the store knows.

    `jobs`, then `pods`, then `stored` must have been read, or a Job seems to end without a result.
    """
    by_work = {job.work: job for job in jobs}
    by_job: dict[str, list[Pod]] = {}
    for pod in pods:
        by_job.setdefault(pod.job, []).append(pod)
    return [_row(task, state, by_work, by_job) for task, state in zip(tasks, stored, strict=True)]


def _row(task: Task, stored: Stored, jobs: dict[tuple[str, str, str], Job], pods: dict[str, list[Pod]]) -> Row:
    job = jobs.get((task.cell.id, task.fingerprint(), task.results.uri))
    if job is None:
        return Row(task, stored, stored)
    own = sorted(pods.get(job.name, ()), key=lambda pod: (not pod.ended, pod.created))
    state = stored if isinstance(stored, Done) else state_on_cluster(stored, job, own[-1] if own else None)
    return Row(task, state, stored, job, own)


def state_on_cluster(stored: Stored, job: Job, pod: Pod | None) -> State:
    """Of work that is not done; `pod` is the running one, else the latest."""
    if job.terminating:
        return Ending()
    if (end := job_end(job, pod, stored)) is not None:
        return end
    if job.suspended:
        return _held_back(job)
    if pod is None:
        return Queued("no pod yet: the Job controller has not come to it, or the namespace's quota is used up")
    return _attempt(stored, pod)


def _held_back(job: Job) -> InQueue | Stuck | Suspended:
    match job.waits:
        case None:
            return Suspended()
        case InQueue(queue, why, admissible=False):
            return Stuck(f"queue {queue} does not let it in: {why}")
        case waits:
            return waits


def _attempt(stored: Stored, pod: Pod) -> State:
    if is_on_lost_node(pod) and not pod.ended:
        return Stuck(f"node {pod.node} is lost; the cell waits until the Node object is deleted or answers again")
    match pod.phase:
        case "Pending":
            return _pending(pod)
        case "Running" if not pod.ready and not pod.terminating:
            return Stuck(f"node {pod.node} does not answer")
        case "Running":
            return stored if isinstance(stored, Running) else Started()
        case _:
            return Queued(f"the latest attempt ended ({pod_end(pod).cause}); the next one is about to start")


def _pending(pod: Pod) -> State:
    if pod.node is None:
        return Pending("waiting for the scheduler" if pod.unschedulable is None else in_words(pod.unschedulable))
    if pod.waiting is None or pod.waiting.reason in _BEING_PREPARED:
        return Pulling()
    why = f"{pod.waiting.reason}: {pod.waiting.message}".rstrip(": ")
    if pod.waiting.reason in _CANNOT_PULL:
        return Stuck(f"cannot pull the image: {why}; for another one `cancel` the cell, then submit it with --image")
    return Stuck(f"the container cannot start: {why}")


_PREEMPTION = re.compile(r"\. (?:no new claims to deallocate, )?preemption:")
"""What follows helps nobody; a scheduler that allocates resource claims first says that our pods have none."""


def in_words(scheduler: str) -> str:
    """`0/4 nodes are available: 4 Insufficient nvidia.com/gpu. preemption: ...`, less what helps nobody."""
    told = _PREEMPTION.split(scheduler, maxsplit=1)[0].rstrip(".")
    if f"Insufficient {GPU}" in told:
        return f"every GPU is in use or there is none ({told})"
    if "node affinity/selector" in told and "Insufficient" not in told:
        return f"no node has the labels that this model asks for ({told})"
    return told


def all_done(states: Iterable[State]) -> bool:
    """Whether every cell has its result."""
    return all(isinstance(state, Done) for state in states)


def is_final(state: State) -> bool:
    """Whether nothing will happen to the cell until somebody acts."""
    match state:
        case Held(succeeded=succeeded):
            return succeeded is False
        case _:
            return isinstance(state, Done | Broken | Failed | Lost | Missing | Stale)
