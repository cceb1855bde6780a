"""The results store: a folder here, a bucket in s3.py. The only file that knows a key.

results/<cell-id>/<fingerprint>.json                     a Success, written last and once
attempts/<cell-id>/<fingerprint>/<attempt>/...           artifacts, progress.json, failure.json of one attempt
pods/<cell-id>/<fingerprint>/<uid>.json                  a PodFailure, written once, by a launcher that saw the pod
checkpoints/<cell-id>/<fingerprint>/<attempt>/<step>/... what a training needs to go on, until its result is published
runs/<run>.json                                          what a submit asked for
plans/<run>.json                                         what a submit was expected to take
images/<run>/<hash of the image's name>.json             which image a tag stands for in this run
held/<run>/<namespace>/<owner>.json                      cells whose Jobs wait for another cell to succeed
"""

import errno
import hashlib
import io
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from contract.exits import BadInput, StoreFailed
from contract.redact import redacted_uri

RESULTS = "results/"
ATTEMPTS = "attempts/"
PODS = "pods/"
CHECKPOINTS = "checkpoints/"
RUNS = "runs/"
_UNFINISHED = ".tmp-"


def result_key(cell_id: str, fingerprint: str) -> str:
    """Where the cell's one Success lives."""
    return f"{RESULTS}{cell_id}/{fingerprint}.json"


def attempt_key(cell_id: str, fingerprint: str, attempt: str, name: str) -> str:
    """Where a file of one attempt lives."""
    return f"{ATTEMPTS}{cell_id}/{fingerprint}/{attempt}/{name}"


def pod_failure_key(cell_id: str, fingerprint: str, uid: str) -> str:
    """Where the failure of one pod lives."""
    return f"{PODS}{cell_id}/{fingerprint}/{uid}.json"


def checkpoint_key(cell_id: str, fingerprint: str, attempt: str, step: int, name: str) -> str:
    """Where a part of one checkpoint lives; attempts that overlap never write to the same place."""
    return f"{CHECKPOINTS}{cell_id}/{fingerprint}/{attempt}/{step}/{name}"


def run_key(run: str) -> str:
    """Where a run's request lives."""
    return f"{RUNS}{run}.json"


def plan_key(run: str) -> str:
    """Where lives what a run was expected to take."""
    return f"plans/{run}.json"


def image_key(run: str, image: str) -> str:
    """Where the digest of a tag lives that the run uses. Hashed: an image's name may be longer than a file's."""
    return f"images/{run}/{hashlib.sha256(image.encode()).hexdigest()[:16]}.json"


def held_key(run: str, namespace: str, owner: str) -> str:
    """Where it is kept which cells of a run an owner holds back in a namespace."""
    return f"held/{run}/{namespace}/{owner}.json"


@dataclass(frozen=True)
class AttemptFile:
    """What the key of a file of an attempt says."""

    key: str
    cell_id: str
    fingerprint: str
    attempt: str
    name: str

    @property
    def place(self) -> str:
        """The beginning of the keys of all files of its attempt."""
        return self.key.removesuffix(self.name)


@dataclass(frozen=True)
class CheckpointPart:
    """What the key of a part of a checkpoint says."""

    key: str
    cell_id: str
    fingerprint: str
    attempt: str
    step: str
    name: str

    @property
    def place(self) -> str:
        """The beginning of the keys of all checkpoints of its attempt."""
        return self.checkpoint.removesuffix(f"{self.step}/")

    @property
    def checkpoint(self) -> str:
        """The beginning of the keys of all parts of its checkpoint."""
        return self.key.removesuffix(self.name)


def is_inside(key: str) -> bool:
    """Whether the key stays in the store where that is a folder: `..` or an absolute path would lead out of it."""
    return {"", ".", ".."}.isdisjoint(key.split("/"))


def results_by_cell(keys: Iterable[str]) -> dict[str, list[str]]:
    """Cell id -> fingerprints, from the keys under RESULTS."""
    found: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        cell_id, _, name = key.removeprefix(RESULTS).partition("/")
        found[cell_id].append(name.removesuffix(".json"))
    return found


