"""What a test does with the running cluster."""

import json
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tests.cluster.certificates import ADMINS, Authority
from tests.cluster.control_plane import FAKE_NODE, ControlPlane
from tests.cluster.dead_nodes import without_kubelet
from tests.cluster.waiting import until

GPU = "nvidia.com/gpu"
_NODE_RESOURCES = {"cpu": "16", "memory": "128Gi", "ephemeral-storage": "500Gi", "pods": "110", GPU: "1"}


class Cluster:
    """A running cluster, seen by its administrator."""

    def __init__(self, plane: ControlPlane, authority: Authority) -> None:
        self._plane = plane
        self._authority = authority
        self.kubeconfig = authority.kubeconfig(plane.server, "admin", ADMINS)
        self.server = plane.server
        self.ca = authority.certificate

    @cached_property
    def api(self) -> client.ApiClient:
        """A client that may do everything."""
        return self.api_as(self.kubeconfig)

    @property
    def core(self) -> client.CoreV1Api:
        """Pods, nodes, namespaces and the like."""
        return client.CoreV1Api(self.api)

    @property
    def batch(self) -> client.BatchV1Api:
        """Jobs."""
        return client.BatchV1Api(self.api)

    @staticmethod
    def api_as(kubeconfig: Path) -> client.ApiClient:
        """A client with the rights of a kubeconfig's user."""
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        configuration.proxy = None  # taken from the machine's environment; the cluster is on loopback
        return client.ApiClient(configuration)

    def kubeconfig_of(self, user: str, group: str | None = None) -> Path:
        """A kubeconfig for a user of this name, who may do what RBAC grants to the user or to the group."""
        return self._authority.kubeconfig(self._plane.server, user, group)

    def token(self, namespace: str, account: str) -> str:
        """A token of a service account, as the API server issues it to a pod or to `kubectl create token`."""
        request = self.core.create_namespaced_service_account_token(account, namespace, {"spec": {}})
        return str(request.status.token)

    def kubeconfig_of_token(self, user: str, token: str) -> Path:
        """A kubeconfig with a token; `user` is only what it is called."""
        return self._authority.token_kubeconfig(self._plane.server, user, token)

    def expired(self, token: str) -> str:
        """The token of a service account as if it had been issued long ago."""
        return self._authority.expired(token)

    def may(self, user: str, verb: str, resource: str, namespace: str) -> bool:
        """Whether RBAC lets the user do that to Jobs or core resources. A changed Role takes effect a moment later."""
        resource, _, subresource = resource.partition("/")
        group = "batch" if resource == "jobs" else ""
        asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource}
        review = {"spec": {"user": user, "resourceAttributes": asked}}
        return bool(client.AuthorizationV1Api(self.api).create_subject_access_review(review).status.allowed)

    @contextmanager
    def namespace(self, labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """A namespace of its own, in which pods can be created; deleted afterwards, which is not awaited."""
        name = f"test-{uuid4().hex[:12]}"
        self.core.create_namespace({"metadata": {"name": name, "labels": dict(labels or {})}})
        try:
            # The API server refuses pods until a controller made the account that they run under.
            until(lambda: self._has_account(name), f"namespace {name} to have its service account")
            yield name
        finally:
            self.core.delete_namespace(name)

    @contextmanager
    def gpu_nodes(self, count: int, *, played: bool = True) -> Iterator[list[str]]:
        """Nodes that are there for the length of a `with` block."""
        names = self.add_gpu_nodes(count, played=played)
        try:
            yield names
        finally:
            self.remove_nodes(names)

    def add_gpu_nodes(self, count: int, *, played: bool = True) -> list[str]:
        """Add fake nodes of one GPU each and wait until pods can be scheduled there; their names.

        Nodes that are not `played` have no kubelet, not even kwok's; the test is it (dead_nodes.py).
        """
        names = [f"gpu-{uuid4().hex[:8]}" for _ in range(count)]
        for name in names:
            self.core.create_node(_gpu_node(name) if played else without_kubelet(_gpu_node(name)))
        until(lambda: self._schedulable(names), f"{count} nodes to be ready")
        return names

    def remove_nodes(self, names: Iterable[str]) -> None:
        """Remove nodes. As with real ones, pods on them are not told; the controllers find out."""
        for name in names:
            try:
                self.core.delete_node(name)
            except ApiException as error:
                if error.status != HTTPStatus.NOT_FOUND:  # a test may have removed it already
                    raise

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nothing but the API server runs in a `with` block: no pod is made, scheduled or played."""
        for actor in self._plane.actors:
            actor.popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for actor in self._plane.actors:
                actor.popen.send_signal(signal.SIGCONT)

    def end_pod(self, namespace: str, name: str, ending: dict[str, str]) -> None:
        """Give a running pod another ending (endings.py), now or counted from now."""
        self.core.patch_namespaced_pod(name, namespace, {"metadata": {"annotations": ending}})

    def restart_api_server(self, grace_seconds: float) -> None:
        """Restart it and wait until it is ready. Only for a cluster that nobody else uses."""
        self._plane.restart_api_server(grace_seconds)

    def audit(self, user: str) -> list[dict[str, Any]]:
        """The audit events of a user's requests so far, in order, as audit.k8s.io/v1 defines them."""
        with self._plane.audit_log.open() as log:
            # Of a whole day's log most is the controllers'; the last line may be half written.
            events = [json.loads(line) for line in log if f'"{user}"' in line and line.endswith("\n")]
        return [event for event in events if event["user"].get("username") == user]

    def _has_account(self, namespace: str) -> bool:
        try:
            self.core.read_namespaced_service_account("default", namespace)
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def _schedulable(self, names: Iterable[str]) -> bool:
        nodes = {node.metadata.name: node for node in self.core.list_node().items}
        return all(name in nodes and _is_ready(nodes[name]) for name in names)


def _is_ready(node: client.V1Node) -> bool:
    """Ready, and the node controller has taken its own taint off."""
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions or ())
    return ready and not any(taint.key.startswith("node.kubernetes.io/") for taint in node.spec.taints or ())


def _gpu_node(name: str) -> dict[str, Any]:
    """Labelled and tainted as NVIDIA's operator and a cloud's GPU pools do it."""
    return {
        "metadata": {
            "name": name,
            "annotations": dict([FAKE_NODE]),
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "nvidia.com/gpu.present": "true",
            },
        },
        "spec": {"taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}]},
        "status": {"allocatable": _NODE_RESOURCES, "capacity": _NODE_RESOURCES},
    }
