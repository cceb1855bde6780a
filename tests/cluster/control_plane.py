"""etcd, the API server, the controllers, the scheduler and kwok: their command lines and the order of their start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import ADMINS, Authority, loopback_names
from tests.cluster.health import answers
from tests.cluster.processes import LOOPBACK, Process, Processes, free_ports

_HERE = Path(__file__).parent
_UNTHROTTLED = ("--kube-api-qps=500", "--kube-api-burst=1000")
"""The defaults (20 calls a second) would be what a test with hundreds of Jobs measures."""
FAKE_NODE = ("kwok.x-k8s.io/node", "fake")
"""The annotation of a node that kwok plays the kubelet for."""


@dataclass(frozen=True)
class ControlPlane:
    """Where the API server is, where it writes who asked for what, and the programs that act on what it holds."""

    server: str
    audit_log: Path
    actors: tuple[Process, ...]
    _api_server: Process
    _is_ready: Callable[[], bool]

    def restart_api_server(self, grace_seconds: float) -> None:
        """End it, start it on the same port and data, and return when it is ready."""
        self._api_server.restart(grace_seconds)
        self._api_server.await_ready(self._is_ready)


def start_control_plane(
    binaries: Mapping[str, Path], folder: Path, authority: Authority, processes: Processes
) -> ControlPlane:
    """Return when pods are scheduled and played. `folder` takes data/ and the audit log."""
    client_port, peer_port, api_port, controllers_port, scheduler_port, kwok_port = free_ports(6)
    starter = _Starter(binaries, authority, processes, f"https://{LOOPBACK}:{api_port}")
    audit_log = folder / "audit.log"
    starter.etcd(folder / "data" / "etcd", client_port, peer_port)
    # It waits for etcd, but the others give up on a slow API server.
    api_server = starter.api_server(api_port, f"https://{LOOPBACK}:{client_port}", audit_log)
    is_ready = starter.check(f"{starter.server}/readyz")
    api_server.await_ready(is_ready)
    actors = {
        starter.controllers(controllers_port): f"https://{LOOPBACK}:{controllers_port}/healthz",
        starter.scheduler(scheduler_port): f"https://{LOOPBACK}:{scheduler_port}/healthz",
        starter.kwok(kwok_port): f"http://{LOOPBACK}:{kwok_port}/healthz",
    }
    for process, health in actors.items():
        process.await_ready(starter.check(health))
    return ControlPlane(starter.server, audit_log, tuple(actors), api_server, is_ready)


class _Starter:
    def __init__(self, binaries: Mapping[str, Path], authority: Authority, processes: Processes, server: str) -> None:
        self._binaries = binaries
        self._authority = authority
        self._processes = processes
        self.server = server
        self._serving = authority.issue("server", None, *loopback_names())
        self._admin = authority.issue("admin", ADMINS)

    def check(self, url: str) -> Callable[[], bool]:
        """Whether the health check at `url` says that all is well."""
        context = self._authority.client_context(self._admin)
        return lambda: answers(url, context)

    def etcd(self, data: Path, client_port: int, peer_port: int) -> Process:
        """Only holders of the authority's certificates may talk to it: who writes here is root of the cluster."""
        client, peer = f"https://{LOOPBACK}:{client_port}", f"https://{LOOPBACK}:{peer_port}"
        secured = [
            f"--{prefix}{name}={value}"
            for prefix in ("", "peer-")
            for name, value in {
                "cert-file": self._serving.certificate,
                "key-file": self._serving.key,
                "trusted-ca-file": self._authority.certificate,
                "client-cert-auth": "true",
            }.items()
        ]
        return self._start(
            "etcd",
            *secured,
            f"--data-dir={data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )

    def api_server(self, port: int, etcd: str, audit_log: Path) -> Process:
        """As kubeadm sets it up, but on loopback, and without the Service that stands for it inside the cluster."""
        return self._start(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--etcd-cafile={self._authority.certificate}",
            f"--etcd-certfile={self._admin.certificate}",
            f"--etcd-keyfile={self._admin.key}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={port}",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
            f"--client-ca-file={self._authority.certificate}",
            f"--kubelet-client-certificate={self._admin.certificate}",
            f"--kubelet-client-key={self._admin.key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._authority.service_account_key}",
            f"--service-account-signing-key-file={self._authority.service_account_key}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--audit-policy-file={_HERE / 'audit.yaml'}",
            f"--audit-log-path={audit_log}",
        )

    def controllers(self, port: int) -> Process:
        """All of them; the Job controller works on many Jobs at a time."""
        return self._start(
            "kube-controller-manager",
            *self._component("system:kube-controller-manager", port),
            f"--service-account-private-key-file={self._authority.service_account_key}",
            f"--root-ca-file={self._authority.certificate}",
            "--use-service-account-credentials",
            "--concurrent-job-syncs=20",
        )

    def scheduler(self, port: int) -> Process:
        """The default one."""
        return self._start("kube-scheduler", *self._component("system:kube-scheduler", port))

    def kwok(self, port: int) -> Process:
        """It plays stages/ on the nodes that carry FAKE_NODE."""
        return self._start(
            "kwok",
            f"--kubeconfig={self._authority.kubeconfig(self.server, 'kwok', ADMINS)}",
            f"--server-address={LOOPBACK}:{port}",
            f"--manage-nodes-with-annotation-selector={'='.join(FAKE_NODE)}",
            *(f"--config={stage}" for stage in sorted((_HERE / "stages").glob("*.yaml"))),
        )

    def _component(self, user: str, port: int) -> list[str]:
        kubeconfig = self._authority.kubeconfig(self.server, user)
        return [
            f"--kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={port}",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
            "--leader-elect=false",
            *_UNTHROTTLED,
        ]

    def _start(self, program: str, *arguments: str) -> Process:
        return self._processes.start(self._binaries[program], *arguments)
