"""A folder as the results store."""

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from contract.exits import BadInput, StoreFailed
from contract.store import Entry

_UNFINISHED = ".tmp-"


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
