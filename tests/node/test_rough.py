"""What a person is told, and what is published, when cells on a real node are killed, evicted, cut off or cancelled."""

from collections.abc import Callable

from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.node.namespace import NAMESPACE
from tests.node.node import Node
from tests.node.person import Person
from tests.node.pods import pods_of

PATIENCE = 400.0
"""Seconds for what takes one minute on an idle machine of two cores."""
Made = Callable[..., Person]
SMALL = """
name: {name}
models: [bert]
labels: [2]
samples: [80]
hyper: {{epochs: 1}}
data: {{source: synthetic}}
model: {{weights: random}}
"""
DISRUPTED = """
name: disrupted
models: [bert]
labels: [2]
samples: [2400]
seeds: [0, 1]
hyper: {epochs: 2}
data: {source: synthetic}
model: {weights: random}
train: {threads: 1}
"""
SILENT = """
name: silent
models: [bert]
labels: [2]
samples: [80, 2400]
hyper: {epochs: 30, early_stopping_patience: 1000}
data: {source: synthetic}
model: {weights: random}
train: {threads: 1}
"""
"""The long one trains for minutes: the node controller gives a silent node 50 seconds."""


def test_a_memory_limit_that_is_too_small_is_what_status_and_heatmap_say(person: Made):
    somebody = person(SMALL.format(name="hungry"), memory="300Mi")
    somebody.runs("submit", "--yes")
    somebody.runs("wait", codes=(3,))
    assert "OOMKilled" in somebody.status()
    (row,) = somebody.report(codes=(3,))
    assert (row["status"], row["test_accuracy"]) == ("failed", "")
    assert row["detail"].startswith("OOMKilled: ")
    assert ">OOMKilled<" in somebody.heatmap()
    assert somebody.results() == []


def test_a_wrong_password_of_the_store_is_what_the_log_says(person: Made):
    somebody = person(SMALL.format(name="stranger"))
    somebody.runs("submit", "--yes", LAUNCHER_SECRETS='["wrong"]')
    somebody.runs("wait", codes=(3,))
    cell = somebody.cell()
    assert (cell["state"], cell["error"]) == ("failed", "bad-input")
    (line,) = somebody.kubectl_logs(cell["cell"]).splitlines()
    assert line.startswith("trainer: error: ")
    assert "SignatureDoesNotMatch" in line
    assert somebody.results() == []


def test_of_two_cells_one_is_evicted_and_goes_on_and_one_is_cancelled(person: Made, cluster: Cluster):
    """Catches an eviction that costs an attempt, begins anew or publishes twice, and a cancel that orphans a pod."""
    somebody = person(DISRUPTED)
    somebody.runs("submit", "--yes")
    until(lambda: all(cell.get("step") for cell in somebody.cells()), "both to train", PATIENCE)
    evicted, cancelled = (cell["cell"] for cell in somebody.cells())
    (pod,) = pods_of(cluster, somebody.run, evicted)
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod.metadata.name))
    cluster.core.create_namespaced_pod_eviction(pod.metadata.name, NAMESPACE, eviction)
    somebody.runs("cancel", cancelled, "--yes")
    until(lambda: pods_of(cluster, somebody.run, cancelled) == [], "the cancelled pod to end", PATIENCE)
    somebody.runs("wait", "--only", "seed=0")
    (result,) = somebody.results()
    assert (result.cell.id, result.training.last_step) == (evicted, result.training.planned_steps)
    assert result.training.resumed_from_step
    assert pods_of(cluster, somebody.run, evicted)[-1].metadata.name != pod.metadata.name


def test_cells_of_a_node_whose_kubelet_is_stopped_go_on_and_are_told_when_it_comes_back(
    person: Made, cluster: Cluster, node: Node
):
    """Catches a cell that is given up, or started twice, because its node says nothing."""
    somebody = person(SILENT)
    somebody.runs("submit", "--yes")
    until(lambda: somebody.cells()[1].get("step"), "the long one to train", PATIENCE)
    before = [pod.metadata.name for pod in pods_of(cluster, somebody.run)]
    node.stop_kubelet()
    until(lambda: "does not answer" in somebody.status(), "the node to be missed", PATIENCE)
    until(lambda: len(somebody.results()) == 1, "the short one to be published all the same", PATIENCE)
    node.start_kubelet()
    until(lambda: [cell["state"] for cell in somebody.cells()] == ["done", "running"], "the long one to run", PATIENCE)
    assert [pod.metadata.name for pod in pods_of(cluster, somebody.run)] == before
    somebody.runs("cancel", "--yes")
    until(lambda: pods_of(cluster, somebody.run) == [], "the pods to end", PATIENCE)
    assert len(somebody.results()) == 1
