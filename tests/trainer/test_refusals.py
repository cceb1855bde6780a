"""Bad input: one clear line, exit code 2, nothing that looks like a result, and on record where the cell has a name."""

import json
import shutil
from pathlib import Path

import pytest

from contract.folder import DirStore
from contract.result import Failure, decode
from tests.trainer.program import documents, only, run
from trainer.corpus import CORPUS_LABELS

LABELS = "\n".join(CORPUS_LABELS)


def folder(path: Path, files: dict[str, str]) -> str:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BERT's files as a hub would deliver them, small and untrained."""
    from trainer.random_weights import write_checkpoint
    from trainer.synthetic import comments_for_tokenizers

    path = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint("bert", comments_for_tokenizers(), path)
    return path


@pytest.fixture
def weights(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of them to be damaged: the folder of `bert` in a weights folder."""
    shutil.copytree(checkpoint, tmp_path / "weights" / "bert")
    return tmp_path / "weights" / "bert"


def refused(tmp_path: Path, *words: str, **changes: str) -> None:
    """Exit code 2, one line with these words, nothing that looks like a result, and no traceback.

    Once the cell has a fingerprint the store knows why as well.
    """
    done = run(tmp_path / "results", **changes)
    assert done.returncode == 2, done.stdout + done.stderr
    store = DirStore(tmp_path / "results")
    assert list(store.list("results/")) == []
    told = done.stderr.splitlines() or [line for line in done.stdout.splitlines() if " failed " in line]
    recorded = [decode(store.get(key), Failure).message for key in documents(store, "failure.json")]
    assert len(told) == 1
    assert "Traceback" not in done.stdout + done.stderr
    for line in told + recorded:
        for word in words:
            assert word in line
    assert bool(recorded) != bool(done.stderr)


def test_weights_of_another_architecture(tmp_path: Path, weights: Path):
    (weights / "config.json").write_text('{"model_type": "gpt2"}')
    refused(tmp_path, "model_type 'gpt2'", "'bert'", MODEL_WEIGHTS=str(weights.parent))


def test_weights_without_safetensors(tmp_path: Path, weights: Path):
    (weights / "model.safetensors").rename(weights / "pytorch_model.bin")
    refused(tmp_path, "safetensors", MODEL_WEIGHTS=str(weights.parent))


@pytest.mark.parametrize("kept", [0, 7, 1000, 1_000_000])
def test_weights_that_are_cut_short(tmp_path: Path, weights: Path, kept: int):
    whole = (weights / "model.safetensors").read_bytes()
    (weights / "model.safetensors").write_bytes(whole[:kept])
    refused(tmp_path, "model.safetensors", "cut short", MODEL_WEIGHTS=str(weights.parent))


def test_a_refused_cell_is_failed_and_not_missing(tmp_path: Path, weights: Path):
    """Catches a grid whose cells all end before they begin and whose report says that they never started."""
    (weights / "config.json").write_text('{"model_type": "gpt2"}')
    run(tmp_path / "results", MODEL_WEIGHTS=str(weights.parent))
    store = DirStore(tmp_path / "results")
    failure = decode(store.get(only(documents(store, "failure.json"))), Failure)
    assert (failure.error, failure.exit_code) == ("bad-input", 2)
    assert documents(store, "log.txt")


def test_weights_with_a_shard_missing(tmp_path: Path, weights: Path):
    index = {"weight_map": {"embeddings": "model.safetensors", "encoder": "model-2.safetensors"}}
    (weights / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(tmp_path, "not there: model-2.safetensors", MODEL_WEIGHTS=str(weights.parent))


def test_an_adapter_among_the_weights(tmp_path: Path, weights: Path):
    """Catches a cell that trains on other weights than its fingerprint says: transformers loads the base it names."""
    (weights / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/else"}')
    refused(tmp_path, "holds adapter_config.json", MODEL_WEIGHTS=str(weights.parent))


def test_weights_without_a_tokenizer(tmp_path: Path, weights: Path):
    """Catches a cell that trains on unknown words only: transformers makes up an empty vocabulary."""
    (weights / "tokenizer.json").unlink()
    refused(tmp_path, "no tokenizer", "tokenizer.json", MODEL_WEIGHTS=str(weights.parent))


def test_weights_with_a_layer_missing(tmp_path: Path, weights: Path):
    """Catches a cell whose layer is noise: transformers fills in what a checkpoint lacks."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "layer.1." not in name}
    save_file(kept, weights / "model.safetensors", metadata={"format": "pt"})
    done = run(tmp_path / "results", MODEL_WEIGHTS=str(weights.parent))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "lacks 16 of the model's weights, such as bert.encoder.layer.1." in done.stdout
    assert not list(DirStore(tmp_path / "results").list("results/"))


def test_weights_folder_without_the_model(tmp_path: Path):
    refused(tmp_path, "bert", "one folder per model", MODEL_WEIGHTS=folder(tmp_path / "w", {}))


def test_corpus_folder_without_a_corpus(tmp_path: Path):
    refused(tmp_path, "train.tsv", DATA_SOURCE=folder(tmp_path / "c", {}))


def test_corpus_that_changed_since_the_plan(tmp_path: Path):
    corpus = folder(tmp_path / "c", {"train.tsv": "a\t0\tx\n", "test.tsv": "b\t0\ty\n", "labels.txt": LABELS})
    refused(tmp_path, "DATA_REVISION=sha256:00", "changed", DATA_SOURCE=corpus, DATA_REVISION="sha256:00")


def test_corpus_that_is_cut_short(tmp_path: Path):
    corpus = folder(tmp_path / "c", {"train.tsv": "a\t0\tx\nb\t1", "test.tsv": "b\t0\ty\n", "labels.txt": LABELS})
    refused(tmp_path, "train.tsv", "cut short", DATA_SOURCE=corpus)


def test_results_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    refused(tmp_path, "not writable", RESULTS_URI=str(tmp_path / "file" / "results"))


def test_more_samples_than_there_are(tmp_path: Path):
    done = run(tmp_path / "results", CELL_LABELS="4", CELL_SAMPLES="400000")
    assert done.returncode == 2
    store = DirStore(tmp_path / "results")
    failure = decode(store.get(only(documents(store, "failure.json"))), Failure)
    assert "100000" in failure.message
    assert "admiration" in failure.message
    assert list(store.list("results/")) == []
