"""The whole system with nothing simulated but the GPU. For `make e2e`: it needs root, containerd and a built image."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster
    from tests.cluster.minio import Minio
    from tests.node.person import Person

_BASE = Path(__file__).parents[2] / "k8s" / "base"

collect_ignore = [] if os.environ.get("BUILT_IMAGE") else ["test_cell.py"]


@pytest.fixture(scope="session")
def node(cluster: "Cluster") -> Iterator[None]:
    """A node that has the image."""
    from tests.node.kubelet import kubelet_binary
    from tests.node.node import running_node

    with running_node(cluster, kubelet_binary()) as runtime:
        runtime.take_in(os.environ["BUILT_IMAGE"])
        yield


@pytest.fixture(scope="session")
def store(node: None, cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Minio]":
    """A store that pods of the node reach."""
    from tests.cluster.running import running_minio
    from tests.node.network import ADDRESS

    with running_minio(cluster_binaries, tmp_path_factory.mktemp("store"), ADDRESS) as minio:
        yield minio


@pytest.fixture(scope="session")
def installed(cluster: "Cluster", cluster_binaries: dict[str, Path], store: "Minio") -> None:
    """The namespace as k8s/README.md sets it up; a second Secret holds a password that the store does not know."""
    from tests.k8s.kubectl import Kubectl
    from tests.node.person import NAMESPACE

    kubectl = Kubectl(cluster_binaries["kubectl"], cluster.kubeconfig)
    kubectl.apply(kubectl.kustomize(_BASE))
    right = store.environment()
    for name, content in {"emotion-grid-store": right, "wrong": right | {"AWS_SECRET_ACCESS_KEY": "wrong"}}.items():
        cluster.core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": name}, "stringData": content})


@pytest.fixture
def person(
    cluster: "Cluster", store: "Minio", installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "Callable[..., Person]":
    """Makes somebody with a cell of their own; this process sees the store as they do."""
    from tests.node.person import Person

    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)

    def made(seed: int, *, long: bool = False, **resources: str) -> Person:
        return Person(cluster.kubeconfig, store, tmp_path, seed, long, **resources)

    return made
