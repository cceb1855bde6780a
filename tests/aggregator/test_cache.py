"""The cache saves requests and nothing else: what a report says never depends on it."""

import multiprocessing
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.reading.cache import cache_of

ROWS = [("results/a/1.json", '"e1"', b"one"), ("results/b/2.json", '"e2"', b"two")]
KEYS = [key for key, _, _ in ROWS]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "emotion-grid" / "results"


def keep(uri: str, rows=ROWS, listed=KEYS, **options: int) -> None:
    with cache_of(uri, **options) as cache:
        cache.keep(rows, listed)


def found(uri: str, rows=ROWS) -> list[bytes | None]:
    with cache_of(uri) as cache:
        kept = cache.find({key: etag for key, etag, _ in rows})
        return [kept.get(key) for key, _, _ in rows]


def test_what_was_kept_is_found_again_by_its_own_store():
    keep("s3://one")
    assert found("s3://one") == [b"one", b"two"]
    assert found("s3://two") == [None, None]


def test_a_result_that_was_replaced_is_not_found():
    keep("s3://one")
    assert found("s3://one", [("results/a/1.json", '"another"', b"")]) == [None]
    keep("s3://one", [("results/a/1.json", '"another"', b"new")])
    assert found("s3://one", [("results/a/1.json", '"another"', b"")]) == [b"new"]


def test_what_the_store_no_longer_lists_is_forgotten():
    keep("s3://one")
    keep("s3://one", ROWS[:1], KEYS[:1])
    assert found("s3://one") == [b"one", None]


def test_the_store_that_was_read_longest_ago_makes_room(folder: Path):
    big = [("results/a/1.json", '"e1"', b"x" * 100_000)]
    for age, uri in ((300, "s3://old"), (200, "s3://middle"), (100, "s3://new")):
        keep(uri, big)
        newest = max(folder.iterdir(), key=lambda file: file.stat().st_mtime)
        os.utime(newest, (newest.stat().st_mtime - age,) * 2)
    found("s3://old", big)  # it is read now
    with cache_of("s3://new", most_bytes=250_000):
        pass
    assert found("s3://middle", big) == [None]
    assert found("s3://old", big) == found("s3://new", big) == [b"x" * 100_000]


@pytest.mark.parametrize(
    "data", [b"x" * 5000, b"SQLite format 3\x00" + b"\xff" * 5000, b"SQL"], ids=["text", "torn", "cut"]
)
def test_a_file_that_is_no_database_costs_one_run(folder: Path, data: bytes):
    keep("s3://broken")
    (file,) = folder.glob("*.sqlite")
    file.write_bytes(data)
    found("s3://broken")
    keep("s3://broken")
    assert found("s3://broken") == [b"one", b"two"]


def test_a_place_that_cannot_be_written_is_no_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    keep("s3://one")
    assert found("s3://one") == [None, None]


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder that every user can reach; root's own hand would write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("XDG_CACHE_HOME", name)
        Path(name).chmod(0o755)
        yield Path(name) / "emotion-grid" / "results"


def test_a_file_that_is_no_database_and_cannot_be_removed_is_no_failure(open_folder: Path):
    keep("s3://broken")
    (file,) = open_folder.glob("*.sqlite")
    file.write_bytes(b"x" * 5000)
    open_folder.parent.chmod(0o755)
    open_folder.chmod(0o555)
    with as_nobody():
        assert found("s3://broken") == [None, None]
    open_folder.chmod(0o755)
    assert file.exists()


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without rights, where root runs the tests."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_cache_that_another_program_writes_can_be_read(folder: Path):
    keep("s3://one")
    (file,) = folder.glob("*.sqlite")
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    assert found("s3://one") == [b"one", b"two"]
    other.close()


def _write(number: int) -> None:
    rows = [(f"results/{i}.json", f'"{i}"', b"x" * 1000) for i in range(200)]
    keep("s3://shared", rows, [key for key, _, _ in rows])


def test_programs_that_write_at_once_leave_it_whole():
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_write, range(8))
    rows = [(f"results/{i}.json", f'"{i}"', b"") for i in range(200)]
    assert found("s3://shared", rows) == [b"x" * 1000] * 200
