"""A prefetch: from a hub or a folder to a folder or a bucket, once, verified, and in one line where it cannot be."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from safetensors.numpy import save

from contract.cell import MODELS
from contract.inputs import CORPUS, RECORD, find_copy, open_place
from contract.opening import open_store
from contract.prefetch import Prefetch
from contract.revision import DATASET_HUB_ID, DATASET_HUB_REVISION, data_revision, weights_revision
from contract.task import Data, Model
from tests.cluster.minio import Minio
from tests.hub import Hub, running_hub

BERT = MODELS["bert"]
WEIGHTS = save({"embeddings": np.zeros(1000, np.float32)})
REPOSITORY = {
    "config.json": json.dumps({"model_type": "bert"}).encode(),
    "tokenizer.json": b"{}",
    "vocab.txt": b"[PAD]\n",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"a pickle",
    "README.md": b"# BERT",
    "onnx/model.safetensors": WEIGHTS,
    "modeling_bert.py": b"raise SystemExit",
}
NEEDED = {"config.json", "tokenizer.json", "vocab.txt", "model.safetensors"}
TOKEN = "hf_a-token-of-somebody"
plain = partial(Prefetch, four_bit=False)
"""Of weights that are no model's and cannot be quantised; test_inputs.py has real ones."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.files[BERT.hub_id, BERT.hub_revision] = dict(REPOSITORY)
        yield hub


