"""A look at a weights folder before the training stack is imported."""

import json
from pathlib import Path

from contract.cell import MODELS, Family
from contract.exits import BadInput
from contract.task import Task

_MODEL_TYPES: dict[Family, str] = {
    "qwen2": "qwen2",
    "llama": "llama",
    "gpt2": "gpt2",
    "gemma3": "gemma3_text",
    "bert": "bert",
}
"""`model_type` in each family's config.json."""


def check_architecture(task: Task) -> None:
    """Raises BadInput when the folder in MODEL_WEIGHTS holds another family than the cell's model."""
    if task.model.weights in ("hub", "random"):
        return
    spec = MODELS[task.cell.model]
    path = Path(task.model.weights) / spec.name / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    expected = _MODEL_TYPES[spec.family]
    if found != expected:
        raise BadInput(f"{path} says model_type {found!r}; {spec.name} needs {expected!r}")
