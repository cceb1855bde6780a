"""Identities of corpora and weights."""

from pathlib import Path

import pytest

from contract.cell import Cell
from contract.exits import BadInput
from contract.revision import resolve, verify
from contract.task import Task
from tests.factories import task

TSV = ("train.tsv", "test.tsv", "labels.txt")
PARQUET = ("simplified/train-00000-of-00001.parquet", "simplified/test-00000-of-00001.parquet")
WEIGHTS = ("model.safetensors", "config.json", "tokenizer.json")


def folders(path: Path, corpus: tuple[str, ...] = TSV, weights: tuple[str, ...] = WEIGHTS) -> Task:
    """A task on a corpus folder `c` and a weights folder `w`, each file holding its own name."""
    for name in (*(f"c/{name}" for name in corpus), *(f"w/bert/{name}" for name in weights)):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return Task.model_validate(
        {
            "cell": {"model": "bert", "labels": 2, "samples": 80},
            "data": {"source": str(path / "c")},
            "model": {"weights": str(path / "w")},
            "results": {"uri": "x"},
        }
    )


@pytest.mark.parametrize("corpus", [TSV, PARQUET])
def test_a_folder_is_known_by_its_content_and_not_by_its_place(tmp_path: Path, corpus: tuple[str, ...]):
    (one,), (other,) = resolve([folders(tmp_path / "a", corpus)]), resolve([folders(tmp_path / "b", corpus)])
    assert one.data.revision.startswith("sha256:")
    assert one.fingerprint() == other.fingerprint()


def test_files_that_nobody_reads_are_not_part_of_it(tmp_path: Path):
    asked = folders(tmp_path)
    (before,) = resolve([asked])
    (tmp_path / "c" / "dev.tsv").write_text("not used")
    (tmp_path / "w" / "bert" / "pytorch_model.bin").write_text("pickled")
    assert resolve([asked]) == [before]


@pytest.mark.parametrize(
    ("corpus", "changed"),
    [
        (TSV, "c/train.tsv"),
        (TSV, "c/test.tsv"),
        (TSV, "c/labels.txt"),
        (PARQUET, f"c/{PARQUET[0]}"),
        (PARQUET, f"c/{PARQUET[1]}"),
        (TSV, "w/bert/model.safetensors"),
        (TSV, "w/bert/config.json"),
        (TSV, "w/bert/tokenizer.json"),
    ],
)
def test_a_changed_file_is_another_identity_and_is_noticed_later(tmp_path: Path, corpus: tuple[str, ...], changed: str):
    asked = folders(tmp_path, corpus)
    (before,) = resolve([asked])
    verify(before)
    (tmp_path / changed).write_text("changed")
    (after,) = resolve([asked])
    assert after.fingerprint() != before.fingerprint()
    with pytest.raises(BadInput, match="changed after the grid was planned"):
        verify(before)


def test_each_task_gets_the_revision_of_its_own_source_and_model(tmp_path: Path):
    on_hub = Task.model_validate(task().model_dump(exclude={"data", "model"}))
    (in_folder, on_hub, generated) = resolve([folders(tmp_path), on_hub, task()])
    found = [
        (t.data.revision.partition(":")[0], t.model.revision.partition(":")[0]) for t in (in_folder, on_hub, generated)
    ]
    assert found == [("sha256", "sha256"), ("hub", "hub"), ("synthetic", "random")]


def test_two_models_of_one_folder_have_their_own_revisions(tmp_path: Path):
    asked = folders(tmp_path)
    other = asked.model_copy(update={"cell": Cell(model="minilm", labels=2, samples=80)})
    (tmp_path / "w" / "bert").rename(tmp_path / "w" / "minilm")
    (minilm,) = resolve([other])
    folders(tmp_path)
    (tmp_path / "w" / "bert" / "model.safetensors").write_text("other weights")
    bert, again = resolve([asked, other])
    assert again == minilm
    assert bert.model.revision != minilm.model.revision


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("c/train.tsv", ["DATA_SOURCE", "train.tsv, test.tsv, labels.txt", "parquet"]),
        ("c/labels.txt", ["DATA_SOURCE", "labels.txt"]),
        ("w/bert/tokenizer.json", ["no tokenizer", "w/bert", "vocab.txt"]),
        ("w/bert/model.safetensors", ["safetensors", "w/bert"]),
        ("w/bert/config.json", ["config.json", "w/bert"]),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused_by_name(tmp_path: Path, missing: str, words: list[str]):
    asked = folders(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(BadInput) as caught:
        resolve([asked])
    for word in words:
        assert word in str(caught.value)


def test_all_absent_weights_of_a_grid_are_named_at_once(tmp_path: Path):
    asked = folders(tmp_path)
    others = [
        asked.model_copy(update={"cell": Cell(model=name, labels=2, samples=80)}) for name in ("minilm", "gpt2-xl")
    ]
    with pytest.raises(BadInput, match=r"no weights at \S+/minilm, \S+/gpt2-xl: MODEL_WEIGHTS"):
        resolve([asked, *others])


def test_a_parquet_corpus_without_its_test_split_is_none(tmp_path: Path):
    with pytest.raises(BadInput, match="test-"):
        resolve([folders(tmp_path, PARQUET[:1])])


@pytest.mark.parametrize("place", ["/not/here", "x" * 300, "/" + "x/" * 3000])
@pytest.mark.parametrize("setting", [{"data": "source"}, {"model": "weights"}])
def test_a_place_that_cannot_be_read_is_one_line(place: str, setting: dict[str, str]):
    ((group, name),) = setting.items()
    with pytest.raises(BadInput) as caught:
        task(**{group: {name: place}})
    assert place.rstrip("/") in str(caught.value)


def test_what_is_declared_is_kept():
    declared = task(data={"source": "/not/here", "revision": "sha256:1"}, model={"weights": "hub", "revision": "m"})
    assert (declared.data.revision, declared.model.revision) == ("sha256:1", "m")


def test_the_hub_is_known_by_its_commits():
    fields = task(data={"source": "hub"}, model={"weights": "hub"}).fingerprint_fields()
    assert fields["data.revision"].startswith("hub:google-research-datasets/go_emotions@")
    assert fields["model.revision"].startswith("hub:google-bert/bert-base-uncased@")
