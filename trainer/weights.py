"""A look at a weights folder before the training stack is imported."""

import json
from pathlib import Path
from typing import Any

from contract.cell import MODELS, Family, ModelSpec
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
_SHARDS = "model.safetensors.index.json"
_ADAPTER = "adapter_config.json"


def check_weights(task: Task) -> None:
    """Raises BadInput when a folder in MODEL_WEIGHTS holds an adapter, another family, or files that are not whole."""
    if task.model.weights not in ("hub", "random"):
        spec = MODELS[task.cell.model]
        check_folder(spec, Path(task.model.weights) / spec.name)


def check_folder(spec: ModelSpec, folder: Path) -> None:
    """The same for the model's own folder."""
    if (folder / _ADAPTER).exists():  # transformers would load the base that it names, from wherever that is
        raise BadInput(f"{folder} holds {_ADAPTER}: an adapter names another base; give whole weights, without it")
    _check_family(spec, folder / "config.json")
    _check_shards(folder)
    for path in folder.glob("*.safetensors"):
        _check_whole(path)


def _check_family(spec: ModelSpec, config: Path) -> None:
    found, expected = _read_json(config).get("model_type"), _MODEL_TYPES[spec.family]
    if found != expected:
        raise BadInput(f"{config} says model_type {found!r}; {spec.name} needs {expected!r}")


def _check_shards(folder: Path) -> None:
    if not (folder / _SHARDS).is_file():
        return
    shards = _read_json(folder / _SHARDS).get("weight_map", {}).values()
    if missing := sorted(name for name in set(shards) if not (folder / name).is_file()):
        raise BadInput(f"{folder / _SHARDS} names files that are not there: {', '.join(missing)}")


def _check_whole(path: Path) -> None:
    """A safetensors file is its header's length in eight bytes, a JSON header with each tensor's place, the tensors."""
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, path.stat().st_size)))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is no safetensors file: it is cut short or damaged") from error
    expected, found = 8 + length + max(ends, default=0), path.stat().st_size
    if found != expected:
        raise BadInput(f"{path} is cut short or damaged: {found} bytes, its header speaks of {expected}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"cannot read {path}: it does not hold a mapping")
    return content