def environment(order: Prefetch, hub: Hub, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PREFETCH_"))}
    return kept | order.to_env() | hub.environment() | more


def run(order: Prefetch, hub: Hub, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer.prefetch"]
    return subprocess.run(command, env=environment(order, hub, **more), capture_output=True, text=True, timeout=120)


def succeeds(order: Prefetch, hub: Hub, **more: str) -> str:
    done = run(order, hub, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refusal(order: Prefetch, hub: Hub, code: int, **more: str) -> str:
    """The one line; nothing may count as a copy afterwards."""
    done = run(order, hub, **more)
    assert done.returncode == code, done.stdout + done.stderr
    assert not (Path(order.place) / order.input / RECORD).exists()
    (line,) = done.stderr.splitlines()
    return line


def files_of(place: Path, name: str = "bert") -> set[str]:
    return {path.relative_to(place / name).as_posix() for path in (place / name).rglob("*") if path.is_file()}


def test_what_is_needed_is_copied_once_and_is_the_hub_s_own(hub: Hub, tmp_path: Path):
    order = plain(input="bert", place=str(tmp_path / "in"))
    succeeds(order, hub)
    assert files_of(tmp_path / "in") == NEEDED | {RECORD}
    assert (tmp_path / "in" / "bert" / "model.safetensors").read_bytes() == WEIGHTS
    place = Model(weights=str(tmp_path / "in"))
    assert weights_revision(place, "bert") == weights_revision(Model(), "bert")
    assert set(hub.asked) == NEEDED

    hub.asked.clear()
    hub.files.clear()  # a second prefetch has no need of a hub
    assert "is there, whole" in succeeds(order, hub)
    assert not hub.asked


def test_only_what_is_damaged_is_fetched_again(hub: Hub, tmp_path: Path):
    order = plain(input="bert", place=str(tmp_path))
    succeeds(order, hub)
    hub.asked.clear()
    (tmp_path / "bert" / "vocab.txt").write_bytes(b"[BAD]\n")
    succeeds(order, hub)
    assert hub.asked == ["vocab.txt"]
    assert (tmp_path / "bert" / "vocab.txt").read_bytes() == REPOSITORY["vocab.txt"]


def test_a_hub_that_breaks_off_leaves_no_copy_and_the_rest_is_fetched_later(hub: Hub, tmp_path: Path):
    order = plain(input="bert", place=str(tmp_path))
    hub.breaks_at = "model.safetensors"
    assert "did not deliver google-bert/bert-base-uncased" in refusal(order, hub, 13)
    hub.breaks_at = None
    hub.asked.clear()
    succeeds(order, hub)
    assert hub.asked == ["model.safetensors"]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_is_not_the_content_that_the_hub_speaks_of_is_not_kept(hub: Hub, tmp_path: Path, name: str):
    """By sha256 of a large file, by git's own id of a small one."""
    content = bytearray(REPOSITORY[name])
    content[-1] ^= 1
    hub.sent[name] = bytes(content)
    assert f"bert/{name} is not the file" in refusal(plain(input="bert", place=str(tmp_path)), hub, 13)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("code", ["GatedRepo", ""])
def test_a_gated_model_names_its_page(hub: Hub, tmp_path: Path, status: int, code: str):
    hub.token, hub.refusal = TOKEN, (status, code)
    line = refusal(plain(input="llama3.2", place=str(tmp_path)), hub, 2)
    assert "accept its licence at huggingface.co/meta-llama/Llama-3.2-1B and set HF_TOKEN" in line


def test_the_token_opens_it_and_is_not_shown(hub: Hub, tmp_path: Path):
    hub.token = TOKEN
    assert TOKEN not in succeeds(plain(input="bert", place=str(tmp_path)), hub, HF_TOKEN=TOKEN)


def test_no_hub_is_one_line(hub: Hub, tmp_path: Path):
    order = plain(input="bert", place=str(tmp_path))
    assert "offline" in refusal(order, hub, 13, HF_HUB_OFFLINE="1").lower()


def test_a_repository_of_pickles_is_refused(hub: Hub, tmp_path: Path):
    del hub.files[BERT.hub_id, BERT.hub_revision]["model.safetensors"]
    line = refusal(plain(input="bert", place=str(tmp_path)), hub, 2)
    assert "no *.safetensors in google-bert/bert-base-uncased" in line
    assert not hub.asked


def test_a_model_of_another_family_is_refused(hub: Hub, tmp_path: Path):
    hub.files[BERT.hub_id, BERT.hub_revision]["config.json"] = b'{"model_type": "gpt2"}'
    assert "says model_type 'gpt2'" in refusal(plain(input="bert", place=str(tmp_path)), hub, 2)


def test_the_hub_s_corpus_is_copied(hub: Hub, tmp_path: Path):
    table = pyarrow.table({"id": ["a"], "text": ["well done"], "labels": [[0]]})
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(table, parquet)
    names = {f"simplified/{split}-00000-of-00001.parquet" for split in ("train", "test")}
    others = {"simplified/validation-00000-of-00001.parquet", "raw/train-00000-of-00001.parquet", "go_emotions.py"}
    hub.files[DATASET_HUB_ID, DATASET_HUB_REVISION] = dict.fromkeys(names | others, parquet.getvalue())
    succeeds(plain(input=CORPUS, place=str(tmp_path)), hub)
    assert files_of(tmp_path, CORPUS) == names | {RECORD}
    assert data_revision(Data(source=str(tmp_path / CORPUS))) == data_revision(Data())


def test_what_nobody_foresaw_has_a_traceback_and_a_line(hub: Hub, tmp_path: Path):
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a"], "text": ["well done"], "labels": [None]}), parquet)
    names = [f"simplified/{split}-00000-of-00001.parquet" for split in ("train", "test")]
    hub.files[DATASET_HUB_ID, DATASET_HUB_REVISION] = dict.fromkeys(names, parquet.getvalue())
    done = run(plain(input=CORPUS, place=str(tmp_path)), hub)
    assert done.returncode == 1
    assert "TypeError: 'NoneType' object is not iterable" in done.stderr
    assert "in _labelled" in done.stderr
    assert done.stderr.splitlines()[-1] == "trainer.prefetch: error: 'NoneType' object is not iterable"


def test_a_folder_is_copied_to_a_bucket_under_its_own_identity(
    hub: Hub, minio: Minio, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    for name, content in REPOSITORY.items():
        (tmp_path / "bert" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bert" / name).write_bytes(content)
    order = plain(input="bert", source=str(tmp_path), place=f"s3://{bucket}/in")
    succeeds(order, hub)
    stored = set(open_store(f"s3://{bucket}").list(""))
    assert stored == {f"in/bert/{name}" for name in NEEDED | {RECORD}}
    assert weights_revision(Model(weights=order.place), "bert") == weights_revision(Model(weights=order.source), "bert")
    assert "is there, whole" in succeeds(order, hub)


def test_a_place_that_holds_something_else_is_left_alone(hub: Hub, tmp_path: Path):
    order = plain(input="bert", place=str(tmp_path))
    succeeds(order, hub)
    (tmp_path / "bert" / "vocab.txt").unlink()
    record = tmp_path / "bert" / RECORD
    record.write_text(record.read_text().replace(BERT.hub_revision, "0" * 40))
    before = record.read_text()
    done = run(order, hub)
    assert done.returncode == 2
    assert "choose another place" in done.stderr
    assert record.read_text() == before
    assert not (tmp_path / "bert" / "vocab.txt").exists()


def test_a_record_of_other_files_is_named(hub: Hub, tmp_path: Path):
    """Its digest is of no file that the hub has, so that no prefetch could make it true."""
    order = plain(input="bert", place=str(tmp_path))
    succeeds(order, hub)
    record = tmp_path / "bert" / RECORD
    content = json.loads(record.read_text())
    content["files"]["vocab.txt"]["sha256"] = "0" * 64
    record.write_text(json.dumps(content))
    done = run(order, hub)
    assert done.returncode == 2
    assert f"{record} lists other files than hub:{BERT.hub_id}" in done.stderr
    record.unlink()
    succeeds(order, hub)


def test_sigterm_ends_it_with_a_code_of_its_own(hub: Hub, tmp_path: Path):
    """As process 1 of a container it would otherwise not even hear of it."""
    order = plain(input="bert", place=str(tmp_path / "in"))
    environ = environment(order, hub, HF_ENDPOINT="http://127.0.0.1:9")  # nobody answers there; it is asked for a while
    with subprocess.Popen(
        [sys.executable, "-m", "trainer.prefetch"], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (tmp_path / "in").exists():
            time.sleep(0.05)
        assert_stops(process)
    assert find_copy(open_place(str(tmp_path / "in"), "PLACE"), "bert") is None


def test_sigterm_ends_it_while_a_bucket_does_not_answer(hub: Hub):
    """Its client repeats a request that any Exception ended."""
    keys = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_DEFAULT_REGION": "us-east-1"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = environment(plain(input="bert", place="s3://bucket"), hub, AWS_ENDPOINT_URL=endpoint, **keys)
        with subprocess.Popen(
            [sys.executable, "-m", "trainer.prefetch"], env=environ, stderr=subprocess.PIPE, text=True
        ) as process:
            silent.settimeout(300)
            with silent.accept()[0] as connection:
                connection.recv(1)
                assert_stops(process)


def assert_stops(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 15
    (line,) = errors.splitlines()
    assert "run it again for the rest" in line
