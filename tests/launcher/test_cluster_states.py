"""What `status` says of each end that the real Job controller, scheduler and quota can give a cell."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, evicted, never_starts, out_of_memory, runs_on
from tests.cluster.minio import Minio
from tests.cluster.waiting import until
from tests.factories import failure, progress, publish, success
from tests.launcher.clustered import ClusterLauncher, launcher_on


@dataclass(frozen=True)
class Case:
    """A cell's fate, and what must be said of it."""

    state: str
    words: list[str]
    ending: dict[str, str] = field(default_factory=dict)


RUNNING = [
    Case("running", ["started"], {}),
    Case("running", ["step 300 of 900"], {}),
    Case("done", [], ends(0)),
    Case("failed", ["complete, but no result", "may help"], ends(0)),
    Case("failed", ["exit code 1", "unexpected-error", "may help"], ends(1)),
    Case("failed", ["exit code 2", "bad-input", "would end the same"], ends(2)),
    Case("failed", ["non-finite-loss: the loss became nan at step 12", "would end the same"], ends(10)),
    Case("failed", ["exit code 11", "out-of-memory", "would end the same"], ends(11)),
    Case("failed", ["exit code 12", "store-failed", "may help"], ends(12)),
    Case("failed", ["exit code 13", "source-unavailable", "may help"], ends(13)),
    Case("failed", ["exit code 14", "device-failed", "may help"], ends(14)),
    Case("failed", ["exit code 15", "preempted", "may help"], ends(15)),
    Case("failed", ["exit code 137", "SIGKILL", "may help"], ends(137)),
    Case("failed", ["OOMKilled", "memory", "would end the same"], out_of_memory()),
    Case("running", ["started"], evicted()),
    Case("failed", ["the Job's deadline", "may help"], {}),
    Case("suspended", ["held back"], {}),
    Case("failed", ["the attempt took longer than its deadline"], {}),
]
"""Of cells whose pods run at first, in the order of the grid."""
TOLD, DONE, PUBLISHED_FAILURE, DEADLINE, SUSPENDED, POD_DEADLINE = 1, 2, 6, 15, 16, 17


