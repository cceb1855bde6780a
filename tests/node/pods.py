"""The pods of cells, as an administrator sees them."""

from kubernetes import client

from tests.cluster.cluster import Cluster
from tests.node.namespace import NAMESPACE


def pods_of(cluster: Cluster, run: str, cell: str | None = None) -> list[client.V1Pod]:
    """Of a run, or of one cell of it; the latest last."""
    selector = f"emotion-grid/run={run}" + (f",emotion-grid/cell={cell}" if cell else "")
    found = cluster.core.list_namespaced_pod(NAMESPACE, label_selector=selector).items
    return sorted(found, key=lambda pod: pod.metadata.creation_timestamp)
