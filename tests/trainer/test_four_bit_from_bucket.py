"""A copy in four bits beside weights in a bucket: fetched as its record says, and no cell ends for want of it."""

import hashlib
import json
from pathlib import Path

import boto3
import pytest

from contract.inputs import RECORD
from contract.opening import open_store
from contract.task import Task
from tests.cluster.minio import Minio
from tests.factories import task
from trainer import four_bit
from trainer.inputs import bring
from trainer.journal import Journal


@pytest.fixture
def asked(minio: Minio, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    """Of weights in a bucket with a copy in four bits beside them; a byte will do for both."""
    for name, value in (minio.environment() | {"XDG_CACHE_HOME": str(tmp_path / "cache")}).items():
        monkeypatch.setenv(name, value)
    asked = task(model={"weights": f"s3://{bucket}/in", "revision": "hub:x"})
    four_bit.put(tmp_path / "base", "hub:x", write_byte)
    four_bit.put(tmp_path / "copy", four_bit.origin(asked), write_byte)
    (tmp_path / "base" / four_bit.RECORD).rename(tmp_path / "base" / RECORD)
    for folder, key in ((tmp_path / "base", "bert"), (tmp_path / "copy", f"bert/{four_bit.name(asked)}")):
        for path in folder.iterdir():
            open_store(asked.model.weights).upload(f"{key}/{path.name}", path)
    return asked


def write_byte(folder: Path) -> None:
    (folder / four_bit.WEIGHTS).write_bytes(b"x")


def brought(asked: Task, folder: Path) -> Path | None:
    """Where the copy is then, whole."""
    there = bring(asked, Journal(asked, "attempt", open_store(str(folder / "results"))))
    found = four_bit.find(there, lambda *_: None)
    return found and found.folder


def test_only_what_its_record_lists_is_fetched_of_a_copy_in_four_bits(asked: Task, tmp_path: Path):
    """A console for buckets makes an object whose name ends in a slash where somebody asks it for a folder."""
    place, key = open_store(asked.model.weights), f"bert/{four_bit.name(asked)}"
    place.put(f"{key}/adapter_config.json", b"{}")
    boto3.client("s3").put_object(Bucket=asked.model.weights.split("/")[2], Key=f"in/{key}/", Body=b"")
    folder = brought(asked, tmp_path)
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == {four_bit.WEIGHTS, four_bit.RECORD}


def spoiled_record(**changes: object) -> bytes:
    file = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()} | changes
    return json.dumps({"revision": "hub:x", "files": {four_bit.WEIGHTS: file}}).encode()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (four_bit.WEIGHTS, b"y", "missing or damaged"),
        (four_bit.RECORD, b"{}", "cannot be read"),
        (four_bit.RECORD, spoiled_record(bytes=10**18), "takes 1000000000.0 GB"),
    ],
)
def test_a_copy_in_four_bits_that_cannot_be_had_costs_a_line(
    asked: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, reason: str
):
    open_store(asked.model.weights).put(f"bert/{four_bit.name(asked)}/{name}", content)
    assert brought(asked, tmp_path) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "four-bit-copy-not-fetched" in line
    assert reason in line
    assert not list(tmp_path.glob("cache/**/four-bit/*/*"))
