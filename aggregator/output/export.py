"""A finished cell's adapter as a folder that the hub takes as it is: PEFT's files and a model card."""

from pathlib import Path

from aggregator.output.card import card
from aggregator.output.out_folder import write_file
from contract.exits import StoreFailed
from contract.result import Success, artifact
from contract.store import Reader

_FILES = ("adapter_config.json", "adapter_model.safetensors")
"""As PEFT names them: `PeftModel.from_pretrained` and the hub look for these."""


def export(success: Success, store: Reader, folder: Path) -> list[Path]:
    """Write the folder; its files.

    Raises BadInput where the folder cannot be written, StoreFailed where a file is gone or is not the one that the
    result vouches for. Then nothing is written.
    """
    files = {name: _vouched_for(success, name, store) for name in _FILES}
    return [write_file(folder / name, data) for name, data in (files | {"README.md": card(success).encode()}).items()]


def _vouched_for(success: Success, name: str, store: Reader) -> bytes:
    listed = success.artifacts.get(name)
    if listed is None:
        raise StoreFailed(f"the result of {success.cell.id} lists no {name}: it has no adapter to export")
    data = store.get(listed.key)
    if data is None:
        raise StoreFailed(f"{listed.key} is gone from {store.uri}; `pull` copies no adapters, name the store itself")
    if artifact(listed.key, data) != listed:
        raise StoreFailed(f"{listed.key} is not the file that the result lists: size or sha256 differs")
    return data
