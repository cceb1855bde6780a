"""What a user can mend is told in one line with the exit code 2, and nothing is made."""

import json
import subprocess
from pathlib import Path

import pytest
from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.factories import progress, publish, success
from tests.launcher.clustered import ClusterLauncher
from tests.launcher.kubeconfigs import Change, at, changed, untrusted, with_token

ONE = ("--only", "model=bert,labels=2,samples=80")


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line."""
    *_, last = done.stderr.splitlines()
    assert (done.returncode, last.partition("error: ")[0]) == (2, "launcher: "), done.stderr
    assert "Traceback" not in done.stderr
    return last


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at("https://127.0.0.1:9"), ["no API server answers at https://127.0.0.1:9", "check the kubeconfig"]),
        (at("https://nosuch.invalid"), ["no API server answers at https://nosuch.invalid"]),
        (untrusted, ["is not trusted", "certificate-authority"]),
        (with_token("made.up"), ["does not accept these credentials", "log in again"]),
    ],
)
def test_a_cluster_that_cannot_be_talked_to(clustered: ClusterLauncher, change: Change, words: list[str]) -> None:
    kubeconfig = changed(clustered, change)
    said = refusal(clustered("submit", "--yes", "--only", "model=bert", KUBECONFIG=kubeconfig))
    for word in words:
        assert word in said
    status = clustered("status", KUBECONFIG=kubeconfig)
    assert (status.returncode, len(status.stderr.splitlines())) == (3, 1)
    assert "20 missing" in status.stdout


def test_a_token_expires(cluster: Cluster, clustered: ClusterLauncher) -> None:
    token = cluster.token(clustered.namespace, "launcher")
    assert clustered("submit", "--yes", *ONE, KUBECONFIG=changed(clustered, with_token(token))).returncode == 0
    expired = changed(clustered, with_token(cluster.expired(token)))
    assert "the token is expired or wrong; log in again" in refusal(clustered("cancel", "--yes", KUBECONFIG=expired))
    assert len(clustered.jobs()) == 1


@pytest.mark.parametrize(
    ("verb", "resource", "command"),
    [
        ("list", "jobs", ("submit", "--yes", *ONE)),
        ("create", "jobs", ("submit", "--yes", *ONE)),
        ("delete", "jobs", ("cancel", "--yes")),
        ("list", "pods", ("wait",)),
    ],
)
def test_a_missing_permission_names_verb_resource_and_namespace(
    cluster: Cluster, clustered: ClusterLauncher, verb: str, resource: str, command: tuple[str, ...]
) -> None:
    if command[0] != "submit":
        assert clustered("submit", "--yes", *ONE).returncode == 0
    before = clustered.specs()
    _take_away(cluster, clustered, verb, resource)
    said = refusal(clustered(*command))
    assert f"no permission to {verb} {resource} in namespace {clustered.namespace}; " in said
    assert "bind the Role launcher of k8s/base" in said
    assert clustered.specs() == before


@pytest.mark.parametrize(("verb", "resource"), [("list", "jobs"), ("list", "pods")])
def test_status_without_a_permission_goes_by_the_store(
    cluster: Cluster, clustered: ClusterLauncher, verb: str, resource: str
) -> None:
    """As it does without a cluster."""
    publish(clustered.store(), success(clustered.tasks()[0]))
    _take_away(cluster, clustered, verb, resource)
    done = clustered("status")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "20 cells: 1 done, 19 missing")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"by the store alone: no permission to {verb} {resource} in namespace ")


def test_logs_without_the_permission_come_from_the_store(cluster: Cluster, clustered: ClusterLauncher) -> None:
    assert clustered("submit", "--yes", *ONE).returncode == 0
    until(lambda: clustered.pod("bert-l2-n80-s0"), "the Job's pod")
    publish(clustered.store(), progress(clustered.tasks()[0]))
    _take_away(cluster, clustered, "get", "pods/log")
    done = clustered("logs", "bert-l2-n80-s0")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["training starts"])
    assert done.stderr.startswith("from the store: no permission to get pods/log in namespace ")


def _take_away(cluster: Cluster, clustered: ClusterLauncher, verb: str, resource: str) -> None:
    """From the Role of the launcher's account."""
    rights, namespace = client.RbacAuthorizationV1Api(cluster.api), clustered.namespace
    role = rights.read_namespaced_role("launcher", namespace)
    (rule,) = (each for each in role.rules if resource in each.resources)
    rule.verbs.remove(verb)
    role.rules = [each for each in role.rules if each.verbs]
    rights.replace_namespaced_role("launcher", namespace, role)
    until(lambda: not cluster.may(clustered.user, verb, resource, namespace), f"{verb} {resource} to be forbidden")


