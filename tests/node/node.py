"""A real node of the test cluster: containerd, runc, the kubelet and a firewall. It lives in an enclosure."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.cluster import GPU, Cluster
from tests.cluster.processes import Process, Processes
from tests.cluster.waiting import until
from tests.node.firewall import firewall_binary, start_firewall
from tests.node.kubelet import NODE, kubelet_binary, start_kubelet
from tests.node.network import make_bridge
from tests.node.runtime import Runtime, start_containerd

_READY_SECONDS = 120.0
_GRACE_SECONDS = 10.0
_RESOURCES = {GPU: "2", "ephemeral-storage": "100Gi"}
"""What nobody reports for this node: GPUs, for want of them, and its disk."""


@dataclass(frozen=True)
class Node:
    """The running node."""

    runtime: Runtime
    _cluster: Cluster
    _kubelet: Process

    def stop_kubelet(self) -> None:
        """Its pods run on."""
        self._kubelet.end(_GRACE_SECONDS)

    def start_kubelet(self) -> None:
        """Once it was stopped."""
        self._kubelet.start()
        self.await_ready()

    def await_ready(self) -> None:
        """Return when the node takes pods that want a GPU, and the API server reaches it."""
        until(self._is_ready, "the real node to be ready", _READY_SECONDS)
        until(self._is_reached, "the API server to reach the kubelet")
        self._cluster.core.patch_node_status(NODE, {"status": {"capacity": _RESOURCES, "allocatable": _RESOURCES}})

    def _is_reached(self) -> bool:
        """An API server may lose its first connection to a kubelet, which then is this one, and no test's."""
        try:
            self._cluster.core.connect_get_node_proxy_with_path(NODE, "healthz")
        except ApiException:
            return False
        return True

    def _is_ready(self) -> bool:
        nodes = [node for node in self._cluster.core.list_node().items if node.metadata.name == NODE]
        return any(_says_ready(node) for node in nodes)


@contextmanager
def running_node(cluster: Cluster, folder: Path) -> Iterator[Node]:
    """For the length of a `with` block. What is left of it then goes with the enclosure, whose `folder` it is."""
    kubelet, firewall = kubelet_binary(), firewall_binary()
    make_bridge()
    (folder / "output").mkdir()
    with Processes(folder / "output") as processes:
        runtime = start_containerd(folder, processes)
        kubeconfig = cluster.kubeconfig_of(f"system:node:{NODE}", "system:nodes")
        node = Node(runtime, cluster, start_kubelet(kubelet, kubeconfig, runtime, processes))
        node.await_ready()
        start_firewall(firewall, cluster.kubeconfig, processes)
        yield node


def _says_ready(node: client.V1Node) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in node.status.conditions or ())
