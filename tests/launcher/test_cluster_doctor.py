"""`doctor` on a real API server: each line's FAIL, and what stays unverified for whoever may not look."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from launcher.servers.permissions import needed_permissions
from tests.cluster.cluster import Cluster
from tests.launcher.clustered import ClusterLauncher
from tests.launcher.kubeconfigs import Change, at, changed, untrusted, with_token
from tests.launcher.registry import registry
from tests.launcher.test_doctor import said

UNREAD = ["namespace {}", "service account trainer", "secret emotion-grid-store", "GPUs"]
"""What no verb of the launcher reads."""


def permissions(namespace: str) -> list[str]:
    return [f"{each.verb} {each.resource} in namespace {namespace}" for each in needed_permissions()]


@pytest.fixture
def administered(clustered: ClusterLauncher) -> ClusterLauncher:
    """By somebody who may look everywhere."""
    clustered.kubeconfig = clustered.cluster.kubeconfig
    return clustered


def add_secret(launcher: ClusterLauncher, name: str) -> None:
    launcher.cluster.core.create_namespaced_secret(launcher.namespace, {"metadata": {"name": name}})


@contextmanager
def patched_node(cluster: Cluster, change: dict[str, Any]) -> Iterator[None]:
    with cluster.gpu_nodes(1) as (name,):
        cluster.core.patch_node(name, change)
        yield


def test_all_is_well(cluster: Cluster, administered: ClusterLauncher) -> None:
    add_secret(administered, "emotion-grid-store")
    add_secret(administered, "pull")
    with cluster.gpu_nodes(2), registry() as images:
        image = f"{images.host}/team/trainer@{images.push('team/trainer', 'v1', 'x')}"
        done = administered("doctor", LAUNCHER_IMAGE=image, LAUNCHER_IMAGE_PULL_SECRETS='["pull"]')
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines), done.stdout
    assert f"{len(lines)} checks: {len(lines)} ok, 0 FAIL, 0 not verified" == last
    assert "takes us for admin" in done.stdout
    assert "GPUs: 2 suit the Jobs\n" in done.stdout
    assert (list(administered.store().list("")), administered.jobs()) == ([], [])


def test_what_an_empty_namespace_lacks(administered: ClusterLauncher) -> None:
    namespace = administered.namespace
    administered.cluster.core.delete_namespaced_service_account("trainer", namespace)
    told = said(administered.json("doctor", LAUNCHER_IMAGE_PULL_SECRETS='["pull"]'))
    for name, remedy in {
        "service account trainer": f"OVERLAY, one with `namespace: {namespace}`",
        "secret emotion-grid-store": f"kubectl -n {namespace} create secret generic emotion-grid-store",
        "image pull secret pull": f"kubectl -n {namespace} create secret docker-registry pull",
    }.items():
        assert remedy in told[f"FAIL {name}"]


def test_all_that_can_be_missing_is_told_at_once(administered: ClusterLauncher) -> None:
    """A namespace that is missing, once."""
    surroundings = {"LAUNCHER_IMAGE": "", "LAUNCHER_IMAGE_PULL_SECRETS": '["pull"]'}
    options = ("--namespace", "nosuch", "--results-uri", "s3://no-such-bucket-anywhere/study")
    assert administered("doctor", *options, **surroundings).returncode == 3
    document = administered.json("doctor", *options, **surroundings)
    told = said(document)
    assert not document["healthy"]
    for name, remedy in {
        "image": "set LAUNCHER_IMAGE or give --image",
        "store": "bucket does not exist; make it first",
        "namespace nosuch": "OVERLAY, one with `namespace: nosuch` (k8s/README.md)",
        "GPUs": "install NVIDIA's device plugin, or add nodes",
    }.items():
        assert remedy in told.pop(f"FAIL {name}")
    assert not [name for name in told if name.startswith("FAIL ")]
    assert [name for name in told if name.startswith("ok ")] == [
        "ok API server",
        *(f"ok {name}" for name in permissions("nosuch")),
    ]


def test_a_stranger_lacks_each_permission_and_sees_nothing_else(clustered: ClusterLauncher) -> None:
    clustered.kubeconfig = clustered.cluster.kubeconfig_of("stranger")
    told = said(clustered.json("doctor"))
    assert list(told) == [
        *("not verified image", "ok store", "ok API server"),
        *(f"FAIL {name}" for name in permissions(clustered.namespace)),
        *(f"not verified {name.format(clustered.namespace)}" for name in UNREAD),
    ]
    for name in permissions(clustered.namespace):
        assert "bind the Role launcher of k8s/base to you" in told[f"FAIL {name}"]


def test_the_launcher_s_own_account_needs_to_see_no_more(clustered: ClusterLauncher) -> None:
    assert clustered("doctor").returncode == 0
    told = said(clustered.json("doctor"))
    assert list(told) == [
        *("not verified image", "ok store", "ok API server"),
        *(f"ok {name}" for name in permissions(clustered.namespace)),
        *(f"not verified {name.format(clustered.namespace)}" for name in UNREAD),
    ]
    assert clustered.user in told["ok API server"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at("https://127.0.0.1:9"), "check the kubeconfig and the network"),
        (untrusted, "check certificate-authority in the kubeconfig"),
        (with_token("made.up"), "log in again"),
    ],
)
def test_without_an_api_server_the_rest_is_told_all_the_same(
    clustered: ClusterLauncher, change: Change, words: str
) -> None:
    done = clustered("doctor", "--image", "A", KUBECONFIG=changed(clustered, change))
    assert (done.returncode, done.stderr) == (3, "")
    verdicts = [line.split(":")[0] for line in done.stdout.splitlines()[:-1]]
    assert [" ".join(each.split()) for each in verdicts] == ["FAIL image", "ok store", "FAIL API server"]
    assert words in done.stdout
    assert "nothing more was asked of the cluster" in done.stdout


def test_gpus_on_nodes_that_do_not_suit(cluster: Cluster, administered: ClusterLauncher) -> None:
    label = {"metadata": {"labels": {"nvidia.com/gpu.present": None}}}
    taint = {"spec": {"taints": [{"key": "team", "value": "other", "effect": "NoSchedule"}]}}
    with patched_node(cluster, label), patched_node(cluster, taint):
        failed = said(administered.json("doctor"))["FAIL GPUs"]
        for words in ("1 with no label nvidia.com/gpu.present=true", "1 with taint team=other:NoSchedule", "job.yaml"):
            assert words in failed
        with cluster.gpu_nodes(1):
            needs = '{"gemma3": {"node_selector": {"gpu": "large"}}}'
            told = said(administered.json("doctor", LAUNCHER_PER_MODEL=needs))
    assert told["ok GPUs"].startswith("1 suit the Jobs; those of other nodes do not (1 with ")
    assert "no label gpu=large" in told["FAIL GPUs for gemma3"]


def test_a_node_with_a_gpu_that_is_too_small(cluster: Cluster, administered: ClusterLauncher) -> None:
    """For the Jobs as job.yaml has them, and for a model that needs more than the others."""
    large = '{"gemma3": {"memory": "200Gi"}}'
    with cluster.gpu_nodes(1) as (name,):
        told = said(administered.json("doctor", LAUNCHER_PER_MODEL=large))
        assert "ok GPUs" in told
        assert "1 with memory 128Gi, less than 200Gi" in told["FAIL GPUs for gemma3"]
        assert "LAUNCHER_PER_MODEL" in told["FAIL GPUs for gemma3"]
        cluster.core.patch_node_status(name, {"status": {"allocatable": {"cpu": "2"}, "capacity": {"cpu": "2"}}})
        assert "1 with cpu 2, less than 4" in said(administered.json("doctor"))["FAIL GPUs"]


def test_a_submit_warns_of_what_its_jobs_would_wait_for(cluster: Cluster, administered: ClusterLauncher) -> None:
    """And makes them: the secret and the node may come meanwhile."""
    only = ("--yes", "--only", "model=bert,labels=2,samples=80")
    warnings = warned(administered("submit", *only, LAUNCHER_SECRETS='["nope"]'))
    assert [line.partition(": ")[0] for line in warnings] == ["secret nope", "GPUs"]
    assert f"kubectl -n {administered.namespace} create secret generic nope" in warnings[0]
    assert "install NVIDIA's device plugin, or add nodes" in warnings[1]
    assert len(administered.jobs()) == 1
    add_secret(administered, "emotion-grid-store")
    with cluster.gpu_nodes(1):
        assert warned(administered("submit", *only)) == []


def test_a_submit_of_the_launcher_s_own_account_is_refused_no_look(clustered: ClusterLauncher) -> None:
    assert warned(clustered("submit", "--yes", LAUNCHER_SECRETS='["nope"]')) == []
    refused = [event for event in clustered.cluster.audit(clustered.user) if event["responseStatus"]["code"] == 403]
    assert refused == []


def warned(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("warning: ") for line in done.stderr.splitlines() if line.startswith("warning: ")]
