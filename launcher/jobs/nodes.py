"""Which nodes a cell could run on, by the scheduler's rules for selectors, taints and resources. Pure.

https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.jobs.quantity import amount

GPU = "nvidia.com/gpu"
_KEEPS_PODS_OFF = ("NoSchedule", "NoExecute")

Content = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Node:
    """A node as far as a cell cares; `taints` only those that keep pods off."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Content, ...]
    allocatable: Mapping[str, str]
    """Resource -> how much of it there is for pods."""

    @property
    def gpus(self) -> int:
        """How many it offers."""
        return int(self.allocatable.get(GPU, 0))


def read_node(content: Content) -> Node:
    """From the API server's JSON. A node that is cordoned or not ready has a taint that says so."""
    metadata, spec, status = content["metadata"], content.get("spec") or {}, content.get("status") or {}
    taints = tuple(taint for taint in spec.get("taints") or () if taint["effect"] in _KEEPS_PODS_OFF)
    return Node(metadata["name"], metadata.get("labels") or {}, taints, status.get("allocatable") or {})


@dataclass(frozen=True)
class Needs:
    """What a pod asks of its node. Affinities are left out."""

    selector: Mapping[str, str]
    tolerations: tuple[Content, ...]
    requests: Mapping[str, str]
    """Resource -> amount."""


def obstacle(node: Node, needs: Needs) -> str | None:
    """Why no pod with these needs goes to the node, however empty it is; None when one may."""
    return _missing_label(node, needs.selector) or _untolerated(node, needs.tolerations) or _lack(node, needs.requests)


def _missing_label(node: Node, selector: Mapping[str, str]) -> str | None:
    for name, value in selector.items():
        if node.labels.get(name) != value:
            return f"no label {name}={value}"
    return None


def _untolerated(node: Node, tolerations: tuple[Content, ...]) -> str | None:
    for taint in node.taints:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            value = f"={taint['value']}" if taint.get("value") else ""
            return f"taint {taint['key']}{value}:{taint['effect']}"
    return None


def _lack(node: Node, requests: Mapping[str, str]) -> str | None:
    for resource, wanted in requests.items():
        there = node.allocatable.get(resource, "0")
        if amount(there) < amount(wanted):
            return f"{resource} {there}, less than {wanted}"
    return None


def _tolerates(toleration: Content, taint: Content) -> bool:
    """Without a key all keys are meant, without an effect all effects; the operator's default is Equal."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    of_it = (taint["key"], taint.get("value", ""))
    return (toleration.get("key"), toleration.get("value", "")) == of_it
