"""Network policies enforced: kube-router's firewall alone, on the node's bridge. Its rules go with the enclosure."""

from pathlib import Path

from tests.cluster.binaries import MODULES_FOLDER, Module, Program, build
from tests.cluster.processes import Processes
from tests.node.kubelet import NODE

_MODULE = Module(
    MODULES_FOLDER / "kube-router",
    "github.com/cloudnativelabs/kube-router/v2",
    {"kube-router": Program("github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", 3)},
)


def firewall_binary() -> Path:
    """Built first where the cache lacks it."""
    return build(_MODULE)["kube-router"]


def start_firewall(binary: Path, kubeconfig: Path, processes: Processes) -> None:
    """`kubeconfig` is an administrator's; the node must be there. Returns at once."""
    processes.start(
        binary,
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={NODE}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--enable-cni=false",
        "--health-port=0",
        "--service-cluster-ip-range=10.0.0.0/24",
    )
