"""`python -m tests.node.standing`: the cluster, its real node and a pod on it, until a signal."""

import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.cluster.binaries import binaries
from tests.cluster.cluster import Cluster
from tests.cluster.running import running_cluster
from tests.cluster.waiting import until
from tests.node.enclosure import FOLDER
from tests.node.images import PAUSE
from tests.node.node import running_node

_POD = {
    "metadata": {"name": "standing"},
    "spec": {"containers": [{"name": "pause", "image": PAUSE, "imagePullPolicy": "Never"}]},
}


def main() -> int:
    """Prints the node's folder when the pod runs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cluster(binaries(), Path(folder) / "cluster") as cluster,
        cluster.namespace() as namespace,
        running_node(cluster, Path(os.environ[FOLDER])) as node,
    ):
        cluster.core.create_namespaced_pod(namespace, _POD)
        until(lambda: _runs(cluster, namespace), "the pod to run")
        sys.stdout.write(f"{node.runtime.folder}\n")
        sys.stdout.flush()
        signal.pause()
    return 0


def _runs(cluster: Cluster, namespace: str) -> bool:
    return str(cluster.core.read_namespaced_pod("standing", namespace).status.phase) == "Running"


if __name__ == "__main__":
    sys.exit(main())
