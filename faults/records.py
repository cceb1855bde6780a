"""What a campaign has found out so far, on a disk: one that was stopped goes on where it was."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from contract.exits import BadInput

T = TypeVar("T")

_SHOWN = 100
"""Characters: enough for a whole origin."""


@dataclass(frozen=True)
class Origin:
    """What found things out. Code that differs from its commit is one version, however it differs."""

    seed: int
    code_version: str


@dataclass(frozen=True)
class Records(Generic[T]):
    """Dataclasses of one type and origin in a file, one a line after a line of the origin.

    Only whole lines count: the last one is torn where a campaign was killed while it wrote.
    """

    file: Path
    type: type[T]
    origin: Origin

    def load(self) -> list[T]:
        """All that are there. Raises BadInput for records of another origin."""
        lines = self._whole(self.file.read_bytes()) if self.file.exists() else []
        return [self.type(**json.loads(line)) for line in lines[1:]]

    def add(self, record: Any) -> None:
        """Append it, on the disk when this returns. Raises BadInput beside records of another origin."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            lines = self._whole(stream.read())
            stream.truncate(sum(map(len, lines)))
            stream.writelines([_line(record)] if lines else [_line(self.origin), _line(record)])
            stream.flush()
            os.fsync(stream.fileno())

    def _whole(self, data: bytes) -> list[bytes]:
        lines = [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
        if lines and lines[0] != (own := _line(self.origin)):
            begins, wanted = (line.decode(errors="replace").strip()[:_SHOWN] for line in (lines[0], own))
            raise BadInput(f"{self.file} begins with {begins}, not with {wanted}: give --records another folder")
        return lines


def _line(record: Any) -> bytes:
    return f"{json.dumps(asdict(record))}\n".encode()
