"""Plays the failure contract on a cluster, and watches what its real controllers make of it."""

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from kubernetes import client

from contract.grid import load_grid
from contract.revision import resolve
from contract.task import Task
from tests.cluster.cluster import GPU
from tests.cluster.dead_nodes import exceed_deadline, fall_silent, start_pod
from tests.cluster.endings import ends, never_starts, runs_on
from tests.cluster.waiting import until
from tests.factories import failure, publish, success
from tests.launcher.clustered import ClusterLauncher
from tests.launcher.failure_contract import (
    ATTEMPTS,
    AttemptDeadline,
    Case,
    DeadNode,
    EveryPod,
    EvictedByApi,
    FirstPod,
    JobDeadline,
    NoImage,
    OwnFailure,
    Play,
    Published,
    Suspend,
)

_SEEDS = (0, 1, 2)
_RUNNING = ("seed=0", "seed=1", "seed=2,model=bert", "seed=2,model=gemma3", "seed=2,model=qwen2.5,labels=4")
_WITHOUT_IMAGE = ("seed=2,model=llama3.2",)
_ON_DYING_NODES = ("seed=2,model=qwen2.5,labels=2",)
"""Cells of the grid, by the template that their Jobs get."""
_LEFT_OVER = 5
"""Cells of those groups without a fate, at most."""
_SECONDS = 150.0
_IMPATIENT = [{"key": GPU, "operator": "Exists"}] + [
    {"key": f"node.kubernetes.io/{each}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}
    for each in ("not-ready", "unreachable")
]
"""Pods are given 300 s on a node that fell silent, unless they say otherwise."""


def play(launcher: ClusterLauncher, played: Sequence[tuple[Case, Play]], stack: ExitStack) -> "Fates":
    """A cell for each of them, in one run; return when all has come. The nodes stay as long as `stack`."""
    dying = [each for each in played if isinstance(each[1], DeadNode)]
    imageless = [each for each in played if isinstance(each[1], NoImage)]
    others = [each for each in played if not isinstance(each[1], DeadNode | NoImage)]
    fates = Fates(launcher)
    stack.enter_context(launcher.cluster.gpu_nodes(len(dying), played=False))
    fates.submit(dying, _ON_DYING_NODES, launcher.template(runs_on(), tolerations=_IMPATIENT))
    until(fates.are_placed, "the pods to be on the nodes that are to die")
    stack.enter_context(launcher.cluster.gpu_nodes(len(played) + _LEFT_OVER))
    fates.submit(imageless, _WITHOUT_IMAGE, launcher.template(never_starts()))
    fates.submit(others, _RUNNING, launcher.template(runs_on()))
    fates.watch()
    return fates


class Fates:
    """What became of the cells, as the API server tells it."""

    def __init__(self, launcher: ClusterLauncher) -> None:
        self._launcher = launcher
        self._core, self._batch = launcher.cluster.core, launcher.cluster.batch
        self._played: dict[str, tuple[Case, Play]] = {}
        """Cell id -> its fate."""
        self._pods: dict[str, list[str]] = defaultdict(list)
        """Cell id -> uids of its pods, in the order of their appearance."""
        self._met: set[str] = set()
        """Uids of pods that were treated as their fate has it."""
        self._jobs: dict[str, client.V1Job] = {}
        self._latest: dict[str, client.V1Pod] = {}
        tasks = load_grid(str(launcher.grid_file)).model_copy(update={"seeds": _SEEDS}).tasks(launcher.uri)
        self._tasks: dict[str, Task] = {task.cell.id: task for task in resolve(tasks)}

    def cell(self, play: Play) -> str:
        """The id of the cell that it happened to."""
        return next(cell for cell, (_, each) in self._played.items() if each == play)

    def pods(self, cell: str) -> int:
        """How many were made."""
        return len(self._pods[cell])

    def job_end(self, cell: str) -> str:
        """In the words of the contract."""
        job = self._jobs[cell]
        for each in job.status.conditions or ():
            if each.type in ("Complete", "Failed") and each.status == "True":
                return each.type if each.type == "Complete" else f"Failed, {each.reason}"
        return "suspended" if job.spec.suspend else "goes on"

    def submit(self, plays: Sequence[tuple[Case, Play]], only: Sequence[str], template: tuple[str, str]) -> None:
        """Make the Jobs of these cells and give each one of the plays; what is left over runs on."""
        options = [word for each in only for word in ("--only", each)]
        seeds = ",".join(map(str, _SEEDS))
        command = ("submit", "--yes", "--seeds", seeds, *options, *template)
        cells = [job["cell"] for job in self._launcher.json(*command, LAUNCHER_ATTEMPTS=str(ATTEMPTS))["jobs"]]
        assert len(plays) <= len(cells) <= len(plays) + _LEFT_OVER
        self._played |= dict(zip(cells, plays, strict=False))

    def are_placed(self) -> bool:
        """Whether each of the cells has a pod on a node."""
        pods = self._list_pods()
        return len(pods) == len(self._played) and all(pod.spec.node_name for pod in pods)

    def watch(self) -> None:
        """Let each pod meet its fate, until all has come as the contract says or has had the time to."""
        deadline = time.monotonic() + _SECONDS
        while not self._settled() and time.monotonic() < deadline:
            self._look()
            for cell, pod in self._latest.items():
                if pod.metadata.uid not in self._met and self._can_meet(cell, pod):
                    self._met.add(pod.metadata.uid)
                    self._meet(cell, pod)
                elif pod.metadata.deletion_timestamp and self._played[cell][1] == DeadNode(deleted=True):
                    self._launcher.cluster.remove_nodes([pod.spec.node_name])
            time.sleep(0.2)

    def _look(self) -> None:
        for pod in sorted(self._list_pods(), key=lambda pod: pod.metadata.creation_timestamp):
            cell, uid = pod.metadata.labels["emotion-grid/cell"], pod.metadata.uid
            if uid not in self._pods[cell]:
                self._pods[cell].append(uid)
            if uid == self._pods[cell][-1]:
                self._latest[cell] = pod
        self._jobs = {job.metadata.labels["emotion-grid/cell"]: job for job in self._launcher.jobs()}

    def _list_pods(self) -> list[client.V1Pod]:
        pods = self._core.list_namespaced_pod(self._launcher.namespace).items
        return [pod for pod in pods if pod.metadata.labels["emotion-grid/cell"] in self._played]

    def _settled(self) -> bool:
        return bool(self._jobs) and all(self._has_come(cell, case) for cell, (case, _) in self._played.items())

    def _has_come(self, cell: str, case: Case) -> bool:
        if not case.pods:
            return self.job_end(cell) != "goes on"
        if (self.job_end(cell), self.pods(cell)) != (case.job, case.pods):
            return False
        pod = self._latest[cell]
        return pod.status.phase == "Running" if case.state == "running" else pod.metadata.uid in self._met

    def _can_meet(self, cell: str, pod: client.V1Pod) -> bool:
        match self._played[cell][1]:
            case DeadNode():
                return pod.spec.node_name is not None
            case NoImage():
                return bool(pod.status.container_statuses)
            case _:
                return pod.status.phase == "Running"

    def _meet(self, cell: str, pod: client.V1Pod) -> None:
        is_first = pod.metadata.uid == self._pods[cell][0]
        match self._played[cell][1]:
            case EveryPod(ending):
                self._end(pod, ending)
            case FirstPod(ending) if is_first:
                self._end(pod, ending)
            case EvictedByApi(exit_code) if is_first:
                self._end(pod, runs_on(sigterm_exit_code=exit_code))
                self._evict(pod)
            case OwnFailure():
                publish(self._launcher.store(), failure(self._tasks[cell], finished_at=datetime.now(UTC)))
                self._end(pod, ends(10))
            case Published(exit_code):
                publish(self._launcher.store(), success(self._tasks[cell]))
                self._end(pod, ends(exit_code))
            case AttemptDeadline():
                exceed_deadline(self._core, pod)
            case JobDeadline() | NoImage(deadline=True):
                self._change_job(cell, {"activeDeadlineSeconds": 1})
            case Suspend():
                self._change_job(cell, {"suspend": True})
            case DeadNode() if is_first:
                start_pod(self._core, pod)
                fall_silent(self._core, pod)

    def _end(self, pod: client.V1Pod, ending: dict[str, str]) -> None:
        self._launcher.cluster.end_pod(self._launcher.namespace, pod.metadata.name, ending)

    def _evict(self, pod: client.V1Pod) -> None:
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.metadata.name}}
        self._core.create_namespaced_pod_eviction(pod.metadata.name, self._launcher.namespace, eviction)

    def _change_job(self, cell: str, spec: dict[str, Any]) -> None:
        self._batch.patch_namespaced_job(self._jobs[cell].metadata.name, self._launcher.namespace, {"spec": spec})