def test_an_unknown_namespace(clustered: ClusterLauncher) -> None:
    """Only who has rights everywhere is told that there is none."""
    submit = ("submit", "--yes", "--namespace", "nosuch")
    said = refusal(clustered(*submit, KUBECONFIG=str(clustered.cluster.kubeconfig)))
    for words in ("no namespace nosuch", "--namespace", "kubectl apply"):
        assert words in said
    assert "no permission to list jobs in namespace nosuch; check --namespace" in refusal(clustered(*submit))


@pytest.mark.parametrize("command", [("wait",), ("cancel",), ("cancel", "bert-l2-n80-s0"), ("retry",)])
def test_a_namespace_that_is_not_there_is_not_taken_for_an_empty_one(
    clustered: ClusterLauncher, command: tuple[str, ...]
) -> None:
    clustered.kubeconfig = clustered.cluster.kubeconfig
    assert "no namespace nosuch at https://" in refusal(clustered(*command, "--namespace", "nosuch"))


def test_status_in_a_namespace_that_is_not_there_goes_by_the_store_and_says_so(clustered: ClusterLauncher) -> None:
    clustered.kubeconfig = clustered.cluster.kubeconfig
    done = clustered("status", "--namespace", "nosuch")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "20 cells: 20 missing")
    assert done.stderr.startswith("by the store alone: no namespace nosuch at https://")
    assert clustered("status").stderr == ""


def test_a_quota_of_jobs_is_named_and_so_are_the_jobs_that_were_made(
    cluster: Cluster, clustered: ClusterLauncher
) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/jobs.batch": "3"}}}
    cluster.core.create_namespaced_resource_quota(clustered.namespace, quota)
    until(lambda: cluster.core.read_namespaced_resource_quota("few", clustered.namespace).status.hard, "the quota")
    done = clustered("submit", "--yes", "--json")
    for words in ("exceeded quota: few", "count/jobs.batch=3", "cancel"):
        assert words in refusal(done)
    there = {job.metadata.name for job in clustered.jobs()}
    assert len(there) == 3
    assert {job["job"] for job in json.loads(done.stdout)["jobs"]} == there
    assert {line.split()[1] for line in done.stderr.splitlines() if line.startswith("created ")} == there
    assert f"\nin namespace {clustered.namespace}: 3 of 20 Jobs of run twenty\n" in done.stderr


UNREACHABLE = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        ((), {"AWS_SECRET_ACCESS_KEY": "wrong"}, ["SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"]),
        ((), {"AWS_ACCESS_KEY_ID": "nobody"}, ["InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"]),
    ],
)
def test_a_store_that_is_missing_or_refuses(
    clustered: ClusterLauncher, options: tuple[str, ...], environment: dict[str, str], words: list[str]
) -> None:
    said = refusal(clustered("submit", "--yes", *options, **environment))
    for word in ("RESULTS_URI=s3://", *words):
        assert word in said
    assert not clustered.jobs()


def test_a_store_that_does_not_answer(clustered: ClusterLauncher) -> None:
    """The same command may succeed in a moment, so it is no bad input."""
    done = clustered("submit", "--yes", **UNREACHABLE)
    (said,) = done.stderr.splitlines()
    assert done.returncode == 1
    for word in ("launcher: error: cannot write s3://", "http://127.0.0.1:9", "check AWS_ENDPOINT_URL and the network"):
        assert word in said
    assert not clustered.jobs()


@pytest.mark.parametrize("command", [("submit", "--yes"), ("status",), ("wait",), ("cancel",), ("retry",)])
def test_a_bucket_that_is_not_there(clustered: ClusterLauncher, command: tuple[str, ...]) -> None:
    said = refusal(clustered(*command, "--results-uri", "s3://no-such-bucket/study"))
    assert said.startswith("launcher: error: RESULTS_URI=s3://no-such-bucket/study: NoSuchBucket: ")
    assert said.endswith("; make it first")
    assert not clustered.jobs()


def test_a_dry_run_warns_of_a_store_that_cannot_be_reached(clustered: ClusterLauncher) -> None:
    done = clustered("submit", "--dry-run", "-o", "name", **UNREACHABLE)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 20)
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("warning: ")
    assert "http://127.0.0.1:9" in warning


def test_a_template_without_the_container(clustered: ClusterLauncher, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("spec: {template: {spec: {containers: [{name: main}]}}}")
    said = refusal(clustered("submit", "--yes", "--template", str(path)))
    assert f"{path} must have one container 'trainer'" in said
    assert not clustered.jobs()
