"""A copy of a model's base in four bits: where it lies, whether it is whole (docs/decisions/0021-four-bit-copy.md).

A folder: the files, and a record of their sha256 and of what they were made of. It is put in place in one step.
trainer/quantise.py makes what is in it; no heavy import in here.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from contract.digest import file_digest
from contract.explain import one_line
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
    """Where the task's copy is written: in MODEL_FOUR_BIT_CACHE, else beside the folder of weights."""
    return next(_places(task), None)


def _places(task: Task) -> Iterator[Path]:
    """All folders that may hold it, the cache's first."""
    beside = None if task.model.weights in ("hub", "random") else task.model.weights
    for root in filter(None, (task.model.four_bit_cache, beside)):
        yield Path(root) / task.cell.model / name(task)


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
    """The task's copy, if one is whole; `refused` hears why one that is there is not used."""
    for folder in _places(task):
        if _visible(folder.parent):
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
        # transformers would load the base that an adapter_config.json among them names.
        strangers = sorted({path.name for path in _visible(folder)} - {*copy.files, RECORD})
        damaged = WEIGHTS if WEIGHTS not in copy.files else copy.differing(folder)
    except ValidationError as error:
        raise Unusable(f"it has no record that can be read: {one_line(error, Copy)}") from error
    except OSError as error:
        raise Unusable(f"it cannot be read: {error}") from error
    if strangers:
        raise Unusable(f"{strangers[0]} is not in its record")
    if damaged:
        raise Unusable(f"{damaged} is missing or damaged")
    if copy.revision != origin:
        raise Unusable(f"it is of {copy.revision}, wanted is {origin}")
    return FourBit(folder, copy.files[WEIGHTS].sha256)


def _visible(folder: Path) -> list[Path]:
    """What lies there, save for what a killed writer left."""
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


def _copied(path: Path) -> CopiedFile:
    return CopiedFile(bytes=path.stat().st_size, sha256=file_digest(path))
