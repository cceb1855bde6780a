"""A results store that tells what it was asked for."""

from collections.abc import Iterator
from pathlib import Path

from contract.folder import DirStore


class Watched(DirStore):
    """A folder that remembers what was listed and read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[str] = []

    def list(self, prefix: str) -> Iterator[str]:
        self.asked.append(prefix)
        return super().list(prefix)

    def get(self, key: str) -> bytes | None:
        self.asked.append(key)
        return super().get(key)
