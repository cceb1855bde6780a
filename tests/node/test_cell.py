"""Cells of the image on a real node, from submit to report, and what a person is told when one goes wrong."""

import os
from collections.abc import Callable

from kubernetes import client

from image.tool import find_tool
from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.node.kubelet import NODE
from tests.node.person import NAMESPACE, Person

PATIENCE = 400.0
"""Seconds for a cell that takes one minute on an idle machine of two cores."""
Made = Callable[..., Person]


def pods(cluster: Cluster, cell: str) -> list[client.V1Pod]:
    """Of a cell, the latest last."""
    found = cluster.core.list_namespaced_pod(NAMESPACE, label_selector=f"emotion-grid/cell={cell}").items
    return sorted(found, key=lambda pod: pod.metadata.creation_timestamp)


def test_a_cell_is_published_once_and_stands_in_the_report(person: Made, cluster: Cluster):
    somebody = person(seed=1)
    somebody.runs("submit", "--yes")
    somebody.runs("submit", "--yes")
    somebody.runs("wait", "--timeout", "400s")
    cell = somebody.cell()
    assert cell["state"] == "done"
    assert "published" in somebody.runs("logs", cell["cell"])
    (result,) = somebody.results()
    built = find_tool().configuration(os.environ["BUILT_IMAGE"])["Labels"]
    assert result.provenance.code_version == built["org.opencontainers.image.revision"]
    (pod,) = pods(cluster, cell["cell"])
    assert (pod.spec.node_name, pod.status.phase) == (NODE, "Succeeded")
    assert pod.spec.containers[0].security_context.read_only_root_filesystem
    assert somebody.report()["complete"]


def test_a_memory_limit_that_is_too_small_is_what_status_says(person: Made):
    somebody = person(seed=2, memory="300Mi")
    somebody.runs("submit", "--yes")
    somebody.runs("wait", "--timeout", "400s", codes=(3,))
    assert "OOMKilled" in somebody.status()
    assert somebody.results() == []


def test_a_wrong_password_of_the_store_is_what_the_log_says(person: Made):
    somebody = person(seed=3)
    somebody.runs("submit", "--yes", LAUNCHER_SECRETS='["wrong"]')
    somebody.runs("wait", "--timeout", "400s", codes=(3,))
    cell = somebody.cell()
    assert cell["state"] == "failed"
    assert "bad-input" in cell["message"]
    (line,) = somebody.runs("logs", cell["cell"]).splitlines()
    assert line.startswith("trainer: error: ")
    assert "SignatureDoesNotMatch" in line
    assert somebody.results() == []


def test_an_eviction_in_the_middle_costs_no_attempt_and_makes_no_second_result(person: Made, cluster: Cluster):
    somebody = person(seed=4, long=True)
    somebody.runs("submit", "--yes")
    until(lambda: somebody.cell().get("step"), "the cell to train", PATIENCE)
    cell = somebody.cell()["cell"]
    (pod,) = pods(cluster, cell)
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod.metadata.name))
    cluster.core.create_namespaced_pod_eviction(pod.metadata.name, NAMESPACE, eviction)
    somebody.runs("wait", "--timeout", "500s")
    assert len(somebody.results()) == 1
    assert pods(cluster, cell)[-1].metadata.name != pod.metadata.name


def test_cancel_in_the_middle_ends_the_pod(person: Made, cluster: Cluster):
    somebody = person(seed=5, long=True)
    somebody.runs("submit", "--yes")
    until(lambda: somebody.cell()["state"] == "running", "the cell to run", PATIENCE)
    cell = somebody.cell()["cell"]
    somebody.runs("cancel", "--yes")
    until(lambda: pods(cluster, cell) == [], "the pod to end", PATIENCE)
    assert somebody.results() == []
