"""The kubelet: one real node of the cluster, with GPUs that exist in its status only."""

import base64
from pathlib import Path

import yaml

from tests.cluster.binaries import KUBERNETES_VERSION, MODULES_FOLDER, Module, Program, build
from tests.cluster.processes import Process, Processes, free_ports
from tests.node.network import ADDRESS
from tests.node.runtime import Runtime

NODE = "real"
_MODULE = Module(
    MODULES_FOLDER / "kubelet",
    "k8s.io/kubernetes",
    {"kubelet": Program("k8s.io/kubernetes/cmd/kubelet", 2)},
    KUBERNETES_VERSION,
)


def kubelet_binary() -> Path:
    """Built first where the cache lacks it."""
    return build(_MODULE)["kubelet"]


def start_kubelet(binary: Path, kubeconfig: Path, runtime: Runtime, processes: Processes) -> Process:
    """`kubeconfig` is the node's own. Returns at once; the node is ready some seconds later."""
    folder = runtime.folder / "kubelet"
    folder.mkdir()
    authority = folder / "ca.crt"
    authority.write_bytes(_authority_of(kubeconfig))
    configuration = folder / "configuration.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(authority, runtime)))
    return processes.start(
        binary,
        f"--config={configuration}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={folder}",
        f"--cert-dir={folder / 'pki'}",
        f"--hostname-override={NODE}",
        f"--node-ip={ADDRESS}",
        "--node-labels=nvidia.com/gpu.present=true",
    )


def _authority_of(kubeconfig: Path) -> bytes:
    (cluster,) = yaml.safe_load(kubeconfig.read_text())["clusters"]
    return base64.b64decode(cluster["cluster"]["certificate-authority-data"])


def _configuration(authority: Path, runtime: Runtime) -> dict[str, object]:
    (port,) = free_ports(1)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "port": port,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{runtime.socket}",
        "podLogsDir": str(runtime.folder / "logs"),
        "volumePluginDir": str(runtime.folder / "plugins"),
        "cgroupRoot": f"/{runtime.folder.name}",
        # What the test's machine has: cgroups of version 1 without systemd, its own disk, its own firewall.
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "failSwapOn": False,
        # The test's disk may be fuller than a node's.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
    }
