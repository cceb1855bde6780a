"""Weights and corpora as a prefetch leaves them: copies in a folder or a bucket, where cells need no hub.

<name>/<file>            as its source has it
<name>/prefetched.json   written last and once: whence, and what the copy consists of

A name is a model's, or CORPUS. A copy keeps the identity of its source, so that a cell has the same fingerprint
wherever its weights come from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from contract.digest import file_digest
from contract.exits import BadInput, SourceUnavailable, StoreFailed
from contract.explain import one_line
from contract.folder import DirStore
from contract.keys import is_inside
from contract.opening import open_store
from contract.store import Reader, Store

CORPUS = "go_emotions"
"""The corpus among the names of inputs."""
RECORD = "prefetched.json"
PREFETCH = "`python -m launcher prefetch`"


class CopiedFile(BaseModel):
    """A file of a copy."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def _inside(files: dict[str, CopiedFile]) -> dict[str, CopiedFile]:
    if outside := next((name for name in files if not is_inside(name)), None):
        raise ValueError(f"it names a file outside of its folder: {outside!r}")
    return files


class Copy(BaseModel):
    """A whole copy: what its source is known by (contract/revision.py), and its files by name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: str = Field(min_length=1)
    files: Annotated[dict[str, CopiedFile], Field(min_length=1), AfterValidator(_inside)]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files.values())

    def differing(self, folder: Path) -> str | None:
        """The first file that `folder` does not have as it was copied; None when all are whole. Raises OSError."""
        return next((name for name, file in self.files.items() if not is_whole(folder / name, file)), None)


def is_whole(path: Path, file: CopiedFile) -> bool:
    """Whether the file at `path` is this one. Raises OSError when it cannot be read."""
    return path.is_file() and path.stat().st_size == file.bytes and file_digest(path) == file.sha256


def in_bucket(place: str) -> bool:
    """Whether a place of inputs is a bucket; otherwise it is a folder, or none at all."""
    return place.startswith("s3://")


@lru_cache
def open_place(place: str, setting: str, *, unsafe: bool = False) -> Store:
    """`setting` is what errors call it, `unsafe` is open_store's. Raises BadInput for what is no place."""
    return open_store(place, unsafe=unsafe, setting=setting) if in_bucket(place) else DirStore(Path(place), setting)


@contextmanager
def source_errors() -> Iterator[None]:
    """Raises SourceUnavailable where a bucket of inputs does not answer: it need not be the one of the results."""
    try:
        yield
    except BadInput:  # a bucket that is set up wrongly is a failure of the store too
        raise
    except StoreFailed as error:
        raise SourceUnavailable(str(error)) from error


def find_copy(place: Reader, name: str, record: str = RECORD) -> Copy | None:
    """None where there is no copy, or a half one. Raises BadInput for a record that cannot be read, StoreFailed."""
    key = f"{name}/{record}"
    if (data := place.get(key)) is None:
        return None
    try:
        return Copy.model_validate_json(data)
    except ValidationError as error:
        words = f"cannot be read ({one_line(error, Copy)}); delete it, then {PREFETCH}"
        raise BadInput(f"{place.uri}/{key} {words}") from error
