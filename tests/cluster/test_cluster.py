"""The control plane, its fake nodes and what becomes of pods there."""

import time
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends, evicted, never_starts, out_of_memory, runs_on
from tests.cluster.jobs import FAIL_ON_64, gpu_job
from tests.cluster.waiting import until


@pytest.fixture(scope="module", autouse=True)
def nodes(cluster: Cluster) -> Any:
    with cluster.gpu_nodes(2) as names:
        yield names


def create(cluster: Cluster, namespace: str, job: dict[str, Any]) -> None:
    cluster.batch.create_namespaced_job(namespace, job)


def condition(cluster: Cluster, namespace: str, job: str, kind: str) -> client.V1JobCondition:
    """The Job's condition of this kind, awaited."""

    def look() -> client.V1JobCondition | None:
        conditions = cluster.batch.read_namespaced_job_status(job, namespace).status.conditions or ()
        return next((each for each in conditions if each.type == kind and each.status == "True"), None)

    found = until(look, f"Job {job} to be {kind}")
    assert found is not None
    return found


def pod(cluster: Cluster, namespace: str, phase: str) -> client.V1Pod:
    """The namespace's one pod of this phase, awaited."""

    def look() -> client.V1Pod | None:
        return next(
            (each for each in cluster.core.list_namespaced_pod(namespace).items if each.status.phase == phase), None
        )

    found = until(look, f"a pod in {namespace} to be {phase}")
    assert found is not None
    return found


def terminated(of: client.V1Pod) -> client.V1ContainerStateTerminated:
    return of.status.container_statuses[0].state.terminated


def test_control_plane_runs_the_pinned_version(cluster: Cluster) -> None:
    assert client.VersionApi(cluster.api).get_code().git_version == "v1.36.3"


def test_job_on_a_gpu_node_completes(cluster: Cluster, namespace: str, nodes: list[str]) -> None:
    create(cluster, namespace, gpu_job("cell"))
    condition(cluster, namespace, "cell", "Complete")
    assert pod(cluster, namespace, "Succeeded").spec.node_name in nodes


def test_at_rest_nothing_comes_of_a_job_until_the_rest_is_over(cluster: Cluster, namespace: str) -> None:
    with cluster.at_rest():
        create(cluster, namespace, gpu_job("cell"))
        time.sleep(1)
        assert not cluster.core.list_namespaced_pod(namespace).items
    condition(cluster, namespace, "cell", "Complete")


def test_pod_without_the_toleration_stays_off_gpu_nodes(cluster: Cluster, namespace: str) -> None:
    job = gpu_job("cell")
    del job["spec"]["template"]["spec"]["tolerations"]
    create(cluster, namespace, job)
    assert "untolerated taint" in unschedulable_message(cluster, namespace)


def test_pod_that_asks_for_too_many_gpus_is_unschedulable(cluster: Cluster, namespace: str) -> None:
    job = gpu_job("cell")
    job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = "2"
    create(cluster, namespace, job)
    assert "Insufficient nvidia.com/gpu" in unschedulable_message(cluster, namespace)


def unschedulable_message(cluster: Cluster, namespace: str) -> str:
    def look() -> str | None:
        conditions = pod(cluster, namespace, "Pending").status.conditions or ()
        return next((each.message for each in conditions if each.reason == "Unschedulable"), None)

    return until(look, "a pod to be unschedulable") or ""


