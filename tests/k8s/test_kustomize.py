"""The overlays: the real API server takes them without a warning, and they grant what they say."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.cluster.minio import Minio
from tests.cluster.waiting import until
from tests.k8s.conftest import OVERLAYS
from tests.k8s.kubectl import Kubectl

K8S = OVERLAYS.parent
LAUNCHER_MAY = {
    *((verb, "batch", "jobs") for verb in ("get", "list", "create", "delete")),
    ("list", "", "pods"),
    ("get", "", "pods/log"),
}


def objects_of(kubectl: Kubectl, folder: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(kubectl.kustomize(folder)) if each]


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


@pytest.fixture(params=["base", "overlays/kind", "overlays/cloud"])
def folder(request: pytest.FixtureRequest) -> Path:
    return K8S / request.param


def test_the_api_server_takes_it_without_a_warning(kubectl: Kubectl, installed: str, folder: Path) -> None:
    objects = kubectl.kustomize(folder)
    told = kubectl.dry_run(objects).splitlines()
    assert len(told) == len([each for each in yaml.safe_load_all(objects) if each])
    assert all("serverside-applied (server dry run)" in line for line in told)


def test_a_warning_would_be_seen(kubectl: Kubectl, installed: str) -> None:
    objects = objects_of(kubectl, OVERLAYS / "kind")
    deployment = named(objects, "Deployment", "minio")
    del deployment["spec"]["template"]["spec"]["securityContext"]
    with pytest.raises(AssertionError, match="Warning: would violate PodSecurity"):
        kubectl.dry_run(yaml.safe_dump(deployment))


def test_an_overlay_of_two_lines_puts_all_of_it_into_another_namespace(kubectl: Kubectl, tmp_path: Path) -> None:
    base = os.path.relpath(OVERLAYS / "kind", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": "team", "resources": [base]}))
    objects = objects_of(kubectl, tmp_path)
    named(objects, "Namespace", "team")
    binding = named(objects, "RoleBinding", "launcher")
    assert [each["namespace"] for each in binding["subjects"]] == ["team"]
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"} == {"team"}


def test_every_object_but_the_namespace_is_in_it(kubectl: Kubectl, folder: Path) -> None:
    placed = {(each["kind"], each["metadata"].get("namespace")) for each in objects_of(kubectl, folder)}
    assert {namespace for kind, namespace in placed if kind != "Namespace"} == {"emotion-grid"}


def test_secrets_are_only_named(kubectl: Kubectl, folder: Path) -> None:
    assert "Secret" not in {each["kind"] for each in objects_of(kubectl, folder)}


def test_all_overlays_have_the_standard_labels(kubectl: Kubectl, folder: Path) -> None:
    for each in objects_of(kubectl, folder):
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "emotion-grid"


@pytest.mark.parametrize("component", ["store", "bucket"])
def test_pods_of_the_local_store_are_admitted(cluster: Cluster, installed: str, component: str) -> None:
    """Pod Security enforces on pods alone: their controller could make them."""
    selector = f"app.kubernetes.io/component={component}"
    until(lambda: cluster.core.list_namespaced_pod(installed, label_selector=selector).items, f"a pod of {component}")


def test_a_pod_that_is_not_restricted_is_refused(cluster: Cluster, installed: str) -> None:
    with pytest.raises(client.ApiException, match='violates PodSecurity \\\\"restricted'):
        cluster.core.create_namespaced_pod(
            installed,
            {"metadata": {"name": "root"}, "spec": {"containers": [{"name": "root", "image": "anything:dev"}]}},
        )


@pytest.mark.parametrize(("account", "may"), [("launcher", LAUNCHER_MAY), ("trainer", set())])
def test_an_account_may_do_what_is_listed_and_nothing_else(
    cluster: Cluster, kubectl: Kubectl, installed: str, account: str, may: set[tuple[str, str, str]]
) -> None:
    asked = set(namespaced_requests(kubectl))
    assert asked >= LAUNCHER_MAY
    user = f"system:serviceaccount:{installed}:{account}"
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda request: review(cluster, user, installed, *request), asked)
        assert {request for request, answer in zip(asked, answers, strict=True) if answer} == may


@pytest.mark.parametrize("account", ["launcher", "trainer"])
def test_an_account_may_do_nothing_elsewhere(cluster: Cluster, installed: str, namespace: str, account: str) -> None:
    user = f"system:serviceaccount:{installed}:{account}"
    assert not [request for request in LAUNCHER_MAY if review(cluster, user, namespace, *request)]
    assert not review(cluster, user, None, "list", "", "nodes")


def namespaced_requests(kubectl: Kubectl) -> Iterator[tuple[str, str, str]]:
    """(verb, group, resource) of everything that the API server offers in a namespace."""
    groups = {each["name"]: each["preferredVersion"]["groupVersion"] for each in kubectl.get("/apis")["groups"]}
    for group, path in {"": "/api/v1", **{name: f"/apis/{version}" for name, version in groups.items()}}.items():
        for resource in kubectl.get(path)["resources"]:
            if resource["namespaced"]:
                yield from ((verb, group, resource["name"]) for verb in resource["verbs"])


def review(cluster: Cluster, user: str, namespace: str | None, verb: str, group: str, resource: str) -> bool:
    name, _, subresource = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": name, "subresource": subresource}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}", "system:authenticated"]
    answer = client.AuthorizationV1Api(cluster.api).create_subject_access_review(
        {"spec": {"user": user, "groups": groups, "resourceAttributes": attributes}}
    )
    return bool(answer.status.allowed)


def test_the_bucket_s_job_makes_it_once(kubectl: Kubectl, minio: Minio) -> None:
    job = named(objects_of(kubectl, OVERLAYS / "kind"), "Job", "bucket")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["command"]
    assert program == "python"
    settings = {entry["name"]: entry["value"] for entry in container["env"]}
    for _ in range(2):
        subprocess.run([sys.executable, *arguments], env=settings | minio.environment(), check=True, timeout=60)
    assert settings["BUCKET"] in {each["Name"] for each in minio.client().list_buckets()["Buckets"]}


def test_only_prefetches_reach_the_internet(kubectl: Kubectl, folder: Path) -> None:
    policies = [each for each in objects_of(kubectl, folder) if each["kind"] == "NetworkPolicy"]
    everywhere = {each["metadata"]["name"] for each in policies if {"0.0.0.0/0", "::/0"} & set(blocks(each))}
    assert everywhere == ({"prefetch"} if folder.name == "cloud" else set())
    for each in everywhere:
        chosen = named(policies, "NetworkPolicy", each)["spec"]["podSelector"]
        assert chosen == {"matchLabels": {"app.kubernetes.io/component": "prefetch"}}
    denied = named(policies, "NetworkPolicy", "default-deny")["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def blocks(policy: dict[str, Any]) -> Iterator[str]:
    for rule in policy["spec"].get("egress", []):
        assert rule["ports"]  # a rule without them allows every port
        yield from (peer["ipBlock"]["cidr"] for peer in rule["to"] if "ipBlock" in peer)
