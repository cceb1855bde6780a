"""sha256 of files; gigabytes of weights are read once, not at every plan and every cell."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

_REMEMBERED_FROM_BYTES = 16_000_000
"""Smaller files are read in the time that the memory takes."""


def file_digest(path: Path) -> str:
    """Hex digits of the file's sha256.

    That of a large file is remembered in the user's cache for as long as its inode, size and times stay the same, as
    git remembers the files of a checkout. Raises OSError.
    """
    status = path.stat()
    if status.st_size < _REMEMBERED_FROM_BYTES:
        return _read(path)
    seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    memory = cache_folder("digests") / hashlib.sha256(f"{path.absolute()} {seen}".encode()).hexdigest()
    with suppress(OSError):
        return memory.read_text(encoding="ascii")
    digest = _read(path)
    with suppress(OSError):  # a read-only home costs time and nothing else
        _write(memory, digest)
    return digest


def cache_folder(name: str) -> Path:
    """Of this user on this machine; nothing in it is missed. It need not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "emotion-grid" / name


def _read(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid4().hex}")
    aside.write_text(text, encoding="ascii")
    os.replace(aside, path)
