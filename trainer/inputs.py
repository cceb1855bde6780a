"""Prefetched weights and corpus on this machine's disk, where the libraries read them."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.digest import cache_folder
from contract.exits import BadInput, StoreFailed
from contract.inputs import (
    PREFETCH,
    RECORD,
    CopiedFile,
    Copy,
    find_copy,
    in_bucket,
    is_whole,
    open_place,
    source_errors,
)
from contract.revision import corpus_copy, weights_copy
from contract.store import Store
from contract.task import Data, Model, Task
from trainer import four_bit
from trainer.failures import LocalDiskFailed
from trainer.journal import Journal

_READS = 3
"""Of a file whose bytes are not those that were copied; what stays so was not changed on its way."""


def bring(task: Task, journal: Journal) -> Task:
    """The task with folders of this machine in place of buckets; what it computes, and its fingerprint, are the same.

    `journal` hears of a copy in four bits that cannot be had, which a cell can do without. Raises BadInput for a copy
    that is not there or damaged, SourceUnavailable when it cannot be had now, LocalDiskFailed when it does not fit.
    """
    with source_errors():
        return task.model_copy(update={"model": _brought_model(task, journal), "data": _brought_data(task)})


def _brought_model(task: Task, journal: Journal) -> Model:
    if not in_bucket(task.model.weights):
        return task.model
    place, name = open_place(task.model.weights, "MODEL_WEIGHTS"), task.cell.model
    folder = _brought(place, name, weights_copy(task.model.weights, name))
    with _alone(folder.parent):
        _bring_four_bit(place, task, folder, journal)
    return task.model.model_copy(update={"weights": str(folder.parent)})


def _bring_four_bit(place: Store, task: Task, folder: Path, journal: Journal) -> None:
    """Where there is one; whoever reads it checks it, and can do without."""
    name = four_bit.name(task)
    target, key = folder / name, f"{task.cell.model}/{name}"
    if four_bit.is_usable(target, four_bit.origin(task)):
        return
    shutil.rmtree(target, ignore_errors=True)
    try:
        _fetch_four_bit(place, key, target)
    except (BadInput, StoreFailed, LocalDiskFailed, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        journal.event("four-bit-copy-not-fetched", place=f"{place.uri}/{key}", reason=str(error))


def _fetch_four_bit(place: Store, key: str, target: Path) -> None:
    """What its record lists; the record comes last, as it was written."""
    copy = find_copy(place, key, four_bit.RECORD)
    if copy is not None:
        _fetch(place, key, copy, target)
        (target / four_bit.RECORD).write_text(copy.model_dump_json(indent=1), encoding="utf-8")


def _brought_data(task: Task) -> Data:
    if not in_bucket(task.data.source):
        return task.data
    place, _, name = task.data.source.rstrip("/").rpartition("/")
    folder = _brought(open_place(place, "DATA_SOURCE"), name, corpus_copy(task.data.source))
    return task.data.model_copy(update={"source": str(folder)})


def _brought(place: Store, name: str, copy: Copy) -> Path:
    """A folder with the whole copy. Cells of one machine share it; the first one fetches it, the others wait."""
    content = copy.model_dump_json().encode()
    home = cache_folder("inputs") / hashlib.sha256(content).hexdigest()[:32]
    folder = home / name
    with _alone(home):
        if not (folder / RECORD).is_file() or copy.differing(folder):
            shutil.rmtree(home, ignore_errors=True)
            _fetch(place, name, copy, folder)
            (folder / RECORD).write_bytes(content)
    return folder


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(place: Store, name: str, copy: Copy, folder: Path) -> None:
    if damaged := download_copy(place, name, copy, folder):
        raise BadInput(f"{place.uri}/{name}/{damaged} is missing or damaged; {PREFETCH} mends it")


def download_copy(place: Store, name: str, copy: Copy, folder: Path) -> str | None:
    """Into the folder, up to the first file that the place has not whole, which is returned; None when all are there.

    Raises LocalDiskFailed, StoreFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    check_space(folder, copy.bytes, f"{place.uri}/{name}")
    files = copy.files.items()
    return next((file for file, wanted in files if not _is_got(place, f"{name}/{file}", folder / file, wanted)), None)


def _is_got(place: Store, key: str, path: Path, wanted: CopiedFile) -> bool:
    """Whether the place has these very bytes, which are at `path` then. Raises StoreFailed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_READS):
        if not place.download(key, path):
            return False
        if is_whole(path, wanted):
            return True
    return False


def check_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Raises LocalDiskFailed where the disk of `folder` cannot hold it."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise LocalDiskFailed(
            f"{what} takes {needed_bytes / 1e9:.1f} GB, {folder} has {free / 1e9:.1f} GB free: free some, or name "
            "a larger one by XDG_CACHE_HOME and TMPDIR"
        )
