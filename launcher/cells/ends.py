"""How a Job or a pod ended that brought no result: why, and whether to try again. Pure."""

from dataclasses import dataclass
from signal import Signals

from contract.exits import EXIT_CODES, OK
from contract.result import Failure
from contract.survey import Failed
from contract.survey import State as Stored
from launcher.jobs.job import Complete, Deactivated, Job, JobFailed
from launcher.jobs.pod import Pod

_DEADLINE = "DeadlineExceeded"
_RAN_TOO_LONG = "DeactivatedDueToMaximumExecutionTimeExceeded"
"""Kueue's word for a Job that has run longer than its label allows, all of its starts together."""
_NODE_IS_GONE = {"DeletionByTaintManager", "DeletionByPodGC"}


@dataclass(frozen=True)
class Broken:
    """An end without a result: why, in a word and in a sentence."""

    error: str
    message: str
    retriable: bool

    @property
    def cause(self) -> str:
        """Why, in words."""
        return f"{self.error}: {self.message}"


NO_RESULT = Broken("no-result", "complete, but no result: it exited with 0 and published nothing", retriable=True)
TOO_LONG = Broken(
    "job-deadline", "the Job's deadline is over: too long in the queue, or disrupted too often", retriable=True
)


def job_end(job: Job, pod: Pod | None, stored: Stored) -> Broken | None:
    """Of a Job without a result, by its latest pod and by what the store knows; None while it goes on."""
    match job.end:
        case None:
            return None
        case JobFailed(reason=reason) if reason == _DEADLINE:
            return TOO_LONG
        case Deactivated(reason, message):
            return TOO_LONG if reason == _RAN_TOO_LONG else Broken("deactivated", message, retriable=True)
    if pod is not None and not has_own_failure(stored, pod):
        return pod_end(pod)
    if (known := known_failure(stored, job)) is not None:
        return Broken(known.failure.error, known.failure.message, known.retriable)
    return _without_pods(job.end)


def known_failure(stored: Stored, job: Job) -> Failed | None:
    """What the store knows of the end of an attempt since the Job was made."""
    return stored if isinstance(stored, Failed) and stored.ended_at >= job.created else None


def has_own_failure(stored: Stored, pod: Pod) -> bool:
    """Whether the ended pod's trainer left a failure in the store that says more of its end than the cluster does."""
    if not isinstance(stored, Failed) or not isinstance(stored.failure, Failure) or is_ended_from_outside(pod):
        return False
    same_code = pod.exited is None or pod.exited.code == stored.failure.exit_code
    return same_code and stored.ended_at >= pod.created


def is_ended_from_outside(pod: Pod) -> bool:
    """Whether something else than the program ended the pod, so that its exit code says nothing about the cell."""
    return pod.disruption is not None or pod.reason == _DEADLINE or _is_out_of_memory(pod)


def is_on_lost_node(pod: Pod) -> bool:
    """Whether the cluster gave the pod's node up. An exit code, or a pod that is ready, is word from a living node."""
    is_gone = pod.disruption is not None and pod.disruption.reason in _NODE_IS_GONE
    return is_gone and pod.exited is None and not pod.ready


def pod_end(pod: Pod) -> Broken:
    """How an ended pod ended."""
    if is_on_lost_node(pod):
        return Broken("node-lost", f"node {pod.node} was lost", retriable=True)
    if pod.disruption is not None:
        return Broken("evicted", pod.disruption.message or pod.disruption.reason, retriable=True)
    if pod.reason == _DEADLINE:
        return Broken("attempt-deadline", "the attempt took longer than its deadline", retriable=True)
    if _is_out_of_memory(pod):
        return Broken("OOMKilled", "the node's kernel ended it, it needs more memory", retriable=False)
    if pod.exited is None:
        return Broken("no-exit-code", f"the pod ended without an exit code ({pod.reason or pod.phase})", retriable=True)
    return _exit(pod.exited.code)


def _without_pods(end: Complete | JobFailed) -> Broken:
    match end:
        case Complete():
            return NO_RESULT
        case JobFailed(reason, message):
            return Broken("pods-gone", f"{reason}: {message}", retriable=True)


def _is_out_of_memory(pod: Pod) -> bool:
    return pod.exited is not None and pod.exited.reason == "OOMKilled"


def _exit(code: int) -> Broken:
    if code == OK.number:
        return NO_RESULT
    if (known := EXIT_CODES.get(code)) is not None:
        return Broken(known.name, f"exit code {code}, {known.meaning}", known.retriable)
    return Broken(f"exit-code-{code}", _signal(code) or "not one of the trainer's own", retriable=True)


def _signal(code: int) -> str | None:
    """The signal of 128 + its number, as shells and container runtimes tell it."""
    try:
        return f"killed by {Signals(code - 128).name}"
    except ValueError:
        return None
