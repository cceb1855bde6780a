"""What a results store is: keys (keys.py) to bytes. A folder is one (folder.py), a bucket another (s3.py)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """A key with its size and the time, by the store's clock, of its last writing."""

    key: str
    bytes: int
    modified_at: datetime
    etag: str | None = None
    """What a bucket says of the content: another content has another one. A folder says nothing."""


class Reader(Protocol):
    """Keys to bytes. Every method raises StoreFailed when the store itself fails."""

    uri: str

    def get(self, key: str) -> bytes | None:
        """The bytes, or None when nothing is there."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """The same keys with what else the store knows of each."""


class Store(Reader, Protocol):
    """A reader that writes too."""

    unsafe: bool
    """Whether it was opened to be used without conditional writes: two attempts might then publish one cell."""

    def check_writable(self) -> None:
        """Raises BadInput when nothing can be written here, or not once."""

    def publish(self, key: str, data: bytes) -> bool:
        """Write once, whole or not at all; False when the key was there before, which then stays as it is."""

    def put(self, key: str, data: bytes) -> None:
        """Write whole or not at all, over what was there."""

    def upload(self, key: str, path: Path) -> None:
        """The same with the content of a file, which need not fit into memory."""

    def download(self, key: str, path: Path) -> bool:
        """Write the bytes into a file; False when nothing is there. Whether they are whole is the caller's to check."""

    def delete(self, key: str) -> None:
        """Remove it; nothing there is no failure."""
