"""Nodes that die: the test writes what their kubelet would, and what the node controller writes when it falls silent.

Under kwok a pod ends when it is deleted; under a dead kubelet it does not.
"""

from datetime import UTC, datetime
from typing import Any

from kubernetes import client


def without_kubelet(node: dict[str, Any]) -> dict[str, Any]:
    """The node, ready, with nobody to play it. The node controller believes it for 50 s."""
    metadata = node["metadata"] | {"annotations": {}}
    return node | {"metadata": metadata, "status": node["status"] | {"conditions": [_condition("Ready", "True")]}}


def start_pod(core: client.CoreV1Api, pod: client.V1Pod) -> None:
    """The pod's containers run."""
    state = {"running": {"startedAt": _now()}}
    started = {"ready": True, "started": True, "restartCount": 0, "image": "", "imageID": "", "state": state}
    containers = [{"name": each.name, **started} for each in pod.spec.containers]
    _patch(
        core, pod, {"phase": "Running", "conditions": [_condition("Ready", "True")], "containerStatuses": containers}
    )


def fall_silent(core: client.CoreV1Api, pod: client.V1Pod) -> None:
    """What the node controller writes 50 s after the last word from the node that runs the pod."""
    silent = _condition("Ready", "Unknown", reason="NodeStatusUnknown")
    core.patch_node_status(pod.spec.node_name, {"status": {"conditions": [silent]}})
    _patch(core, pod, {"conditions": [_condition("Ready", "False", reason="NodeNotReady")]})


def exceed_deadline(core: client.CoreV1Api, pod: client.V1Pod) -> None:
    """The pod ran for longer than its activeDeadlineSeconds."""
    _patch(core, pod, {"phase": "Failed", "reason": "DeadlineExceeded", "conditions": [_condition("Ready", "False")]})


def _patch(core: client.CoreV1Api, pod: client.V1Pod, status: dict[str, Any]) -> None:
    core.patch_namespaced_pod_status(pod.metadata.name, pod.metadata.namespace, {"status": status})


def _condition(kind: str, status: str, reason: str = "Played") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
