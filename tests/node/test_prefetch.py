"""Weights from a hub that prefetches alone reach: a cell trains from the copy with no way to anything but the store."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from contract.cell import MODELS
from tests.cluster.cluster import Cluster
from tests.hub import Hub
from tests.node.namespace import NAMESPACE
from tests.node.person import Person
from tests.node.pods import pods_of
from tests.node.test_smoke import MINILM

SPEC = MODELS["minilm"]
SECRET = "emotion-grid-hub"
TOKEN = "hf_of-the-secret-for-prefetches"
GRID = """
name: prefetched
models: [minilm]
labels: [2]
samples: [800]
hyper: {epochs: 1, learning_rate: 1e-3}
data: {source: synthetic}
"""
pytestmark = pytest.mark.skipif(
    not MINILM.exists(), reason="needs MiniLM's weights, which `make` puts into .venv/weights"
)
Made = Callable[..., Person]


@pytest.fixture
def gated_hub(hub: Hub) -> Hub:
    """It has MiniLM, for whoever has the token."""
    files = {path.name: path.read_bytes() for path in MINILM.iterdir() if path.is_file()}
    hub.files[SPEC.hub_id, SPEC.hub_revision] = files
    hub.token = TOKEN
    return hub


@contextmanager
def hub_secret(cluster: Cluster, **content: str) -> Iterator[None]:
    """The namespace's, for prefetches."""
    cluster.core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": SECRET}, "stringData": content})
    try:
        yield
    finally:
        cluster.core.delete_namespaced_secret(SECRET, NAMESPACE)


def test_a_cell_trains_from_prefetched_weights_without_a_hub(person: Made, cluster: Cluster, gated_hub: Hub):
    somebody = person(GRID)
    place = f"{somebody.store.uri}/inputs"
    with hub_secret(cluster, HF_ENDPOINT=gated_hub.endpoint, HF_TOKEN=TOKEN):
        assert "1 input: 1 there, 0 not" in somebody.runs("prefetch")
    assert "model.safetensors" in gated_hub.asked
    gated_hub.asked.clear()

    somebody.runs("submit", "--yes", "--set", f"model.weights={place}")
    somebody.runs("wait")
    (result,) = somebody.results()
    assert result.test.accuracy > 0.8
    assert result.fingerprint_fields["model.revision"] == f"hub:{SPEC.hub_id}@{SPEC.hub_revision}"

    (pod,) = pods_of(cluster, "prefetched")
    environment = {each.name: each.value for each in pod.spec.containers[0].env}
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert [each.secret_ref.name for each in pod.spec.containers[0].env_from] == ["emotion-grid-store"]
    assert gated_hub.asked == []


def test_a_gated_model_is_told_with_its_page(person: Made, cluster: Cluster, gated_hub: Hub):
    """In the last line of its pod, which the launcher reads."""
    somebody = person(GRID)
    with hub_secret(cluster, HF_ENDPOINT=gated_hub.endpoint):
        (told,) = json.loads(somebody.runs("prefetch", "--json", codes=(3,)))["inputs"]
    assert not told["done"]
    assert f"accept its licence at huggingface.co/{SPEC.hub_id} and set HF_TOKEN" in told["detail"]
