"""Copies of weights and corpora: they keep their source's identity, and a damaged one counts as none."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from contract.cell import Cell
from contract.exits import BadInput, SourceUnavailable
from contract.inputs import CORPUS, RECORD, CopiedFile, Copy
from contract.opening import open_store
from contract.revision import data_revision, resolve, verify, weights_revision
from contract.task import Data, Model
from tests.cluster.minio import Minio
from tests.factories import task
from tests.launcher.serving import serving

SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of an x
REVISION = "hub:google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594"
COPY = Copy(revision=REVISION, files={"model.safetensors": CopiedFile(bytes=1, sha256=SHA256)})


def filled(place: str, name: str, copy: Copy = COPY) -> None:
    store = open_store(place)
    for file in copy.files:
        store.put(f"{name}/{file}", b"x")
    store.publish(f"{name}/{RECORD}", copy.model_dump_json().encode())


@pytest.fixture
def s3(minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{bucket}/in"


def test_a_copy_is_known_as_its_source_is(s3: str, tmp_path: Path):
    for place in (s3, str(tmp_path)):
        filled(place, "bert")
        filled(place, CORPUS)
        assert weights_revision(Model(weights=place), "bert") == REVISION
        assert data_revision(Data(source=f"{place}/{CORPUS}")) == REVISION


@pytest.mark.parametrize("content", [b"y", b"xx", b"", None])
def test_a_folder_that_is_not_as_it_was_copied_is_refused(tmp_path: Path, content: bytes | None):
    filled(str(tmp_path), "bert")
    file = tmp_path / "bert" / "model.safetensors"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(BadInput, match=r"model.safetensors is not what .*prefetched.json says: .*launcher prefetch"):
        weights_revision(Model(weights=str(tmp_path)), "bert")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", r"cannot be read \(invalid JSON"),
        ("{}", "revision is not set"),
        (json.dumps({"revision": "hub:x", "files": {}}), "cannot be read"),
        (json.dumps({"revision": "hub:x", "files": {"../x": {"bytes": 1, "sha256": SHA256}}}), "outside of its folder"),
        (json.dumps({"revision": "hub:x", "files": {"/x": {"bytes": 1, "sha256": SHA256}}}), "outside of its folder"),
    ],
)
def test_a_record_that_cannot_be_trusted_is_refused_in_one_line(tmp_path: Path, record: str, words: str):
    filled(str(tmp_path), "bert")
    (tmp_path / "bert" / RECORD).write_text(record)
    with pytest.raises(BadInput, match=words) as caught:
        weights_revision(Model(weights=str(tmp_path)), "bert")
    assert "\n" not in str(caught.value)
    assert "delete it, then" in str(caught.value)


def test_weights_that_nobody_prefetched_are_all_named_with_the_way_out(s3: str):
    filled(s3, "bert")
    wanted = task(model={"weights": s3, "revision": "given"})
    tasks = [
        wanted.model_copy(update={"cell": Cell(model=name, labels=2, samples=80), "model": Model(weights=s3)})
        for name in ("bert", "minilm", "gpt2-xl")
    ]
    with pytest.raises(BadInput, match=r"no weights at \S+/in/minilm, \S+/in/gpt2-xl: .*launcher prefetch"):
        resolve(tasks)


def test_a_corpus_that_nobody_prefetched_is_named(s3: str):
    with pytest.raises(BadInput, match=r"no whole copy at \S+/in/go_emotions: fill it with .*launcher prefetch"):
        task(data={"source": f"{s3}/{CORPUS}"})


def test_errors_of_a_place_are_called_by_its_setting(s3: str):
    with pytest.raises(BadInput, match=r"^MODEL_WEIGHTS=s3://no-such-bucket-of-anybody/in: .*make it first"):
        task(model={"weights": "s3://no-such-bucket-of-anybody/in"})


class OutOfOrder(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(410)  # which no client asks for again
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_an_outage_of_the_bucket_is_one_of_the_source(monkeypatch: pytest.MonkeyPatch):
    """And not of the results' store, for which a cell has another exit code."""
    asked = task(model={"weights": "s3://bucket/of-inputs", "revision": REVISION})
    with serving(OutOfOrder) as address:
        keys = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in (keys | {"AWS_ENDPOINT_URL_S3": f"http://{address}"}).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SourceUnavailable, match="cannot read s3://bucket/of-inputs/bert"):
            verify(asked)
