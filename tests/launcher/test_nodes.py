"""A node suits the Jobs exactly when the scheduler would say so."""

from typing import Any

import pytest

from launcher.nodes import GPU, obstacle, read_node

TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


def node(labels: dict[str, str] | None = None, taints: list[dict[str, Any]] | None = None) -> Any:
    metadata = {"name": "n", "labels": labels}
    return read_node({"metadata": metadata, "spec": {"taints": taints}, "status": {"allocatable": {GPU: "2"}}})


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
        {"key": GPU, "operator": "Exists"},
        {"key": GPU, "value": "present", "effect": "NoSchedule"},
        {"key": GPU, "operator": "Equal", "value": "present"},
        {"operator": "Exists"},
    ],
)
def test_a_taint_that_is_tolerated(toleration: dict[str, str]):
    assert obstacle(node(taints=[TAINT]), {}, [{"key": "other"}, toleration]) is None


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": GPU, "operator": "Exists", "effect": "NoExecute"},
        {"key": GPU, "value": "absent"},
        {"key": GPU},
        {"key": "other", "operator": "Exists"},
        {"value": "present"},
    ],
)
def test_a_taint_that_is_not(toleration: dict[str, str]):
    assert obstacle(node(taints=[TAINT]), {}, [toleration]) == f"taint {GPU}=present:NoSchedule"


def test_every_taint_has_to_be_tolerated():
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    why = obstacle(node(taints=[TAINT, cordoned]), {}, [{"key": GPU, "operator": "Exists"}])
    assert why == "taint node.kubernetes.io/unschedulable:NoSchedule"


def test_a_taint_that_only_asks_keeps_nobody_off():
    assert obstacle(node(taints=[TAINT | {"effect": "PreferNoSchedule"}]), {}, []) is None


@pytest.mark.parametrize(
    ("labels", "why"), [({"zone": "a"}, None), ({"zone": "b"}, "no label zone=a"), (None, "no label zone=a")]
)
def test_every_label_has_to_be_there(labels: dict[str, str] | None, why: str | None):
    assert obstacle(node(labels), {"zone": "a"}, []) == why


def test_a_node_without_gpus_has_none():
    assert read_node({"metadata": {"name": "n"}}).gpus == 0
    assert node().gpus == 2
