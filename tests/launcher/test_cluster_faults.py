"""Whatever happens on the way: one Job a cell, and one line for what a user can mend."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.launcher.clustered import ClusterLauncher
from tests.launcher.front import Fault, Plan, front_of

CALLS = 21
"""Of a submit: a LIST and a POST for each cell."""


def kubeconfig(launcher: ClusterLauncher, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> str:
    """The administrator's, with its cluster and its user changed."""
    document = yaml.safe_load(launcher.cluster.kubeconfig.read_text())
    change(document["clusters"][0]["cluster"], document["users"][0]["user"])
    path = launcher.grid_file.with_name("changed.kubeconfig")
    path.write_text(yaml.safe_dump(document))
    return str(path)


def at(url: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """A server elsewhere."""

    def change(cluster: dict[str, Any], user: dict[str, Any]) -> None:
        cluster.clear()
        cluster["server"] = url
        user.clear()

    return change


def names_and_fingerprints(launcher: ClusterLauncher) -> list[tuple[str, str]]:
    jobs = launcher.jobs()
    return sorted((job.metadata.name, job.metadata.annotations["emotion-grid/fingerprint"]) for job in jobs)


def every(fault: Fault, nth: int) -> Plan:
    return lambda call: fault if call % nth == 1 else Fault.NONE


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.NONE])
def test_a_submit_gets_through(cluster: Cluster, clustered: ClusterLauncher, fault: Fault) -> None:
    with front_of(cluster, every(fault, 5)) as front:
        done = clustered("submit", "--yes", KUBECONFIG=kubeconfig(clustered, at(front.url)))
    assert done.returncode == 0, done.stderr
    assert len(front.requests) > CALLS
    assert len(clustered.jobs()) == 20


def test_an_api_server_that_stays_broken_is_told_in_one_line(cluster: Cluster, clustered: ClusterLauncher) -> None:
    with front_of(cluster, lambda call: Fault.DROP_BEFORE) as front:
        done = clustered("submit", "--yes", KUBECONFIG=kubeconfig(clustered, at(front.url)))
    assert (done.returncode, len(front.requests)) == (2, 2)
    assert done.stderr.splitlines()[-1].startswith("launcher: error: no API server answers at")


