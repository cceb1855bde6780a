"""Weights from a hub that prefetches alone reach: a cell trains from the copy with no way to anything but the store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.cell import MODELS
from tests.cluster.cluster import Cluster
from tests.hub import Hub
from tests.node.namespace import NAMESPACE
from tests.node.person import Person
from tests.node.pods import pods_of
from tests.node.test_smoke import MINILM

SPEC = MODELS["minilm"]
TOKEN = "hf_of-the-secret-for-prefetches"
GRID = """
name: prefetched
models: [minilm]
labels: [2]
samples: [800]
hyper: {epochs: 1, learning_rate: 1e-3}
data: {source: synthetic}
"""
Made = Callable[..., Person]


@pytest.fixture
def gated_hub(cluster: Cluster, launcher: Path, hub: Hub) -> Iterator[Hub]:
    """It has MiniLM, for whoever has the token of the namespace's Secret."""
    files = {path.name: path.read_bytes() for path in MINILM.iterdir() if path.is_file()}
    hub.files[SPEC.hub_id, SPEC.hub_revision] = files
    hub.token = TOKEN
    secret = {"metadata": {"name": "emotion-grid-hub"}, "stringData": {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN}}
    cluster.core.create_namespaced_secret(NAMESPACE, secret)
    yield hub
    cluster.core.delete_namespaced_secret("emotion-grid-hub", NAMESPACE)


@pytest.mark.skipif(not MINILM.exists(), reason="needs MiniLM's weights, which `make` puts into .venv/weights")
def test_a_cell_trains_from_prefetched_weights_without_a_hub(person: Made, cluster: Cluster, gated_hub: Hub):
    somebody = person(GRID)
    place = f"{somebody.store.uri}/inputs"
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


def test_a_gated_model_is_told_with_its_page(person: Made, hub: Hub, launcher: Path):
    """By the pod, in the last line of its log. No hub has a model whose token nobody has."""
    hub.token = "nobody's"
    somebody = person(GRID.replace("minilm", "llama3.2"))
    somebody.settings["LAUNCHER_HUB_SECRET"] = "no-such-secret"
    told = somebody.runs("prefetch", codes=(3,))
    assert "1 input: 0 there, 1 not" in told
