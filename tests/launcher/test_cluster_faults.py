"""Whatever the API server does on the way: one Job a cell, each as it was asked for."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.launcher.clustered import ClusterLauncher
from tests.launcher.front import RETRY_AFTER_SECONDS, Fault, Plan, Script, front_of
from tests.launcher.kubeconfigs import at, changed

CALLS = 23
"""Of a submit: a LIST, two whether we may look at a secret and at nodes, and a POST for each cell."""


@contextmanager
def misbehaving(launcher: ClusterLauncher, plan: Plan) -> Iterator[tuple[Script, str]]:
    """A front before the API server, and the kubeconfig for it."""
    script, cluster = Script(plan), launcher.cluster
    with front_of(cluster.server, script, cluster.ca) as url:
        yield script, changed(launcher, at(url))


def every(fault: Fault, nth: int) -> Plan:
    return lambda call: fault if call % nth == 1 else Fault.NONE


@pytest.mark.parametrize("fault", [each for each in Fault if each not in (Fault.NONE, Fault.FORBIDDEN)])
def test_a_submit_gets_through(clustered: ClusterLauncher, fault: Fault) -> None:
    wanted = clustered.wanted_specs()
    with misbehaving(clustered, every(fault, 5)) as (script, kubeconfig):
        done = clustered("submit", "--yes", KUBECONFIG=kubeconfig)
    assert done.returncode == 0, done.stderr
    assert len(script.requests) > CALLS
    assert clustered.specs() == wanted


def test_the_server_says_when_it_may_be_asked_again(clustered: ClusterLauncher) -> None:
    with misbehaving(clustered, lambda call: Fault.TOO_MANY if call == 3 else Fault.NONE) as (script, kubeconfig):
        done = clustered("submit", "--yes", "--only", "model=bert,labels=2,samples=80", KUBECONFIG=kubeconfig)
    assert done.returncode == 0, done.stderr
    *_, refused, again = script.requests
    assert (refused.method, refused.path) == (again.method, again.path)
    assert again.at - refused.at >= RETRY_AFTER_SECONDS


def test_what_was_allowed_before_is_asked_for_again(clustered: ClusterLauncher) -> None:
    """A server that has just started forbids everything for a moment."""
    with misbehaving(clustered, lambda call: Fault.FORBIDDEN if call == 5 else Fault.NONE) as (script, kubeconfig):
        done = clustered("submit", "--yes", KUBECONFIG=kubeconfig, LAUNCHER_CONNECTIONS="1")
    assert done.returncode == 0, done.stderr
    assert len(script.requests) == CALLS + 1
    assert len(clustered.jobs()) == 20


def test_an_api_server_that_stays_broken_is_told_in_one_line(clustered: ClusterLauncher) -> None:
    with misbehaving(clustered, lambda call: Fault.DROP_BEFORE) as (script, kubeconfig):
        done = clustered("submit", "--yes", KUBECONFIG=kubeconfig)
    assert (done.returncode, len(script.requests)) == (2, 2)
    assert done.stderr.splitlines()[-1].startswith("launcher: error: no API server answers at")


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
    until(lambda: clustered.posts() >= 2, "the submit to meet the Job")
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