@pytest.fixture(scope="module")
def told(cluster: Cluster, minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Cell id -> what `status --json` says, and its DETAIL for people under `detail`."""
    with (
        cluster.gpu_nodes(len(RUNNING) + 1),
        launcher_on(cluster, minio, tmp_path_factory.mktemp("states")) as launcher,
    ):
        yield _play(launcher)


def _play(launcher: ClusterLauncher) -> dict[str, Any]:
    cells = [task.cell.id for task in launcher.tasks()]
    done = launcher("submit", "--yes", *launcher.template(runs_on()), LAUNCHER_ATTEMPTS="1")
    assert done.returncode == 0, done.stderr
    placed = len(RUNNING) + 1
    until(lambda: _running(launcher) == placed, "the pods to run")
    running = [cell for cell in cells if (pod := launcher.pod(cell)) and pod.status.phase == "Running"]
    fates = dict(zip(running, RUNNING, strict=False))
    waiting = next(cell for cell in launcher.json("status")["cells"] if cell["cell"] not in running)
    _meet(launcher, running)
    for cell, case in fates.items():
        if case.ending:
            launcher.cluster.end_pod(launcher.namespace, launcher.pod(cell).metadata.name, case.ending)
    wanted = {cell: case.state for cell, case in fates.items()}
    until(lambda: wanted.items() <= launcher.states().items(), "all to settle", 60)
    details = {line.split()[0]: line for line in launcher("status").stdout.splitlines()[1:-1]}
    told = {cell["cell"]: cell | {"detail": details[cell["cell"]]} for cell in launcher.json("status")["cells"]}
    return {str(position): told[cell] for position, cell in enumerate(fates)} | {"waiting": waiting}


def _meet(launcher: ClusterLauncher, running: list[str]) -> None:
    """What does not come from the pods' own end."""
    tasks = {task.cell.id: task for task in launcher.tasks()}
    batch, core, namespace = launcher.cluster.batch, launcher.cluster.core, launcher.namespace
    publish(launcher.store(), progress(tasks[running[TOLD]]))
    publish(launcher.store(), success(tasks[running[DONE]]))
    publish(launcher.store(), failure(tasks[running[PUBLISHED_FAILURE]]))
    batch.patch_namespaced_job(f"twenty-{running[DEADLINE]}", namespace, {"spec": {"activeDeadlineSeconds": 1}})
    batch.patch_namespaced_job(f"twenty-{running[SUSPENDED]}", namespace, {"spec": {"suspend": True}})
    over = {"status": {"phase": "Failed", "reason": "DeadlineExceeded"}}
    core.patch_namespaced_pod_status(launcher.pod(running[POD_DEADLINE]).metadata.name, namespace, over)


def _running(launcher: ClusterLauncher) -> int:
    pods = launcher.cluster.core.list_namespaced_pod(launcher.namespace).items
    return sum(pod.status.phase == "Running" for pod in pods)


@pytest.mark.parametrize("position", range(len(RUNNING)), ids=lambda at: f"{at}-{RUNNING[at].state}")
def test_each_end_has_its_state(told: dict[str, Any], position: int) -> None:
    case, said = RUNNING[position], told[str(position)]
    assert said["state"] == case.state
    for words in case.words:
        assert words in said["detail"]
    if case.state == "failed":
        assert said["retriable"] == ("may help" in said["detail"])
    assert said["job"]["age_seconds"] >= 0


def test_a_pod_without_a_free_gpu_says_so(told: dict[str, Any]) -> None:
    assert told["waiting"]["state"] == "pending"
    assert "every GPU is in use" in told["waiting"]["reason"]
    assert told["waiting"]["job"]["node"] is None


def test_what_keeps_a_cell_from_starting(cluster: Cluster, clustered: ClusterLauncher) -> None:
    """No node for the model; an image that is not there; a quota."""
    only = ("--only", "labels=2,samples=80,model=")
    image = clustered.template(never_starts("ImagePullBackOff", "Back-off pulling image"))
    selector = {"LAUNCHER_NODE_SELECTOR": '{"zone":"nowhere"}'}
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *only[:1], f"{only[1]}bert", **selector)
        clustered("submit", "--yes", *only[:1], f"{only[1]}gemma3", *image)
        until(lambda: clustered.states()["gemma3-l2-n80-s0"] == "stuck", "the image to be missed")
        quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
        cluster.core.create_namespaced_resource_quota(clustered.namespace, quota)
        until(lambda: cluster.core.read_namespaced_resource_quota("none", clustered.namespace).status.hard, "the quota")
        clustered("submit", "--yes", *only[:1], f"{only[1]}gpt2-xl")
        shown = {cell["cell"]: cell for cell in clustered.json("status", "--only", "labels=2,samples=80")["cells"]}
    states = {name.partition("-l2")[0]: (cell["state"], cell.get("reason", "")) for name, cell in shown.items()}
    assert states["bert"][0] == "pending"
    assert "no node has the labels" in states["bert"][1]
    assert states["gemma3"] == ("stuck", "cannot pull the image: ImagePullBackOff: Back-off pulling image")
    assert states["gpt2-xl"][0] == "queued"
    assert "quota" in states["gpt2-xl"][1]


def test_a_failed_cell_is_retried(cluster: Cluster, clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    with cluster.gpu_nodes(1):
        clustered("submit", "--yes", *only, *clustered.template(ends(2)))
        until(lambda: clustered.states(*only) == {"bert-l2-n80-s0": "failed"}, "the cell to fail")
        (before,) = clustered.jobs()
        assert "`retry` creates it anew" in clustered("submit", "--yes", *only).stderr
        done = clustered("retry", *only, *clustered.template(runs_on()))
        assert done.returncode == 0, done.stderr
        (after,) = clustered.jobs()
        assert after.metadata.uid != before.metadata.uid
        until(lambda: clustered.states(*only) == {"bert-l2-n80-s0": "running"}, "the cell to run")