def test_exit_code_of_the_policy_fails_the_job(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", ends(64), podFailurePolicy=FAIL_ON_64, backoffLimit=5))
    assert condition(cluster, namespace, "cell", "Failed").reason == "PodFailurePolicy"
    ended = terminated(pod(cluster, namespace, "Failed"))
    assert (ended.exit_code, ended.reason) == (64, "Error")


def test_other_exit_codes_are_retried(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", ends(1), podFailurePolicy=FAIL_ON_64, backoffLimit=0))
    assert condition(cluster, namespace, "cell", "Failed").reason == "BackoffLimitExceeded"


def test_out_of_memory_is_told_by_the_reason(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", out_of_memory()))
    condition(cluster, namespace, "cell", "Failed")
    ended = terminated(pod(cluster, namespace, "Failed"))
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


def test_shell_that_survives_its_killed_child_completes(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", out_of_memory(exit_code=0)))
    condition(cluster, namespace, "cell", "Complete")
    assert terminated(pod(cluster, namespace, "Succeeded")).reason == "OOMKilled"


def test_image_that_cannot_be_pulled_waits(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", never_starts("ImagePullBackOff", 'Back-off pulling image "x"')))

    def look() -> client.V1ContainerStateWaiting | None:
        statuses = pod(cluster, namespace, "Pending").status.container_statuses
        return statuses[0].state.waiting if statuses else None

    waiting = until(look, "the container's state")
    assert waiting is not None
    assert (waiting.reason, waiting.message) == ("ImagePullBackOff", 'Back-off pulling image "x"')


def test_eviction_by_the_kubelet_is_ignored_by_the_policy(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", runs_on(), podFailurePolicy=FAIL_ON_64))
    first = pod(cluster, namespace, "Running")
    cluster.end_pod(namespace, first.metadata.name, evicted())
    until(lambda: pod(cluster, namespace, "Running").metadata.name != first.metadata.name, "another pod")
    lost = pod(cluster, namespace, "Failed")
    assert lost.status.reason == "Evicted"
    assert disruption(lost) == "TerminationByKubelet"
    assert not cluster.batch.read_namespaced_job("cell", namespace).status.failed


def test_eviction_through_the_api_is_ignored_by_the_policy(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", runs_on(sigterm_seconds=0.5), podFailurePolicy=FAIL_ON_64))
    first = pod(cluster, namespace, "Running").metadata.name
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": first}}
    cluster.core.create_namespaced_pod_eviction(first, namespace, eviction)
    assert disruption(cluster.core.read_namespaced_pod(first, namespace)) == "EvictionByEvictionAPI"
    until(lambda: pod(cluster, namespace, "Running").metadata.name != first, "another pod")
    assert not cluster.batch.read_namespaced_job("cell", namespace).status.failed


def disruption(of: client.V1Pod) -> str | None:
    return next((each.reason for each in of.status.conditions if each.type == "DisruptionTarget"), None)


def test_program_that_handles_sigterm_and_exits_0_completes_the_job(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", runs_on(sigterm_exit_code=0), podFailurePolicy=FAIL_ON_64))
    cluster.core.delete_namespaced_pod(pod(cluster, namespace, "Running").metadata.name, namespace)
    condition(cluster, namespace, "cell", "Complete")


def test_attempts_of_a_job_can_end_differently(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", runs_on(), backoffLimit=1))
    cluster.end_pod(namespace, pod(cluster, namespace, "Running").metadata.name, ends(1))
    pod(cluster, namespace, "Failed")
    cluster.end_pod(namespace, pod(cluster, namespace, "Running").metadata.name, ends(0))
    condition(cluster, namespace, "cell", "Complete")


def test_delay_is_kept(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", ends(0, after_seconds=2)))
    condition(cluster, namespace, "cell", "Complete")
    ended = terminated(pod(cluster, namespace, "Succeeded"))
    assert 1 <= (ended.finished_at - ended.started_at).total_seconds() <= 10  # both are whole seconds


def test_deleted_job_takes_its_running_pod_along(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, gpu_job("cell", runs_on()))
    pod(cluster, namespace, "Running")
    cluster.batch.delete_namespaced_job("cell", namespace, propagation_policy="Background")
    until(lambda: not cluster.core.list_namespaced_pod(namespace).items, "the pod to be gone")


def test_removed_node_takes_no_more_pods(cluster: Cluster, namespace: str, nodes: list[str]) -> None:
    with cluster.gpu_nodes(1) as extra:
        assert {node.metadata.name for node in cluster.core.list_node().items} == {*nodes, *extra}
    assert {node.metadata.name for node in cluster.core.list_node().items} == set(nodes)


def test_unknown_user_may_do_nothing_and_is_audited(cluster: Cluster, namespace: str) -> None:
    stranger = client.BatchV1Api(cluster.api_as(cluster.kubeconfig_of("stranger")))
    with pytest.raises(ApiException, match="Forbidden"):
        stranger.list_namespaced_job(namespace)
    asked = cluster.audit("stranger")[-1]
    assert (asked["verb"], asked["objectRef"]["resource"], asked["responseStatus"]["code"]) == ("list", "jobs", 403)
