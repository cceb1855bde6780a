"""The Role of k8s/base is what the launcher uses, verb by verb."""

from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.endings import ends
from tests.cluster.waiting import until
from tests.factories import progress, publish
from tests.launcher.clustered import ClusterLauncher

ACCOUNTS = Path(__file__).parents[2] / "k8s" / "base" / "accounts.yaml"


def test_the_launcher_s_account_may_do_what_its_verbs_ask_for_and_no_more(
    cluster: Cluster, clustered: ClusterLauncher
) -> None:
    user = f"system:serviceaccount:{clustered.namespace}:launcher"
    role = _install(cluster, clustered.namespace)
    clustered.kubeconfig = cluster.kubeconfig_of(user, f"system:serviceaccounts:{clustered.namespace}")
    only = ("--only", "model=bert,labels=2,samples=80")
    with cluster.gpu_nodes(1):
        assert clustered("submit", "--yes", *only, *clustered.template(ends(1)), LAUNCHER_ATTEMPTS="1").returncode == 0
        until(lambda: clustered.states(*only) == {"bert-l2-n80-s0": "failed"}, "the cell to fail")
    assert clustered("wait", *only).returncode == 3
    publish(clustered.store(), progress(clustered.tasks()[0]))
    assert "training starts" in clustered("logs", "bert-l2-n80-s0").stdout
    assert clustered("retry", *only).returncode == 0
    cluster.batch.delete_namespaced_job("twenty-bert-l2-n80-s0", clustered.namespace, propagation_policy="Orphan")
    _collide(cluster, clustered)
    assert "deleted" in clustered("cancel", *only).stdout
    assert _used(cluster, user) == {
        (verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]
    }


def _install(cluster: Cluster, namespace: str) -> Any:
    documents = {each["kind"]: each for each in yaml.safe_load_all(ACCOUNTS.read_text())}
    rights = client.RbacAuthorizationV1Api(cluster.api)
    rights.create_namespaced_role(namespace, documents["Role"])
    binding = documents["RoleBinding"]
    for subject in binding["subjects"]:
        subject["namespace"] = namespace
    rights.create_namespaced_role_binding(namespace, binding)
    return documents["Role"]


def _collide(cluster: Cluster, clustered: ClusterLauncher) -> None:
    """A Job of that name that the launcher's LIST does not show, because it has another owner."""
    only = ("--only", "model=bert,labels=2,samples=80")
    assert clustered("submit", "--yes", *only, LAUNCHER_OWNER="else").returncode == 0
    assert "owner else" in clustered("submit", "--yes", *only).stderr
    assert clustered("cancel", *only, LAUNCHER_OWNER="else").returncode == 0
    assert clustered("submit", "--yes", *only).returncode == 0


def _used(cluster: Cluster, user: str) -> set[tuple[str, str]]:
    used = set()
    for event in cluster.audit(user):
        asked = event["objectRef"]
        assert event["responseStatus"]["code"] != 403, event
        subresource = f"/{asked['subresource']}" if "subresource" in asked else ""
        used.add((event["verb"], f"{asked['resource']}{subresource}"))
    return used
