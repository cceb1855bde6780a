"""The accounts of k8s/base, in the namespace of a test."""

from pathlib import Path
from typing import Any

import yaml
from kubernetes import utils

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until

K8S = Path(__file__).parents[2] / "k8s"


def launcher_user(namespace: str) -> str:
    """Who the launcher's account is to the API server."""
    return f"system:serviceaccount:{namespace}:launcher"


def install_accounts(cluster: Cluster, namespace: str, *, queue: bool = False) -> None:
    """Return when the launcher's account has its rights; with those for a `queue` of Kueue's, or without."""
    documents = _documents(queue=queue)
    for subject in (subject for each in documents for subject in each.get("subjects", ())):
        subject["namespace"] = namespace  # as kustomize does it
    utils.create_from_yaml(cluster.api, yaml_objects=documents, namespace=namespace)
    user = launcher_user(namespace)
    until(lambda: cluster.may(user, "list", "jobs", namespace), f"{user} to have its rights")


def granted(*, queue: bool = False) -> set[tuple[str, str]]:
    """(verb, resource) of all that the launcher's Role allows."""
    (role,) = (each for each in _documents(queue=queue) if each["kind"] == "Role")
    return {(verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}


def _documents(*, queue: bool) -> list[Any]:
    documents = list(yaml.safe_load_all((K8S / "base" / "accounts.yaml").read_text()))
    if queue:
        (role,) = (each for each in documents if each["kind"] == "Role")
        patch = yaml.safe_load((K8S / "components" / "kueue" / "rights.yaml").read_text())
        role["rules"] += [change["value"] for change in patch]
    return documents
