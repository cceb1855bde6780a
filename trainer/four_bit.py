"""A copy of a model's base in four bits: where it lies, whether it is whole (docs/decisions/0021-four-bit-copy.md).

A folder: the files, and a record of their sha256 and of what they were made of. It is put in place in one step.
trainer/quantise.py makes what is in it; no heavy import in here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from contract.digest import file_digest
from contract.inputs import CopiedFile, Copy
from contract.task import Task

RECORD = "copy.json"
WEIGHTS = "model.safetensors"
_FOLDER = "four-bit"
_LIBRARIES = ("torch", "transformers", "bitsandbytes")
"""Those that quantise the weights, and that name them."""

Refused = Callable[[Path, str], None]
"""Hears where a copy lies that is not used, and why."""


@dataclass(frozen=True)
class FourBit:
    """A copy that is whole; `sha256` is that of its weights."""

    folder: Path
    sha256: str


class Unusable(Exception):
    """A copy that is not whole, or of something else; the message says what is wrong."""


def place(task: Task) -> Path | None:
    """The folder of the task's copy, written or not: in MODEL_FOUR_BIT_CACHE, else beside the folder of weights."""
    match task.model.four_bit_cache, task.model.weights:
        case None, "hub" | "random":
            return None
        case None, weights:
            return Path(weights) / task.cell.model / name(task)
        case cache, _:
            return Path(cache) / task.cell.model / name(task)


def name(task: Task) -> str:
    """Of the task's copy in the folder of its model: `four-bit/` and 16 hex digits of its origin."""
    return f"{_FOLDER}/{hashlib.sha256(origin(task).encode()).hexdigest()[:16]}"


def origin(task: Task) -> str:
    """In words, all that decides the bits of the copy. Raises ValueError while the revision is not resolved."""
    if task.model.revision is None:
        raise ValueError("weights have a copy only once their revision is resolved")
    libraries = [f"{library} {version(library)}" for library in _LIBRARIES]
    constants = f"double_quant={task.model.double_quant}"
    return ", ".join([f"{task.cell.model} of {task.model.revision}", constants, *libraries])


def find(task: Task, refused: Refused) -> FourBit | None:
    """The task's copy, if it is whole; `refused` hears why one that is there is not used."""
    folder = place(task)
    if folder is None or not _copies(folder.parent):
        return None
    try:
        return _checked(folder, origin(task))
    except Unusable as error:
        refused(folder, str(error))
        return None


def put(folder: Path, origin: str, save: Callable[[Path], object]) -> None:
    """Let `save` fill an empty folder, and put that in place with its record.

    Of several writers the first one's stays; what is there and cannot be used is replaced. Raises OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".unfinished-", dir=folder.parent) as aside:
        content = Path(aside) / "content"
        content.mkdir()
        save(content)
        copy = Copy(revision=origin, files={path.name: _copied(path) for path in content.iterdir()})
        (content / RECORD).write_text(copy.model_dump_json(indent=1), encoding="utf-8")
        if not is_usable(folder, origin):
            if folder.exists():
                folder.rename(Path(aside) / "before")
            content.rename(folder)


def is_usable(folder: Path, origin: str) -> bool:
    """Whether a whole copy of `origin` is there."""
    try:
        _checked(folder, origin)
    except Unusable:
        return False
    return True


def _checked(folder: Path, origin: str) -> FourBit:
    if not folder.is_dir():
        raise Unusable(f"there are copies, none of {origin}")
    try:
        copy = Copy.model_validate_json((folder / RECORD).read_bytes())
        damaged = copy.differing(folder)
    except (OSError, ValidationError) as error:
        raise Unusable(f"it has no record that can be read: {str(error).splitlines()[0]}") from error
    if damaged:
        raise Unusable(f"{damaged} is missing or damaged")
    if copy.revision != origin:
        raise Unusable(f"it is of {copy.revision}, wanted is {origin}")
    return FourBit(folder, copy.files[WEIGHTS].sha256)


def _copies(folder: Path) -> list[Path]:
    """What lies there, save for what a killed writer left."""
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


def _copied(path: Path) -> CopiedFile:
    return CopiedFile(bytes=path.stat().st_size, sha256=file_digest(path))
