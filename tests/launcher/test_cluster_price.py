"""A plan's wall time beside the fact, on a real scheduler: two hundred cells whose times are known."""

import json
import random
import time
from datetime import UTC, datetime

import pytest

from contract.result import Success
from contract.task import Task
from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, runs_on
from tests.factories import provenance, publish, success
from tests.launcher.clustered import ClusterLauncher

GRID = """
name: priced
models: [bert, gemma3]
labels: [2, 4]
samples: [80, 160]
seeds: [{seeds}]
data: {{source: synthetic}}
model: {{weights: random}}
"""
SEEDS, NODES = 25, 50
SECONDS = {("bert", 80): 12.0, ("bert", 160): 18.0, ("gemma3", 80): 24.0, ("gemma3", 160): 36.0}
"""Of the cells of a model and size, give or take a tenth."""


class Trainers:
    """Stand-ins for what runs in the pods: each publishes and exits with 0 when its time has come."""

    def __init__(self, clustered: ClusterLauncher) -> None:
        self._cluster, self._namespace, self._store = clustered.cluster, clustered.namespace, clustered.store()
        self._tasks = {task.cell.id: task for task in clustered.tasks()}
        self._due: dict[str, float] = {}
        self._ended: set[str] = set()

    def finish(self, cells: int) -> None:
        """Return when so many have."""
        while len(self._ended) < cells:
            for pod, cell in self._running():
                due = self._due.setdefault(pod, time.monotonic() + seconds_of(self._tasks[cell]))
                if time.monotonic() >= due and pod not in self._ended:
                    publish(self._store, result_of(self._tasks[cell]))
                    self._cluster.end_pod(self._namespace, pod, ends(0))
                    self._ended.add(pod)
            time.sleep(0.5)

    def _running(self) -> list[tuple[str, str]]:
        """Name and cell. As plain JSON: the client's models would take the machine from the scheduler."""
        answer = self._cluster.core.list_namespaced_pod(
            self._namespace, field_selector="status.phase=Running", _preload_content=False
        )
        found = [pod["metadata"] for pod in json.loads(answer.data)["items"]]
        return [(pod["name"], pod["labels"]["emotion-grid/cell"]) for pod in found]


def seconds_of(task: Task) -> float:
    return SECONDS[task.cell.model, task.cell.samples] * random.Random(task.cell.id).uniform(0.9, 1.1)


def result_of(task: Task) -> Success:
    """Trained on a GPU, just now."""
    seconds = seconds_of(task)
    by = provenance(seconds, finished_at=datetime.now(UTC)).model_copy(update={"device": "NVIDIA L4"})
    return success(task, seconds=seconds).model_copy(update={"provenance": by})


def test_wall_time_is_near_the_fact(cluster: Cluster, clustered: ClusterLauncher) -> None:
    clustered.grid_file.write_text(GRID.format(seeds=", ".join(map(str, range(SEEDS + 1)))))
    for task in clustered.tasks():
        if task.cell.seed == SEEDS:
            publish(clustered.store(), result_of(task))
    with cluster.gpu_nodes(NODES):
        planned = clustered.json("plan", KUBECONFIG=str(cluster.kubeconfig))
        assert (planned["totals"], planned["at_a_time"]) == ({"run": 200, "reuse": 8}, NODES)
        assert {cell["source"] for cell in planned["cells"] if cell["runs"]} == {"measured"}
        submitted = clustered("submit", "--yes", "--gpus", str(NODES), *clustered.template(runs_on()))
        assert submitted.returncode == 0, submitted.stderr
        Trainers(clustered).finish(200)
        told = clustered.json("status")["plan_and_fact"]
    assert told["cells"] == 200
    assert told["wall_hours"]["expected"] == planned["wall_hours"]["expected"]
    expected, actual = told["wall_hours"]["expected"], told["wall_hours"]["actual"]
    assert 0.7 * expected < actual < 2 * expected  # within 30 % on a machine that does nothing else (docs/log.md)
    assert told["cell_hours"]["expected"] == pytest.approx(told["cell_hours"]["actual"], rel=0.1)
