"""The Job of a cell under the real Job controller and scheduler."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from contract.exits import EXIT_CODES, OK
from launcher.command_line.job_options import JobOptions
from launcher.jobs.manifest import job_manifest, load_template
from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, evicted, runs_on
from tests.cluster.waiting import until
from tests.factories import task
from tests.k8s.kubectl import Kubectl

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
ATTEMPTS = 2
KILLED = 137
"""By SIGKILL: no exit code of ours, and the commonest of all others."""


@contextmanager
def place(cluster: Cluster) -> Iterator[str]:
    """A namespace for cells, as k8s/base makes it."""
    with cluster.namespace(RESTRICTED) as namespace:
        cluster.core.create_namespaced_service_account(namespace, {"metadata": {"name": "trainer"}})
        yield namespace


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> Iterator[list[str]]:
    with cluster.gpu_nodes(4) as names:
        yield names


@pytest.fixture
def cells(cluster: Cluster, nodes: list[str]) -> Iterator[str]:
    with place(cluster) as namespace:
        yield namespace


def manifest(namespace: str, ending: dict[str, str] | None = None, seed: int = 0, **options: Any) -> dict[str, Any]:
    """A cell's Job, whose pods end as told."""
    asked = task(cell={"model": "qwen2.5", "labels": 2, "samples": 800, "seed": seed})
    given = {"image": "emotion-grid-trainer:dev", "owner": "somebody", "namespace": namespace} | options
    job = job_manifest(asked, "full", JobOptions.model_validate(given), load_template())
    job["spec"]["template"]["metadata"]["annotations"] = ending or {}
    return job


def create(cluster: Cluster, job: dict[str, Any]) -> str:
    cluster.batch.create_namespaced_job(job["metadata"]["namespace"], job)
    return str(job["metadata"]["name"])


def ended(cluster: Cluster, namespace: str, name: str) -> client.V1Job:
    """The Job, awaited until it is Complete or Failed. A second attempt starts after 10 s."""

    def look() -> client.V1Job | None:
        job = cluster.batch.read_namespaced_job_status(name, namespace)
        return job if outcome(job) else None

    found = until(look, f"Job {name} to end", 60)
    assert found is not None
    return found


def outcome(job: client.V1Job) -> tuple[str, str] | None:
    """(type, reason) of the condition that ended it."""
    conditions = job.status.conditions or ()
    return next(
        ((c.type, c.reason) for c in conditions if c.type in ("Complete", "Failed") and c.status == "True"), None
    )


def pods(cluster: Cluster, namespace: str, job: str) -> list[client.V1Pod]:
    selector = f"batch.kubernetes.io/job-name={job}"
    return list(cluster.core.list_namespaced_pod(namespace, label_selector=selector).items)


def running(cluster: Cluster, namespace: str, job: str, after: str | None = None) -> str:
    """The name of the Job's running pod, which is not `after`; awaited."""

    def look() -> list[str]:
        alive = [pod.metadata.name for pod in pods(cluster, namespace, job) if pod.status.phase == "Running"]
        return [name for name in alive if name != after]

    (name,) = until(look, f"a pod of {job} to run", 60)
    return name


def test_the_api_server_takes_it_without_a_warning(kubectl: Kubectl, cells: str) -> None:
    options = {
        "image_pull_secrets": ["pull"],
        "node_selector": {"zone": "a"},
        "per_model": {"qwen2.5": {"cpu": "500m", "memory": "1.5Gi", "ephemeral_storage": "10G"}},
    }
    for job in (manifest(cells), manifest(cells, seed=1, **options)):
        assert "serverside-applied (server dry run)" in kubectl.dry_run(json.dumps(job))


def test_its_pod_is_admitted_and_scheduled_onto_a_gpu_node(cluster: Cluster, cells: str, nodes: list[str]) -> None:
    name = create(cluster, manifest(cells, runs_on()))
    pod = cluster.core.read_namespaced_pod(running(cluster, cells, name), cells)
    assert pod.spec.node_name in nodes
    assert pod.status.qos_class == "Guaranteed"
    assert not [volume.name for volume in pod.spec.volumes if volume.projected]  # no service account token
    assert pod.metadata.labels["emotion-grid/model"] == "qwen2.5"


def test_its_pod_waits_where_no_node_fits_its_model(cluster: Cluster, cells: str) -> None:
    name = create(cluster, manifest(cells, per_model={"qwen2.5": {"node_selector": {"gpu": "huge"}}}))

    def look() -> str | None:
        conditions = [each for pod in pods(cluster, cells, name) for each in pod.status.conditions or ()]
        return next((each.message for each in conditions if each.reason == "Unschedulable"), None)

    assert "didn't match Pod's node affinity/selector" in str(until(look, "the pod to be unschedulable"))


@pytest.fixture(scope="module")
def jobs_by_code(cluster: Cluster, nodes: list[str]) -> Iterator[tuple[str, dict[int, str]]]:
    """A Job for each exit code, all at once: attempts are 10 s apart."""
    with place(cluster) as namespace:
        yield (
            namespace,
            {
                code: create(cluster, manifest(namespace, ends(code), seed=code, attempts=ATTEMPTS))
                for code in (*EXIT_CODES, KILLED)
            },
        )


@pytest.mark.parametrize("code", [*EXIT_CODES, KILLED])
def test_an_exit_code_is_retried_exactly_if_that_may_help(
    cluster: Cluster, jobs_by_code: tuple[str, dict[int, str]], code: int
) -> None:
    namespace, names = jobs_by_code
    job = ended(cluster, namespace, names[code])
    known = EXIT_CODES.get(code)
    if known is OK:
        assert (outcome(job), job.status.succeeded, job.status.failed) == (("Complete", "CompletionsReached"), 1, None)
    elif known is None or known.retriable:
        assert (outcome(job), job.status.failed) == (("Failed", "BackoffLimitExceeded"), ATTEMPTS)
    else:
        assert (outcome(job), job.status.failed) == (("Failed", "PodFailurePolicy"), 1)
        assert f"exit code {code}" in next(each.message for each in job.status.conditions if each.type == "Failed")


def test_an_eviction_is_no_attempt(cluster: Cluster, cells: str) -> None:
    """By the kubelet, and through the API, where the trainer ends with a code that says that no retry would help."""
    names = [create(cluster, manifest(cells, runs_on(sigterm_exit_code=2), seed=seed, attempts=1)) for seed in (0, 1)]
    first, second = (running(cluster, cells, name) for name in names)
    cluster.end_pod(cells, first, evicted())
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": second}}
    cluster.core.create_namespaced_pod_eviction(second, cells, eviction)
    for name, before in zip(names, (first, second), strict=True):
        cluster.end_pod(cells, running(cluster, cells, name, after=before), ends(0))
        job = ended(cluster, cells, name)
        assert (outcome(job), job.status.failed) == (("Complete", "CompletionsReached"), None)
