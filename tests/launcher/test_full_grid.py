"""The study's sixty cells on eight nodes with a GPU each, watched from the submit to the report."""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from contract.grid import load_grid
from contract.opening import open_store
from contract.revision import resolve
from contract.task import Task
from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, runs_on
from tests.factories import progress, publish, success
from tests.launcher.clustered import ClusterLauncher

FULL = ("--grid", "full")
NODES = 8


class Trainers:
    """Stand-ins for what runs in the pods: at one look a pod reports, at the next it publishes and exits with 0."""

    def __init__(self, clustered: ClusterLauncher, tasks: Sequence[Task]) -> None:
        self._cluster, self._namespace = clustered.cluster, clustered.namespace
        self._store = open_store(clustered.uri)
        self._tasks = {task.cell.id: task for task in tasks}
        self._reported: set[str] = set()
        self._ended: set[str] = set()
        self.most_at_once = 0

    def look(self) -> None:
        pods = self._cluster.core.list_namespaced_pod(self._namespace, field_selector="status.phase=Running").items
        alive = [pod.metadata for pod in pods if pod.metadata.deletion_timestamp is None]
        running = {metadata.name: metadata.labels["emotion-grid/cell"] for metadata in alive}
        self.most_at_once = max(self.most_at_once, len(running))
        for pod, cell in running.items():
            if pod not in self._reported:
                publish(self._store, progress(self._tasks[cell], attempt=pod))
                self._reported.add(pod)
            elif pod not in self._ended:
                publish(self._store, success(self._tasks[cell]))
                self._cluster.end_pod(self._namespace, pod, ends(0))
                self._ended.add(pod)


def test_the_study_from_submit_to_report(cluster: Cluster, clustered: ClusterLauncher, tmp_path: Path) -> None:
    with cluster.gpu_nodes(NODES):
        submitted = clustered("submit", *FULL, "--yes", *clustered.template(runs_on()))
        assert submitted.returncode == 0, submitted.stderr
        watch = subprocess.Popen(
            clustered.command("status", *FULL, "--watch"),
            env=clustered.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        trainers = Trainers(clustered, resolve(load_grid("full").tasks(clustered.uri)))
        while watch.poll() is None:
            trainers.look()
        told, words = watch.communicate()
    assert watch.returncode == 0, words
    assert told.splitlines()[-1] == "60 cells: 60 done"
    assert words.count("\ndone  ") > 30  # of some others the first look sees the end
    assert trainers.most_at_once == NODES
    assert Counter(row["status"] for row in report(clustered, tmp_path / "report")) == {"done": 60}


def report(clustered: ClusterLauncher, out: Path) -> list[dict[str, str]]:
    """Drawn from the same store; the rows of its table."""
    command = [sys.executable, "-m", "aggregator", "report", *FULL, "--results-uri", clustered.uri, "--out", str(out)]
    drawn = subprocess.run(command, env=clustered.environment(), capture_output=True, text=True, timeout=120)
    assert drawn.returncode == 0, drawn.stderr
    assert (out / "heatmap.png").stat().st_size > 10_000
    with (out / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))
