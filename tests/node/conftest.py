"""The whole system with nothing simulated but the GPU. For `make e2e`, which runs these tests in an enclosure."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.node.enclosure import FOLDER

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.minio import Minio
    from tests.hub import Hub
    from tests.k8s.kubectl import Kubectl
    from tests.node.node import Node
    from tests.node.person import Person

collect_ignore_glob = [] if FOLDER in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def node(cluster: "Cluster") -> "Iterator[Node]":
    """A node that has the image."""
    from tests.node.node import running_node

    with running_node(cluster, Path(os.environ[FOLDER])) as node:
        node.runtime.take_in(os.environ["BUILT_IMAGE"])
        yield node


@pytest.fixture(scope="session")
def store(
    node: "Node", cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Minio]":
    """A store that pods of the node reach."""
    from tests.cluster.running import running_minio
    from tests.node.network import ADDRESS

    with running_minio(cluster_binaries, tmp_path_factory.mktemp("store"), ADDRESS) as minio:
        yield minio


@pytest.fixture(scope="session")
def hub(node: "Node") -> "Iterator[Hub]":
    """A hub beside the node, to which policies open the way for prefetches alone."""
    from tests.hub import running_hub
    from tests.node.network import ADDRESS

    with running_hub(ADDRESS) as hub:
        yield hub


@pytest.fixture(scope="session")
def kubectl(cluster: "Cluster", cluster_binaries: dict[str, Path]) -> "Kubectl":
    """An administrator's."""
    from tests.k8s.kubectl import Kubectl

    return Kubectl(cluster_binaries["kubectl"], cluster.kubeconfig)


@pytest.fixture(scope="session")
def launcher(
    cluster: "Cluster", kubectl: "Kubectl", store: "Minio", hub: "Hub", tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The namespace as k8s/README.md sets it up, and the kubeconfig of somebody who has the Role `launcher` there.

    A second Secret holds a password that the store does not know.
    """
    from tests.node.namespace import NAMESPACE, PERSON, overlay

    kubectl.apply(kubectl.kustomize(overlay(tmp_path_factory.mktemp("overlay"), store.endpoint, hub.endpoint)))
    right = store.environment()
    for name, content in {"emotion-grid-store": right, "wrong": right | {"AWS_SECRET_ACCESS_KEY": "wrong"}}.items():
        cluster.core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": name}, "stringData": content})
    return cluster.kubeconfig_of(PERSON)


@pytest.fixture
def person(
    kubectl: "Kubectl", store: "Minio", launcher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "Callable[..., Person]":
    """Makes somebody at a shell; this process sees the store as they do."""
    from tests.node.person import Person

    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)

    def made(grid: str, **resources: str) -> Person:
        return Person(grid, launcher, kubectl.binary, store, tmp_path, **resources)

    return made
