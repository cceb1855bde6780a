"""What somebody does on a real node, from `doctor` to the report: the smoke grid, and a model that really learns."""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.code_version import code_version
from contract.revision import weights_revision
from contract.task import Model
from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until
from tests.k8s.kubectl import Kubectl
from tests.node.images import full_name
from tests.node.kubelet import NODE
from tests.node.namespace import NAMESPACE
from tests.node.person import Person
from tests.node.pods import pods_of

FAMILIES = {"qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert"}
JOB = Path(__file__).parents[2] / "k8s" / "job.yaml"
MINILM = Path(sys.prefix) / "weights" / "minilm"
LEARNS = """
name: pretrained
models: [minilm]
labels: [2]
samples: [800]
hyper: {{epochs: 1, learning_rate: 1e-3}}
data: {{source: synthetic}}
model: {{weights: /weights, revision: {revision}}}
"""
Made = Callable[..., Person]


def test_the_smoke_grid_from_doctor_to_report(person: Made, cluster: Cluster):
    somebody = person("smoke")
    assert " 0 FAIL," in somebody.runs("doctor")
    somebody.runs("submit", "--yes")
    somebody.runs("submit", "--yes")
    assert "5 cells: 5 done" in somebody.runs("status", "--watch")
    for cell in somebody.cells():
        assert "scored" in somebody.kubectl_logs(cell["cell"])
    somebody.runs("wait")

    published = {result.cell.model: result for result in somebody.results()}
    assert published.keys() == FAMILIES
    for result in published.values():
        assert result.provenance.code_version == code_version()
        assert result.provenance.image == full_name(os.environ["BUILT_IMAGE"])
        for artifact in result.artifacts.values():
            stored = somebody.store.get(artifact.key)
            assert stored is not None
            assert hashlib.sha256(stored).hexdigest() == artifact.sha256

    rows = somebody.report()
    assert [row["model"] for row in rows if row["status"] == "done"] == [row["model"] for row in rows]
    for row in rows:
        assert float(row["test_accuracy"]) == published[row["model"]].test.accuracy
        assert (row["random_weights"], row["synthetic_data"]) == ("true", "true")
    until(lambda: {pod.status.phase for pod in pods_of(cluster, "smoke")} == {"Succeeded"}, "the pods to end")
    assert [pod.spec.node_name for pod in pods_of(cluster, "smoke")] == [NODE] * 5


@pytest.mark.skipif(not MINILM.exists(), reason="needs MiniLM's weights, which `make` puts into .venv/weights")
def test_pretrained_weights_on_a_volume_learn(person: Made, kubectl: Kubectl, tmp_path: Path):
    """Catches an image whose real weights train worse than noise, and a volume that Pod Security refuses."""
    revision = weights_revision(Model(weights=str(MINILM.parent)), "minilm")
    somebody = person(LEARNS.format(revision=revision))
    kubectl.apply(yaml.safe_dump_all(volume(MINILM.resolve())))
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(with_weights(yaml.safe_load(JOB.read_text()))))
    somebody.runs("submit", "--yes", "--template", str(tmp_path / "job.yaml"))
    somebody.runs("wait")
    (row,) = somebody.report()
    assert row["random_weights"] == "false"
    assert float(row["test_accuracy"]) > 0.8


def volume(folder: Path) -> list[dict[str, Any]]:
    """A folder of the node, and the namespace's claim to it."""
    metadata, access = {"name": "weights"}, {"storageClassName": "", "accessModes": ["ReadOnlyMany"]}
    source = {"hostPath": {"path": str(folder), "type": "Directory"}, "capacity": {"storage": "1Gi"}}
    claim = {"volumeName": "weights", "resources": {"requests": {"storage": "1Gi"}}}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": access | source},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata | {"namespace": NAMESPACE},
            "spec": access | claim,
        },
    ]


def with_weights(job: dict[str, Any]) -> dict[str, Any]:
    """job.yaml for cells that read MiniLM's weights from the claim."""
    pod = job["spec"]["template"]["spec"]
    pod["volumes"].append({"name": "weights", "persistentVolumeClaim": {"claimName": "weights", "readOnly": True}})
    mount = {"name": "weights", "mountPath": "/weights/minilm", "readOnly": True}
    pod["containers"][0]["volumeMounts"].append(mount)
    return job
