"""A folder as the store: the promises of every store, and those about files."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.exits import BadInput, StoreFailed
from contract.folder import DirStore
from contract.keys import attempt_file, attempt_key, checkpoint_key, checkpoint_part, result_key, results_by_cell
from contract.opening import open_store
from contract.store import Store
from tests.contract.store_suite import StoreSuite


class TestDirStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path / "store"))


def test_keys_are_read_back_by_the_module_that_writes_them():
    file = attempt_file(attempt_key("bert-l2", "f00", "a1", "log.txt"))
    assert file is not None
    assert (file.cell_id, file.fingerprint, file.attempt, file.name) == ("bert-l2", "f00", "a1", "log.txt")
    assert results_by_cell([result_key("bert-l2", "f00"), result_key("bert-l2", "f01")]) == {"bert-l2": ["f00", "f01"]}
    assert attempt_file("attempts/stray.txt") is None
    part = checkpoint_part(checkpoint_key("bert-l2", "f00", "a1", 120, "optimizer.pt"))
    assert part is not None
    assert (part.cell_id, part.fingerprint, part.attempt, part.name) == ("bert-l2", "f00", "a1", "optimizer.pt")
    assert part.checkpoint == "checkpoints/bert-l2/f00/a1/120/"
    assert checkpoint_part("checkpoints/bert-l2/stray.txt") is None


@pytest.mark.parametrize(
    ("form", "folder"),
    [
        ("{}/a b", "a b"),
        ("{}/a%20b", "a%20b"),
        ("{}/a#b?c", "a#b?c"),
        ("file://{}/a%20b", "a b"),
        ("file://{}/a%23b", "a#b"),
        ("file://{}/%C3%A9", "é"),
        ("FILE://localhost{}/a%20b", "a b"),
    ],
)
def test_folders_by_path_and_by_uri(form: str, folder: str, tmp_path: Path):
    open_store(form.format(tmp_path)).put("k", b"v")
    assert (tmp_path / folder / "k").read_bytes() == b"v"


def test_a_relative_folder_stays_where_it_was_when_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    store = open_store("results")
    monkeypatch.chdir("/")
    store.put("k", b"v")
    assert (tmp_path / "results" / "k").read_bytes() == b"v"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "ftp://host/x",
        "file://",
        "file:relative",
        "file://otherhost/x",
        "file:///a#b",
        "file:///a?b",
        "file://[a",
        "s3://",
        "s3:///prefix",
        "s3://bucket/prefix?versions",
    ],
)
def test_a_uri_that_is_no_store_is_refused_in_one_line(uri: str):
    with pytest.raises(BadInput, match=r"RESULTS_URI=.*folder") as caught:
        open_store(uri)
    assert uri in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://me:{}@bucket/prefix",
        "s3://me:{}@bucket/prefix?x",
        "https://me:{}@host/bucket",
        "file://me:{}@host/x",
        "s3://bucket/prefix?X-Amz-Signature={}",
        "s3://[me:{}@bucket",
    ],
)
def test_credentials_in_a_uri_are_refused_and_not_repeated(uri: str):
    with pytest.raises(BadInput, match="RESULTS_URI=") as caught:
        open_store(uri.format("t0p/secret"))
    assert "secret" not in str(caught.value)


def may_mount() -> bool:
    """Whether this user may mount a file system in a namespace of its own."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
CHECK = "import sys; from contract.opening import open_store; open_store(sys.argv[1]).check_writable()"


@pytest.mark.skipif(not may_mount(), reason="needs user namespaces to mount read-only: sysctl or container forbid it")
def test_a_folder_that_is_mounted_read_only(tmp_path: Path):
    mount = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro {tmp_path}"
    script = f"{mount} && {sys.executable} -c '{CHECK}' {tmp_path}"
    done = subprocess.run([*NAMESPACE, "sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert f"BadInput: RESULTS_URI={tmp_path} is not writable" in done.stderr
    assert "Read-only file system" in done.stderr


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    store = open_store(str(tmp_path / "file" / "store"))
    with pytest.raises(BadInput, match=r"RESULTS_URI=.*not writable"):
        store.check_writable()
    for write in (store.publish, store.put):
        with pytest.raises(StoreFailed, match=r"cannot write .*results/a/1\.json"):
            write("results/a/1.json", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreFailed, match=r"cannot delete .*folder"):
        DirStore(tmp_path).delete("folder")
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_that_can_be_written_is_left_empty(tmp_path: Path):
    open_store(str(tmp_path / "new" / "store")).check_writable()
    assert list((tmp_path / "new" / "store").iterdir()) == []


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path):
    """A cell whose result cannot be seen must not be called missing: it would be trained again."""
    (tmp_path / "results").symlink_to(tmp_path / "results")
    store = DirStore(tmp_path)
    with pytest.raises(StoreFailed, match="cannot list"):
        list(store.list("results/"))
    with pytest.raises(StoreFailed, match="cannot read"):
        store.get("results/a/1.json")


def test_results_can_be_read_by_whoever_the_umask_lets(tmp_path: Path):
    """Trainers and the report run under different users where a folder is shared."""
    (tmp_path / "usual").write_bytes(b"")
    store = DirStore(tmp_path)
    store.publish("published", b"")
    store.put("put", b"")
    assert {(tmp_path / name).stat().st_mode for name in ("usual", "published", "put")} == {
        (tmp_path / "usual").stat().st_mode
    }


def finished(program: str, folder: Path) -> str:
    """What `program`, given `folder`, prints."""
    command = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


WRITE_BEYOND_THE_LIMIT = """
import resource, signal, sys
from contract.opening import open_store
from contract.exits import StoreFailed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
store = open_store(sys.argv[1])
for write in (store.publish, store.put):
    try:
        write("results/a/1.json", b"x" * 5000)
    except StoreFailed as error:
        print(error)
"""


def test_a_write_that_does_not_fit_leaves_what_was_there(tmp_path: Path):
    """A limit on file sizes stands for the full disk: the write fails half-way just the same."""
    assert finished(WRITE_BEYOND_THE_LIMIT, tmp_path).count("cannot write") == 2
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    DirStore(tmp_path).put("results/a/1.json", b"before")
    assert finished(WRITE_BEYOND_THE_LIMIT, tmp_path).count("cannot write") == 2
    assert DirStore(tmp_path).get("results/a/1.json") == b"before"


SIZE = 4_000_000
WRITE_FOR_EVER = f"""
import sys
from itertools import count
from contract.opening import open_store
store = open_store(sys.argv[1])
for i in count():
    store.publish(f"results/c/{{i}}.json", b"x" * {SIZE})
    store.put("attempts/progress.json", b"x" * {SIZE})
    if i == 0:
        print("going", flush=True)
"""


def test_a_killed_writer_leaves_whole_objects_only(tmp_path: Path):
    """Nearly all of its time goes into writing bytes, so a random moment is one in the middle."""
    moments = random.Random(0)
    for life in range(4):
        folder = tmp_path / str(life)
        writer = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(folder)], stdout=subprocess.PIPE)
        with writer:
            writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.1))
            os.kill(writer.pid, signal.SIGKILL)
        store = DirStore(folder)
        keys = list(store.list(""))
        assert keys[:2] == ["attempts/progress.json", "results/c/0.json"]
        assert {len(store.get(key)) for key in keys} == {SIZE}
