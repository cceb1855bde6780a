"""A digest is that of the content, whatever is remembered of it."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from contract.digest import file_digest

LARGE = 200_000_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as stream:
        stream.truncate(LARGE)
    return path


def seconds(path: Path) -> float:
    begun = time.process_time()
    file_digest(path)
    return time.process_time() - begun


def content_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_large_file_is_read_once(cache: Path, large: Path):
    first = seconds(large)
    assert seconds(large) < first / 10
    assert file_digest(large) == content_digest(large)


def test_a_change_that_keeps_size_and_time_is_seen(cache: Path, large: Path):
    before = large.stat()
    file_digest(large)
    with large.open("r+b") as stream:
        stream.write(b"other weights")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digest(large) == content_digest(large)


def test_another_file_of_the_same_name_is_another(cache: Path, large: Path):
    file_digest(large)
    other = large.with_name("other")
    other.write_bytes(b"x" * LARGE)
    os.replace(other, large)
    assert file_digest(large) == content_digest(large)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, monkeypatch, large: Path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert file_digest(large) == content_digest(large)


def test_small_files_leave_nothing_behind(cache: Path, tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    assert file_digest(tmp_path / "config.json") == hashlib.sha256(b"{}").hexdigest()
    assert not cache.exists()
