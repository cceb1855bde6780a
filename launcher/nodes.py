"""Which nodes a cell could run on, by the scheduler's rules for selectors and taints. Pure.

https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GPU = "nvidia.com/gpu"
_KEEPS_PODS_OFF = ("NoSchedule", "NoExecute")

Content = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Node:
    """A node as far as a cell cares; `taints` only those that keep pods off."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Content, ...]
    gpus: int


def read_node(content: Content) -> Node:
    """From the API server's JSON. A node that is cordoned or not ready has a taint that says so."""
    metadata, spec, status = content["metadata"], content.get("spec") or {}, content.get("status") or {}
    taints = tuple(taint for taint in spec.get("taints") or () if taint["effect"] in _KEEPS_PODS_OFF)
    gpus = int((status.get("allocatable") or {}).get(GPU, 0))
    return Node(metadata["name"], metadata.get("labels") or {}, taints, gpus)


def obstacle(node: Node, selector: Mapping[str, str], tolerations: Iterable[Content]) -> str | None:
    """Why no pod with these goes to the node, however empty it is; None when one may. Affinities are not looked at."""
    for name, value in selector.items():
        if node.labels.get(name) != value:
            return f"no label {name}={value}"
    tolerated = list(tolerations)
    for taint in node.taints:
        if not any(_tolerates(toleration, taint) for toleration in tolerated):
            value = f"={taint['value']}" if taint.get("value") else ""
            return f"taint {taint['key']}{value}:{taint['effect']}"
    return None


def _tolerates(toleration: Content, taint: Content) -> bool:
    """Without a key all keys are meant, without an effect all effects; the operator's default is Equal."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    of_it = (taint["key"], taint.get("value", ""))
    return (toleration.get("key"), toleration.get("value", "")) == of_it
