"""The object stores of a campaign: one that is left alone, one that is killed and restarted, one whose disk fills."""

import shlex
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.cluster.minio import Minio
from tests.cluster.running import running_minio
from tests.cluster.waiting import until

_DISK_BYTES = 1_000_000_000
_PIECE = bytes(1_000_000)


class Kept(Enum):
    """How a server is kept."""

    ALONE = "left alone"
    KILLED = "killed and started again"
    FILLED = "on a small disk of its own"


@dataclass(frozen=True)
class Server:
    """A MinIO with one bucket, which keeps every version: a second publication would show."""

    minio: Minio
    bucket: str
    client: Any = field(repr=False)
    _starter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), repr=False)
    """One thread for all starts: the kernel ends a program with the thread that started it."""

    def crash(self, seconds: float) -> None:
        """SIGKILL, and so long later another start; returns when it is dead."""
        self.minio.process.end(grace_seconds=0)
        self._starter.submit(self._start_again, seconds)

    def await_ready(self) -> None:
        """Return when it serves, after the starts that are under way."""
        self._starter.submit(self.minio.await_ready).result()

    def fill(self) -> None:
        """Leave no byte free on its disk."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as stream:
            while stream.write(_PIECE):
                pass

    def free(self) -> None:
        """Take back what `fill` wrote; returns when the server has seen it."""
        self._ballast.unlink(missing_ok=True)
        until(self._has_room, "room on the small disk")

    def versions(self, prefix: str) -> list[dict[str, Any]]:
        """All that was ever written under it, deletions included, the newest of each key first."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found for page in pages for found in page.get("Versions", []) + page.get("DeleteMarkers", [])]

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Key, less the prefix, -> the bytes there now."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key.removeprefix(prefix): self._get(key) for key in keys}

    def put_all(self, prefix: str, objects: Mapping[str, bytes]) -> None:
        """Write them under it."""
        for key, data in objects.items():
            self.client.put_object(Bucket=self.bucket, Key=prefix + key, Body=data)

    def _get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    @property
    def _ballast(self) -> Path:
        """A file beside its data, which nobody else sees the disk of."""
        return Path(f"/proc/{self.minio.process.popen.pid}/root") / self.minio.data.relative_to("/") / "ballast"

    def _has_room(self) -> bool:
        try:
            self.client.put_object(Bucket=self.bucket, Key="room", Body=b"")
        except ClientError:
            return False
        return True

    def _start_again(self, seconds: float) -> None:
        time.sleep(seconds)
        self.minio.process.start()
        self.minio.await_ready()


@contextmanager
def server(programs: Mapping[str, Path], folder: Path, kept: Kept) -> Iterator[Server]:
    """One for the length of a `with` block. A small disk takes user and mount namespaces of Linux."""
    binary = _on_a_small_disk(programs["minio"], folder) if kept is Kept.FILLED else programs["minio"]
    with running_minio({"minio": binary}, folder) as minio:
        yield server_of(minio)


def server_of(minio: Minio) -> Server:
    """A bucket of its own in a MinIO that runs."""
    bucket, client = minio.new_bucket("faults"), minio.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Server(minio, bucket, client)


def _on_a_small_disk(binary: Path, folder: Path) -> Path:
    """A program that runs `binary`, whose last argument is its data folder, with a file system in memory there."""
    mount = (
        f'mount -t tmpfs -o size={_DISK_BYTES} none "$(eval echo \\${{$#}})" && exec {shlex.quote(str(binary))} "$@"'
    )
    folder.mkdir(parents=True)
    script = folder / "minio"
    script.write_text(f'#!/bin/sh\nexec unshare --map-root-user --mount sh -c {shlex.quote(mount)} minio "$@"\n')
    script.chmod(0o755)
    return script