@pytest.mark.parametrize("call", [1, CALLS // 2, CALLS - 1])
@pytest.mark.parametrize("moment", [Fault.DROP_BEFORE, Fault.DROP_AFTER])
def test_a_killed_submit_is_finished_by_the_next(
    cluster: Cluster, clustered: ClusterLauncher, moment: Fault, call: int
) -> None:
    """SIGKILL as the call is made, before or after the API server carries it out."""
    victims: list[subprocess.Popen[bytes]] = []

    def kill(number: int) -> Fault:
        if number < call:
            return Fault.NONE
        victims[0].kill()
        return moment if number == call else Fault.DROP_BEFORE

    with front_of(cluster, kill) as front:
        environment = clustered.environment(KUBECONFIG=kubeconfig(clustered, at(front.url)), LAUNCHER_CONNECTIONS="1")
        command = clustered.command("submit", "--yes")
        victims.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        assert victims[0].wait(timeout=60) == -9
    begun = names_and_fingerprints(clustered)
    assert len(begun) == call - 1 + (moment is Fault.DROP_AFTER)
    done = clustered("submit", "--yes")
    assert done.returncode == 0, done.stderr
    wanted = sorted((f"twenty-{task.cell.id}", task.fingerprint()) for task in clustered.tasks())
    assert names_and_fingerprints(clustered) == wanted


def test_a_job_that_is_being_deleted_is_awaited(cluster: Cluster, clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    clustered("submit", "--yes", *only)
    (before,) = clustered.jobs()
    name, batch = before.metadata.name, cluster.batch
    batch.patch_namespaced_job(name, clustered.namespace, {"metadata": {"finalizers": ["test.emotion-grid/hold"]}})
    batch.delete_namespaced_job(name, clustered.namespace, propagation_policy="Background")
    assert clustered.states(*only) == {"bert-l2-n80-s0": "ending"}
    command = clustered.command("submit", "--yes", *only)
    submit = subprocess.Popen(command, env=clustered.environment(), stderr=subprocess.PIPE, text=True)
    until(lambda: clustered.posts("admin") >= 2, "the submit to meet the Job")
    batch.patch_namespaced_job(name, clustered.namespace, {"metadata": {"finalizers": None}})
    _, words = submit.communicate(timeout=60)
    assert submit.returncode == 0, words
    (after,) = clustered.jobs()
    assert after.metadata.uid != before.metadata.uid


def test_a_job_with_another_fingerprint_is_not_taken_for_the_cell_s(
    cluster: Cluster, clustered: ClusterLauncher
) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    clustered("submit", "--yes", *only)
    (job,) = clustered.jobs()
    ours = job.metadata.annotations["emotion-grid/fingerprint"]
    change = {"metadata": {"annotations": {"emotion-grid/fingerprint": "0" * 16}}}
    cluster.batch.patch_namespaced_job(job.metadata.name, clustered.namespace, change)
    done = clustered("submit", "--yes", *only)
    assert done.returncode == 2
    assert f"fingerprint {'0' * 16}, not {ours}" in done.stderr.splitlines()[-1]
    assert clustered.states(*only) == {"bert-l2-n80-s0": "missing"}


def test_a_job_of_another_store_is_not_taken_for_the_cell_s(clustered: ClusterLauncher) -> None:
    only = ("--only", "model=bert,labels=2,samples=80")
    clustered("submit", "--yes", *only)
    done = clustered("submit", "--yes", *only, "--results-uri", f"{clustered.uri}/elsewhere")
    assert done.returncode == 2
    assert f"RESULTS_URI {clustered.uri}, not {clustered.uri}/elsewhere" in done.stderr.splitlines()[-1]


def test_a_quota_of_jobs_is_named(cluster: Cluster, clustered: ClusterLauncher) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/jobs.batch": "3"}}}
    cluster.core.create_namespaced_resource_quota(clustered.namespace, quota)
    until(lambda: cluster.core.read_namespaced_resource_quota("few", clustered.namespace).status.hard, "the quota")
    done = clustered("submit", "--yes")
    assert done.returncode == 2
    for words in ("exceeded quota: few", "count/jobs.batch=3", "cancel"):
        assert words in done.stderr.splitlines()[-1]
    assert len(clustered.jobs()) == 3


def _untrusted(cluster: dict[str, Any], user: dict[str, Any]) -> None:
    del cluster["certificate-authority-data"]


def _unknown_token(cluster: dict[str, Any], user: dict[str, Any]) -> None:
    user.clear()
    user["token"] = "expired"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at("https://127.0.0.1:9"), ["no API server answers at https://127.0.0.1:9", "check the kubeconfig"]),
        (at("https://nosuch.invalid"), ["no API server answers at https://nosuch.invalid"]),
        (_untrusted, ["is not trusted", "certificate-authority"]),
        (_unknown_token, ["does not accept these credentials", "log in again"]),
    ],
)
def test_a_cluster_that_cannot_be_talked_to(
    clustered: ClusterLauncher, change: Callable[[dict[str, Any], dict[str, Any]], None], words: list[str]
) -> None:
    changed = kubeconfig(clustered, change)
    done = clustered("submit", "--yes", "--only", "model=bert", KUBECONFIG=changed)
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last.partition(": ")[0]) == (2, "launcher")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in last
    status = clustered("status", KUBECONFIG=changed)
    assert (status.returncode, len(status.stderr.splitlines())) == (3, 1)
    assert "20 missing" in status.stdout


def test_a_missing_permission_names_verb_resource_and_namespace(clustered: ClusterLauncher) -> None:
    stranger = str(clustered.cluster.kubeconfig_of("stranger"))
    done = clustered("submit", "--yes", KUBECONFIG=stranger)
    assert done.returncode == 2
    assert f"no permission to list jobs in namespace {clustered.namespace}" in done.stderr.splitlines()[-1]


def test_a_template_without_the_container(clustered: ClusterLauncher, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("spec: {template: {spec: {containers: [{name: main}]}}}")
    done = clustered("submit", "--yes", "--template", str(path))
    assert done.returncode == 2
    assert "'trainer'" in done.stderr.splitlines()[-1]
    assert not clustered.jobs()
