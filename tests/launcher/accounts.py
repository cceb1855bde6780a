"""The accounts of k8s/base, in the namespace of a test."""

from pathlib import Path
from typing import Any

import yaml
from kubernetes import utils

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until

ACCOUNTS = Path(__file__).parents[2] / "k8s" / "base" / "accounts.yaml"


def launcher_user(namespace: str) -> str:
    """Who the launcher's account is to the API server."""
    return f"system:serviceaccount:{namespace}:launcher"


def install_accounts(cluster: Cluster, namespace: str) -> None:
    """Return when the launcher's account has its rights."""
    documents = _documents()
    for subject in (subject for each in documents for subject in each.get("subjects", ())):
        subject["namespace"] = namespace  # as kustomize does it
    utils.create_from_yaml(cluster.api, yaml_objects=documents, namespace=namespace)
    user = launcher_user(namespace)
    until(lambda: cluster.may(user, "list", "jobs", namespace), f"{user} to have its rights")


def granted() -> set[tuple[str, str]]:
    """(verb, resource) of all that the launcher's Role allows."""
    (role,) = (each for each in _documents() if each["kind"] == "Role")
    return {(verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}


def _documents() -> list[Any]:
    return list(yaml.safe_load_all(ACCOUNTS.read_text()))
