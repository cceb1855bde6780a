"""The results store: keys (keys.py) to bytes, in a folder here, in a bucket in s3.py."""

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from contract.exits import BadInput, StoreFailed
from contract.redact import redacted_uri

_UNFINISHED = ".tmp-"


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