def pod_failures_by_cell(keys: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """(cell id, fingerprint) -> keys, from the keys under PODS."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in keys:
        cell_id, _, rest = key.removeprefix(PODS).partition("/")
        found[cell_id, rest.partition("/")[0]].append(key)
    return found


def attempt_file(key: str) -> AttemptFile | None:
    """The parts of a key under ATTEMPTS; None for a file that no trainer wrote."""
    parts = key.removeprefix(ATTEMPTS).split("/")
    return AttemptFile(key, *parts) if len(parts) == 4 else None


def checkpoint_part(key: str) -> CheckpointPart | None:
    """The parts of a key under CHECKPOINTS; None for a file that no trainer wrote."""
    parts = key.removeprefix(CHECKPOINTS).split("/")
    return CheckpointPart(key, *parts) if len(parts) == 5 else None


FAILURE = "failure.json"
PROGRESS = "progress.json"
LOG = "log.txt"
PREDICTIONS = "predictions.csv"
MANIFEST = "manifest.json"


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


def open_store(uri: str, tries: int | None = None, *, unsafe: bool = False, setting: str = "RESULTS_URI") -> Store:
    """The store at `/path`, `file:///path` or `s3://bucket/prefix`. Raises BadInput for anything else.

    `tries` of a request to a bucket before it counts as failed; None is as many as a moment's outage takes. `unsafe`
    lets a bucket be used whose store has no conditional writes. `setting` is what errors call the place.
    """
    shown = f"{setting}={redacted_uri(uri)!r}"
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise BadInput(f"{shown} is neither a folder nor a URI") from error
    match parts.scheme:
        case "" if uri:
            return DirStore(Path(uri), setting)
        case "file" if parts.query or parts.fragment:
            raise BadInput(f"{shown}: write ? and # in the name of a folder as %3F and %23")
        case "file" if parts.netloc in ("", "localhost") and parts.path.startswith("/"):
            return DirStore(Path(unquote(parts.path)), setting)
        case "s3" if {":", "@"} & set(parts.netloc):
            raise BadInput(
                f"{setting}=s3://...: only a bucket's name may stand before the first /; credentials and endpoint are "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
            )
        case "s3" if parts.netloc and not parts.query and not parts.fragment:
            from contract.s3 import TRIES, S3Store

            return S3Store(parts.netloc, parts.path.strip("/"), tries or TRIES, unsafe=unsafe, setting=setting)
        case _:
            raise BadInput(f"{shown} is neither a folder nor file:///path nor s3://bucket/prefix")


class DirStore:
    """A folder. A name appears only with its whole content: written aside, synced, then linked or renamed."""

    unsafe = False

    def __init__(self, root: Path, setting: str = "RESULTS_URI") -> None:
        self.root = root.absolute()
        self._setting = setting
        self.uri = str(self.root)

    def check_writable(self) -> None:
        """Raises BadInput when nothing can be published here, as on a file system without hard links."""
        probe = f"{_UNFINISHED}{uuid4().hex}"
        try:
            self.publish(probe, b"probe")
            (self.root / probe).unlink()
        except (StoreFailed, OSError) as error:
            words = f"{self._setting}={self.uri} is not writable: {error}; mend the folder's rights, or choose another"
            raise BadInput(words) from error

    def publish(self, key: str, data: bytes) -> bool:
        """Write once; False when somebody was first."""
        with self._written_aside(key, io.BytesIO(data)) as aside:
            try:
                os.link(aside, self.root / key)
            except FileExistsError:
                # A network folder asks again when the answer to its LINK was lost; the bytes tell whose link it is.
                return self.get(key) == data
            _sync_folder(aside.parent)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Write over what was there."""
        self._put(key, io.BytesIO(data))

    def upload(self, key: str, path: Path) -> None:
        """The same with a file's content. Raises OSError when it cannot be read."""
        with path.open("rb") as stream:
            self._put(key, stream)

    def _put(self, key: str, stream: BinaryIO) -> None:
        with self._written_aside(key, stream) as aside:
            os.replace(aside, self.root / key)
            _sync_folder(aside.parent)

    def download(self, key: str, path: Path) -> bool:
        """Into a file."""
        try:
            if not (self.root / key).is_file():
                return False
            shutil.copyfile(self.root / key, path)
        except OSError as error:
            raise StoreFailed(f"cannot copy {self.root / key} to {path}: {error.strerror}") from error
        return True

    def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreFailed(f"cannot read {self.root / key}: {error.strerror}") from error

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""
        folder = self.root / prefix.rpartition("/")[0]
        walk = os.walk(folder, onerror=_refuse_unless_absent)
        paths = (Path(parent) / name for parent, _, names in walk for name in names)
        keys = sorted(path.relative_to(self.root).as_posix() for path in paths if not path.name.startswith(_UNFINISHED))
        return (key for key in keys if key.startswith(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """The same keys with size and time."""
        for key in self.list(prefix):
            try:
                status = (self.root / key).stat()
            except FileNotFoundError:
                continue
            yield Entry(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def delete(self, key: str) -> None:
        """Remove it, if it is there. Folders stay: somebody may be about to write into one."""
        try:
            (self.root / key).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StoreFailed(f"cannot delete {self.root / key}: {error.strerror}") from error

    @contextmanager
    def _written_aside(self, key: str, source: BinaryIO) -> Iterator[Path]:
        target = self.root / key
        aside = target.parent / f"{_UNFINISHED}{uuid4().hex}"  # tempfile's would be readable by this user alone
        try:
            _make_folder(target.parent)
            with aside.open("xb") as stream:
                shutil.copyfileobj(source, stream)
                stream.flush()
                os.fsync(stream.fileno())
            yield aside
        except OSError as error:
            full = " (free some space, then run the same command again)" if error.errno == errno.ENOSPC else ""
            raise StoreFailed(f"cannot write {target}: {error.strerror}{full}") from error
        finally:
            with suppress(OSError):
                aside.unlink()


def _refuse_unless_absent(error: OSError) -> None:
    """What a listing does with a folder that it cannot read: a result that is not seen is not missing."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise StoreFailed(f"cannot list {error.filename}: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    """With its parents; each is on the disk before anything is put into it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
