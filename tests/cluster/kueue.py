"""Kueue's controller beside a cluster of the tests, as its own installation sets it up.

It runs outside of the cluster: a Service without pods leads the API server to its webhooks on loopback. It makes their
certificate itself, and what the installation mounts, the test writes.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.binaries import KUEUE, build, source
from tests.cluster.cluster import Cluster
from tests.cluster.health import answers
from tests.cluster.processes import LOOPBACK, Process, Processes, free_ports
from tests.cluster.waiting import until
from tests.k8s.kubectl import Kubectl

_NAMESPACE = "kueue-system"
_USER = f"system:serviceaccount:{_NAMESPACE}:kueue-controller-manager"
"""Its rights are those of the installation."""
_CERTIFICATE = "kueue-webhook-server-cert"
_HOOKS = "kueue-webhook-service"
_HOOKED = {"jobs", "workloads", "workloads/status", "clusterqueues", "resourceflavors", "cohorts"}
"""Resources that it is asked about: of the integrations only that with Jobs is on."""
_INSTALLED = {
    *("Namespace", "CustomResourceDefinition", "Secret"),
    *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
}

Content = dict[str, Any]


@dataclass(frozen=True)
class Kueue:
    """The running controller, and the cluster whose Jobs it admits."""

    cluster: Cluster
    kubectl: Kubectl
    _process: Process
    _health: str

    def stop(self) -> None:
        """Kill it."""
        self._process.end(0)

    def start(self) -> None:
        """After a stop; return when it is ready."""
        self._process.start()
        self.await_ready()

    def await_ready(self) -> None:
        """Return when its webhooks are served."""
        self._process.await_ready(lambda: answers(self._health))


def start_kueue(cluster: Cluster, kubectl: Kubectl, folder: Path, processes: Processes) -> Kueue:
    """Return when it admits Jobs. `folder` takes its configuration and its certificate."""
    hooks_port, health_port = free_ports(2)
    _apply(kubectl, list(_installation(kubectl, hooks_port)))
    certificates = folder / "kueue"
    certificates.mkdir()
    configuration = folder / "kueue.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(hooks_port, health_port, certificates)))
    process = processes.start(
        build(KUEUE)["kueue"], f"--config={configuration}", f"--kubeconfig={cluster.kubeconfig_of(_USER)}"
    )
    kueue = Kueue(cluster, kubectl, process, f"http://{LOOPBACK}:{health_port}/readyz")
    _mount_certificate(cluster, certificates)
    kueue.await_ready()
    return kueue


def _installation(kubectl: Kubectl, hooks_port: int) -> Iterator[Content]:
    """What `kubectl apply` of its release makes, but for the controller's pod and what leads to it."""
    rendered = kubectl.kustomize(source(KUEUE) / "config" / "default")
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _HOOKS, "namespace": _NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    for each in yaml.load_all(rendered, yaml.CSafeLoader):
        if each["kind"] in _INSTALLED:
            yield _at_port(hooks_port, _asked_about(each))


def _asked_about(installed: Content) -> Content:
    if "webhooks" not in installed:
        return installed
    hooks = [hook for hook in installed["webhooks"] if _HOOKED.issuperset(hook["rules"][0]["resources"])]
    return installed | {"webhooks": hooks}


def _at_port(port: int, content: Any) -> Any:
    """With the port wherever the Service of the webhooks is named."""
    match content:
        case {"name": name, "path": _} if name == _HOOKS:
            return content | {"port": port}
        case dict():
            return {key: _at_port(port, value) for key, value in content.items()}
        case list():
            return [_at_port(port, value) for value in content]
        case _:
            return content


def _apply(kubectl: Kubectl, objects: Sequence[Content]) -> None:
    """The namespaces first, and the kinds before their objects."""
    first = [each for each in objects if each["kind"] == "Namespace"]
    for part in (first, [each for each in objects if each not in first]):
        kubectl.apply(yaml.dump_all(part, Dumper=yaml.CSafeDumper))


def _configuration(hooks_port: int, health_port: int, certificates: Path) -> Content:
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": _NAMESPACE,
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{health_port}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": LOOPBACK, "port": hooks_port, "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": True},
        "clientConnection": {"qps": 300, "burst": 500},
        "integrations": {"frameworks": ["batch/job"]},
        # It serves itself with files in the root folder.
        "featureGates": {"VisibilityOnDemand": False},
    }


def _mount_certificate(cluster: Cluster, folder: Path) -> None:
    """What a kubelet does with the Secret that the controller fills."""

    def content() -> dict[str, str] | None:
        data = cluster.core.read_namespaced_secret(_CERTIFICATE, _NAMESPACE).data or {}
        return data if "tls.crt" in data else None

    for name, value in (until(content, "Kueue to make its certificate") or {}).items():
        (folder / name).write_bytes(base64.b64decode(value))
