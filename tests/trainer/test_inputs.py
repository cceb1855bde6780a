"""Cells whose weights and corpus come from a bucket, with no hub: the same cells as those from the folders."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from contract.inputs import CORPUS, RECORD
from contract.keys import PREDICTIONS
from contract.opening import open_store
from contract.prefetch import Prefetch
from contract.store import Store
from tests.cluster.minio import Minio
from tests.trainer.program import result_of, run
from trainer.corpus import CORPUS_LABELS
from trainer.prefetch.run import prefetch
from trainer.random_weights import write_checkpoint
from trainer.synthetic import comments_for_tokenizers, generate


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Weights and a corpus, as somebody has them."""
    write_checkpoint("bert", comments_for_tokenizers(), tmp_path / "weights" / "bert")
    return tmp_path / "weights", _corpus(tmp_path / "corpus")


def _corpus(folder: Path) -> Path:
    folder.mkdir()
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in CORPUS_LABELS))
    for split in ("train", "test"):
        rows = generate(split, ("admiration", "gratitude"))
        lines = (f"{text}\t{CORPUS_LABELS.index(emotions[0])}\t{name}\n" for name, text, emotions in rows)
        (folder / f"{split}.tsv").write_text("".join(lines))
    return folder


@pytest.fixture
def place(folders: tuple[Path, Path], minio: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both in a bucket."""
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    weights, corpus = folders
    place = f"s3://{bucket}/in"
    prefetch(Prefetch(input="bert", source=str(weights), place=place))
    prefetch(Prefetch(input=CORPUS, source=str(corpus), place=place))
    return place


def written(store: Store) -> dict[str, datetime]:
    return {entry.key: entry.modified_at for entry in store.entries("bert/")}


def predictions(store: Store) -> bytes | None:
    return store.get(result_of(store).artifacts[PREDICTIONS].key)


def test_a_cell_without_a_hub_is_the_one_of_the_folders(folders: tuple[Path, Path], place: str, tmp_path: Path):
    weights, corpus = folders
    offline = {"HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    sources = {
        "folders": {"MODEL_WEIGHTS": str(weights), "DATA_SOURCE": str(corpus)},
        "bucket": {"MODEL_WEIGHTS": place, "DATA_SOURCE": f"{place}/{CORPUS}"},
    }
    stores = {name: open_store(str(tmp_path / name)) for name in sources}
    for name, source in sources.items():
        done = run(stores[name].uri, CELL_SAMPLES="40", **source, **offline)
        assert done.returncode == 0, done.stdout + done.stderr
    assert result_of(stores["bucket"]).fingerprint == result_of(stores["folders"]).fingerprint
    assert predictions(stores["bucket"]) == predictions(stores["folders"])
    assert result_of(stores["bucket"]).provenance.four_bit_copy
    assert not result_of(stores["folders"]).provenance.four_bit_copy


def test_the_base_in_four_bits_is_made_once_and_again_where_it_is_damaged(folders: tuple[Path, Path], place: str):
    store, order = open_store(place), Prefetch(input="bert", source=str(folders[0]), place=place)
    (key,) = [key for key in store.list("bert/four-bit/") if key.endswith("model.safetensors")]
    made, content = written(store), store.get(key)
    prefetch(order)
    assert written(store) == made
    store.put(key, b"damaged")
    prefetch(order)
    assert store.get(key) == content


@pytest.mark.parametrize("broken", ["cut", "gone", "record"])
def test_a_damaged_copy_ends_the_cell_in_one_line(place: str, tmp_path: Path, broken: str):
    store, key = open_store(place), "bert/model.safetensors"
    match broken:
        case "cut":
            store.put(key, (store.get(key) or b"")[:-1])
        case "gone":
            store.delete(key)
        case "record":
            store.delete(f"bert/{RECORD}")
    done = run(tmp_path / "results", MODEL_WEIGHTS=place, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "launcher prefetch" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.glob(f"cache/**/{RECORD}"))


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(place: str, tmp_path: Path):
    record = json.loads(open_store(place).get(f"bert/{RECORD}") or b"")
    record["files"]["model.safetensors"]["bytes"] = 10**18
    open_store(place).put(f"bert/{RECORD}", json.dumps(record).encode())
    done = run(tmp_path / "results", MODEL_WEIGHTS=place, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 16, done.stdout + done.stderr
    assert "takes 1000000000.0 GB" in done.stdout
    assert not list(tmp_path.glob("cache/**/*.safetensors"))
