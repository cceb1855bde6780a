"""Prefetches as Jobs: made, and watched until they end."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from contract.inputs import find_copy, in_bucket, open_place
from contract.prefetch import Prefetch
from contract.survey import Done, Missing
from launcher.cells.ends import NO_RESULT
from launcher.cells.view import Started, State, is_final, state_on_cluster
from launcher.command_line.job_options import JobOptions
from launcher.command_line.reference import parse
from launcher.command_line.talk import say
from launcher.jobs.job import Complete, Job
from launcher.jobs.manifest import Template
from launcher.jobs.pod import Pod
from launcher.jobs.prefetch_job import RUN, prefetch_job, prefetch_name
from launcher.prefetch.orders import Ended
from launcher.servers.answers import ClusterFailed
from launcher.servers.cluster import Cluster
from launcher.show.states import status_of
from launcher.submit.handover import delete, hand_over, raise_for_failure

_POLL_SECONDS = 3.0
_GO_ON = "the Jobs go on, and the same command waits again"


@dataclass(frozen=True)
class Fetch:
    """An order and what is known of it."""

    order: Prefetch
    state: State
    log: str
    """The last line of its pod."""

    @property
    def words(self) -> str:
        """How far it is, or why it ended: the cluster's word, which a kernel or a kubelet had last, and the log's."""
        told = "" if isinstance(self.state, Started) and self.log else status_of(self.state).detail
        return "; ".join(filter(None, (told, self.log)))

    @property
    def line(self) -> str:
        """The same with its state and name."""
        return f"{status_of(self.state).state:<9} {self.order.input}{': ' if self.words else ''}{self.words}"


def make_jobs(cluster: Cluster, orders: Sequence[Prefetch], options: JobOptions, template: Template) -> None:
    """Each anew unless it goes on with this image: what has ended may have been damaged since."""
    names = {prefetch_name(order, cluster.owner) for order in orders}
    found = [job for job in cluster.jobs(RUN) if job.name in names]
    others = [job for job in found if job.image != parse(options.image).pulled]
    delete(cluster, others)  # their image may be why they do not start; what is copied stays
    wanted = [partial(prefetch_job, order, options, template) for order in orders]
    raise_for_failure(hand_over(cluster, wanted, [job for job in found if job not in others]))


def watch(cluster: Cluster, orders: Sequence[Prefetch], timeout_seconds: float | None) -> list[Ended]:
    """Tell what changes until all have ended, or the time is over; what was seen last.

    Ctrl-C ends the waiting and nothing else; the KeyboardInterrupt says so.
    """
    try:
        seen = _watch(cluster, orders, timeout_seconds)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"no longer waiting; {_GO_ON}") from interrupt
    return [Ended(fetch.order, isinstance(fetch.state, Done), fetch.words) for fetch in seen]


def _watch(cluster: Cluster, orders: Sequence[Prefetch], timeout_seconds: float | None) -> list[Fetch]:
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    told: dict[str, str] = {}
    while True:
        seen = _look(cluster, orders)
        for fetch in seen:
            if told.get(fetch.order.input) != fetch.line:
                told[fetch.order.input] = fetch.line
                say(fetch.line)
        if all(is_final(fetch.state) for fetch in seen):
            return seen
        if deadline is not None and time.monotonic() >= deadline:
            say(f"the time is over; {_GO_ON}")
            return seen
        time.sleep(_POLL_SECONDS)


def _look(cluster: Cluster, orders: Sequence[Prefetch]) -> list[Fetch]:
    jobs = {job.name: job for job in cluster.jobs(RUN)}
    pods = {pod.job: pod for pod in sorted(cluster.pods(RUN), key=lambda pod: (not pod.ended, pod.created))}
    return list(_fetches(cluster, orders, jobs, pods))


def _fetches(
    cluster: Cluster, orders: Sequence[Prefetch], jobs: dict[str, Job], pods: dict[str, Pod]
) -> Iterator[Fetch]:
    for order in orders:
        name = prefetch_name(order, cluster.owner)
        job, pod = jobs.get(name), pods.get(name)
        state = Missing() if job is None else _state(order, job, pod)
        yield Fetch(order, state, "" if pod is None else _last_line(cluster, pod))


def _state(order: Prefetch, job: Job, pod: Pod | None) -> State:
    if not isinstance(job.end, Complete):
        return state_on_cluster(Missing(), job, pod)
    return Done() if _is_recorded(order) else NO_RESULT


def _is_recorded(order: Prefetch) -> bool:
    """A folder is one of the pods; its Job's word must do."""
    return not in_bucket(order.place) or find_copy(open_place(order.place, "--to"), order.input) is not None


def _last_line(cluster: Cluster, pod: Pod) -> str:
    if pod.waiting is not None or pod.phase == "Pending":
        return ""
    try:
        log = b"".join(cluster.log(pod, follow=False) or ())
    except ClusterFailed:  # its node does not answer, which the state says
        return ""
    lines = log.decode(errors="replace").splitlines()
    return lines[-1] if lines else ""
