"""Facts about the real corpus that the code relies on, and real learning on it."""

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from contract.cell import EMOTIONS
from contract.folder import DirStore
from contract.result import Success
from tests.factories import task
from tests.trainer.program import result_of, run
from trainer.corpus import CORPUS_LABELS, Row, read_rows
from trainer.data import load, split_record

WEIGHTS = Path(sys.prefix) / "weights"


def asked(folder: Path, labels: int = 2, samples: int = 800, seed: int = 0):
    cell = {"model": "bert", "labels": labels, "samples": samples, "seed": seed}
    return task(cell=cell, data={"source": str(folder)})


def single(rows: list[Row]) -> list[Row]:
    return [row for row in rows if len(row.emotions) == 1]


def test_label_ids_are_the_lines_of_labels_txt(goemotions: Path):
    assert tuple((goemotions / "labels.txt").read_text().split("\n")) == CORPUS_LABELS


def test_emotions_are_ordered_by_their_single_label_comments(goemotions: Path):
    request = asked(goemotions)
    counts = Counter(row.emotions[0] for split in ("train", "test") for row in single(read_rows(request, split)))
    dev = [line.split("\t")[1] for line in (goemotions / "dev.tsv").read_text(encoding="utf-8").split("\n") if line]
    counts.update(CORPUS_LABELS[int(ids)] for ids in dev if "," not in ids)
    del counts["neutral"]
    assert [counts[name] for name in EMOTIONS] == sorted(counts.values(), reverse=True)
    assert (counts["admiration"], counts["grief"]) == (3384, 47)


def test_39_texts_conflict_and_28_stand_in_both_splits(goemotions: Path):
    train, test = (single(read_rows(asked(goemotions), split)) for split in ("train", "test"))
    labels = defaultdict(set)
    for row in train:
        labels[row.text].add(row.emotions)
    assert sum(len(found) > 1 for found in labels.values()) == 39
    assert len(labels.keys() & {row.text for row in test}) == 28


def test_the_scarcest_of_16_labels_has_85_test_comments(goemotions: Path):
    dataset = load(asked(goemotions, labels=16))
    assert Counter(comment.label for comment in dataset.test) == dict.fromkeys(range(16), 85)


@pytest.mark.parametrize("labels", [2, 4, 8, 16])
def test_no_text_is_in_two_splits_and_the_test_set_never_moves(goemotions: Path, labels: int):
    smallest, largest = (load(asked(goemotions, labels, samples, seed)) for samples, seed in ((800, 0), (2400, 5)))
    assert smallest.test == largest.test
    texts = [comment.text for part in (largest.train, largest.validation, largest.test) for comment in part]
    assert len(set(texts)) == len(texts)


def test_all_twelve_subsets_can_be_inspected(goemotions: Path, tmp_path: Path):
    command = [sys.executable, "-m", "trainer.subsets", "--source", str(goemotions), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 12
    header, *rows = (tmp_path / "l16-n2400.tsv").read_text().splitlines()
    assert header == "split\tid\tlabel"
    assert Counter(row.split("\t")[0] for row in rows) == {"train": 2160, "validation": 240, "test": 1360}


def test_the_same_real_comments_on_every_machine(goemotions: Path):
    dataset = load(asked(goemotions, labels=8, samples=1600))
    assert split_record(dataset.train).sha256[:16] == "bc76af854d5294bd"


def train_minilm(results: Path, corpus: Path, **changes: str) -> Success:
    cell = {"CELL_MODEL": "minilm", "CELL_SAMPLES": "800", "HYPER_EPOCHS": "5"}
    sources = {"DATA_SOURCE": str(corpus), "MODEL_WEIGHTS": str(WEIGHTS)}
    done = run(results, **cell | sources | changes)
    assert done.returncode == 0, done.stdout + done.stderr
    return result_of(DirStore(results))


@pytest.mark.parametrize(
    ("changes", "least"),
    [({}, 0.92), ({"CELL_LABELS": "16", "HYPER_LEARNING_RATE": "1e-3", "CELL_SEED": "1"}, 0.40)],
    ids=["2 labels", "16 labels"],
)
def test_minilm_learns(goemotions: Path, tmp_path: Path, changes: dict[str, str], least: float):
    """One seed of the cells whose means over five are in docs/log.md."""
    success = train_minilm(tmp_path, goemotions, **changes)
    assert success.test.accuracy > least
    assert not success.random_weights
    assert not success.synthetic_data
    assert success.validation.accuracy == pytest.approx(max(e.accuracy for e in success.history))


def test_the_same_cell_twice_has_the_same_losses_and_predictions(goemotions: Path, tmp_path: Path):
    changes = {"HYPER_EPOCHS": "1", "CELL_LABELS": "4", "CELL_SEED": "3"}
    runs = [tmp_path / "first", tmp_path / "second"]
    one, other = (train_minilm(run, goemotions, **changes) for run in runs)
    assert one.history == other.history
    for name in ("losses.csv", "predictions.csv", "adapter_model.safetensors"):
        assert one.artifacts[name].sha256 == other.artifacts[name].sha256, name
