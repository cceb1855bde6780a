"""What a campaign has found out so far, on a disk: one that was stopped goes on where it was."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Records(Generic[T]):
    """Dataclasses of one type in a file, one a line."""

    file: Path
    type: type[T]

    def load(self) -> list[T]:
        """All that are there."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [self.type(**json.loads(line)) for line in lines]

    def add(self, record: Any) -> None:
        """Append it, on the disk when this returns."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as stream:
            stream.write(f"{json.dumps(asdict(record))}\n")
