from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.k8s.kubectl import Kubectl

OVERLAYS = Path(__file__).parents[2] / "k8s" / "overlays"


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster, cluster_binaries: dict[str, Path]) -> Kubectl:
    return Kubectl(cluster_binaries["kubectl"], cluster.kubeconfig)


@pytest.fixture(scope="session")
def installed(kubectl: Kubectl) -> str:
    """The kind overlay, really applied; its namespace, which stays until the cluster goes."""
    kubectl.apply(kubectl.kustomize(OVERLAYS / "kind"))
    return "emotion-grid"
