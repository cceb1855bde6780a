"""The promises of a store; every kind of store passes these."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.exits import BadInput, StoreFailed
from contract.store import DirStore, Store, attempt_file, attempt_key, open_store, result_key, results_by_cell


@pytest.fixture(params=["folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def test_published_once_and_for_all(store: Store):
    assert store.publish("results/a/1.json", b"first")
    assert not store.publish("results/a/1.json", b"second")
    assert store.get("results/a/1.json") == b"first"


def test_put_replaces(store: Store):
    store.put("k", b"long before")
    store.put("k", b"now")
    assert store.get("k") == b"now"


def test_nothing_there_is_none(store: Store):
    assert store.get("results/a/1.json") is None
    assert list(store.list("results/")) == []


def test_a_listing_is_sorted_and_holds_the_prefix_only(store: Store):
    for key in ("b/2", "b/10", "a/1", "bb/1", "b/c/3"):
        store.put(key, b"")
    assert list(store.list("b/")) == ["b/10", "b/2", "b/c/3"]
    assert list(store.list("b/c")) == ["b/c/3"]
    assert list(store.list("")) == ["a/1", "b/10", "b/2", "b/c/3", "bb/1"]


def test_one_of_many_racers_wins_and_everybody_reads_the_winner(store: Store):
    with ThreadPoolExecutor(16) as racers:
        for key in (f"results/c/{i}.json" for i in range(20)):
            won = list(racers.map(lambda racer, key=key: store.publish(key, f"{racer}".encode() * 1000), range(16)))
            assert won.count(True) == 1
            assert store.get(key) == f"{won.index(True)}".encode() * 1000


def test_keys_are_read_back_by_the_module_that_writes_them():
    file = attempt_file(attempt_key("bert-l2", "f00", "a1", "log.txt"))
    assert file is not None
    assert (file.cell_id, file.fingerprint, file.attempt, file.name) == ("bert-l2", "f00", "a1", "log.txt")
    assert results_by_cell([result_key("bert-l2", "f00"), result_key("bert-l2", "f01")]) == {"bert-l2": ["f00", "f01"]}
    assert attempt_file("attempts/stray.txt") is None


@pytest.mark.parametrize("uri", ["{}/a b", "file://{}/a%20b", "file://localhost{}/a%20b"])
def test_folders_by_path_and_by_uri(uri: str, tmp_path: Path):
    open_store(uri.format(tmp_path)).put("k", b"v")
    assert (tmp_path / "a b" / "k").read_bytes() == b"v"


@pytest.mark.parametrize("uri", ["", "ftp://host/x", "file://", "file://otherhost/x", "s3://bucket/prefix"])
def test_a_uri_that_is_no_store(uri: str):
    with pytest.raises(BadInput, match="RESULTS_URI"):
        open_store(uri)


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    store = open_store(str(tmp_path / "file" / "store"))
    with pytest.raises(BadInput, match="not writable"):
        store.check_writable()
    with pytest.raises(StoreFailed):
        store.publish("results/a/1.json", b"x")


FULL_DISK = """
import resource, signal, sys
from contract.store import open_store
from contract.exits import StoreFailed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    open_store(sys.argv[1]).publish("results/a/1.json", b"x" * 5000)
except StoreFailed as error:
    print(error)
"""


def test_a_write_that_does_not_fit_leaves_nothing(tmp_path: Path):
    """A limit on file sizes stands for the full disk: the write fails half-way just the same."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert "cannot write" in done.stdout, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


PUBLISHER = """
import sys
from contract.store import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
for i in range(10**6):
    store.publish(f"results/c/{i}.json", b"x" * 200_000)
"""


def test_a_killed_publisher_leaves_whole_results_only(tmp_path: Path):
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(tmp_path)], stdout=subprocess.PIPE)
    publisher.stdout.readline()
    time.sleep(0.3)
    os.kill(publisher.pid, signal.SIGKILL)
    publisher.communicate()
    store = DirStore(tmp_path)
    keys = list(store.list("results/"))
    assert keys
    assert {len(store.get(key)) for key in keys} == {200_000}
