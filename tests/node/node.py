"""A real node of the test cluster: containerd, runc and the kubelet, from nothing to ready and back."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.cluster import GPU, Cluster
from tests.cluster.processes import Processes
from tests.cluster.waiting import until
from tests.node.kubelet import NODE, start_kubelet
from tests.node.network import bridge
from tests.node.runtime import Runtime, start_containerd
from tests.node.sweep import sweep

_READY_SECONDS = 120.0
_RESOURCES = {GPU: "2", "ephemeral-storage": "100Gi"}
"""What nobody reports for this node: GPUs, for want of them, and its disk."""


@contextmanager
def running_node(cluster: Cluster, kubelet: Path) -> Iterator[Runtime]:
    """For the length of a `with` block; pods that are still there at its end are killed."""
    folder = Path(tempfile.mkdtemp(prefix="emotion-grid-node-"))
    (folder / "output").mkdir()
    try:
        with bridge(), Processes(folder / "output") as processes:
            runtime = start_containerd(folder, processes)
            kubeconfig = cluster.kubeconfig_of(f"system:node:{NODE}", "system:nodes")
            start_kubelet(kubelet, kubeconfig, runtime, processes)
            until(lambda: _is_ready(cluster), "the real node to be ready", _READY_SECONDS)
            cluster.core.patch_node_status(NODE, {"status": {"capacity": _RESOURCES, "allocatable": _RESOURCES}})
            yield runtime
    finally:
        cluster.remove_nodes([NODE])
        sweep(folder)
        shutil.rmtree(folder)


def _is_ready(cluster: Cluster) -> bool:
    nodes = [node for node in cluster.core.list_node().items if node.metadata.name == NODE]
    return any(
        condition.type == "Ready" and condition.status == "True"
        for node in nodes
        for condition in node.status.conditions or ()
    )
