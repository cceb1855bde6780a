"""A node suits the Jobs exactly when the scheduler would say so."""

from decimal import Decimal
from typing import Any

import pytest

from launcher.jobs.nodes import GPU, Needs, Node, obstacle, read_node
from launcher.jobs.quantity import amount

TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


def node(labels: dict[str, str] | None = None, taints: list[dict[str, Any]] | None = None) -> Any:
    metadata, allocatable = {"name": "n", "labels": labels}, {GPU: "2", "cpu": "3920m", "memory": "16000Mi"}
    return read_node({"metadata": metadata, "spec": {"taints": taints}, "status": {"allocatable": allocatable}})


def why(of: Node, **needs: Any) -> str | None:
    return obstacle(of, Needs(**{"selector": {}, "tolerations": (), "requests": {}} | needs))


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
    assert why(node(taints=[TAINT]), tolerations=({"key": "other"}, toleration)) is None


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
    assert why(node(taints=[TAINT]), tolerations=(toleration,)) == f"taint {GPU}=present:NoSchedule"


def test_every_taint_has_to_be_tolerated():
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    tolerated = ({"key": GPU, "operator": "Exists"},)
    assert (
        why(node(taints=[TAINT, cordoned]), tolerations=tolerated)
        == "taint node.kubernetes.io/unschedulable:NoSchedule"
    )


def test_a_taint_that_only_asks_keeps_nobody_off():
    assert why(node(taints=[TAINT | {"effect": "PreferNoSchedule"}])) is None


@pytest.mark.parametrize(
    ("labels", "words"), [({"zone": "a"}, None), ({"zone": "b"}, "no label zone=a"), (None, "no label zone=a")]
)
def test_every_label_has_to_be_there(labels: dict[str, str] | None, words: str | None):
    assert why(node(labels), selector={"zone": "a"}) == words


def test_a_node_without_gpus_has_none():
    assert read_node({"metadata": {"name": "n"}}).gpus == 0
    assert node().gpus == 2


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ({"cpu": "3.92", "memory": "15Gi", GPU: "2"}, None),
        ({"cpu": "4", "memory": "1Gi"}, "cpu 3920m, less than 4"),
        ({"cpu": "1", "memory": "16Gi"}, "memory 16000Mi, less than 16Gi"),
        ({"cpu": "1", "memory": "16G"}, None),
        ({GPU: "3"}, f"{GPU} 2, less than 3"),
        ({"ephemeral-storage": "1"}, "ephemeral-storage 0, less than 1"),
    ],
)
def test_every_request_has_to_fit(requests: dict[str, str], words: str | None):
    assert why(node(), requests=requests) == words


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        *(
            ("1500m", "1.5"),
            ("0.5", "0.5"),
            ("1e3", "1000"),
            ("2E", "2e18"),
            ("1E2", "100"),
            ("128974848", "128974848"),
        ),
        *(("1Ki", "1024"), ("16Gi", str(16 * 2**30)), ("16G", "16e9"), ("1Ei", str(2**60)), ("5n", "5e-9")),
    ],
)
def test_amounts_are_kubernetes_s(quantity: str, value: str):
    assert amount(quantity) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1.2.3", "four", "16 Gi", "16gi", "m"])
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(ValueError, match="is no amount"):
        amount(text)
