"""The draw: balanced, nested, repeatable, and honest about a corpus that cannot serve."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.cell import EMOTIONS
from contract.exits import BadInput
from contract.task import Task
from tests.factories import task
from trainer.corpus import CORPUS_LABELS, Row, read_rows
from trainer.data import Comment, Dataset, draw, load, split_record


def asked(labels: int, samples: int, seed: int = 0, data: dict[str, object] | None = None) -> Task:
    cell = {"model": "bert", "labels": labels, "samples": samples, "seed": seed}
    return task(cell=cell, data={"source": "synthetic"} | (data or {}))


def rows(split: str, labels: int, each: int) -> list[Row]:
    names = EMOTIONS[:labels]
    return [Row(f"{split}{name}{i}", f"{split} {name} comment {i}", (name,)) for name in names for i in range(each)]


def ids(comments: list[Comment]) -> set[str]:
    return {comment.id for comment in comments}


@given(st.integers(2, 5), st.integers(2, 30), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_a_draw_is_balanced_stratified_and_blind_to_the_order_of_the_corpus(labels, per_label, seed, shuffler):
    train, test = rows("train", labels, 40), rows("test", labels, 10)
    request = asked(labels, labels * per_label, seed)
    dataset = draw(request, train, test)
    shuffler.shuffle(train)
    shuffler.shuffle(test)
    assert draw(request, train, test) == dataset
    every = range(labels)
    validation = -(-per_label // 10)
    assert Counter(c.label for c in dataset.train) == dict.fromkeys(every, per_label - validation)
    assert Counter(c.label for c in dataset.validation) == dict.fromkeys(every, validation)
    assert Counter(c.label for c in dataset.test) == dict.fromkeys(every, 10)
    assert not ids(dataset.train) & ids(dataset.validation)
    assert all(EMOTIONS[c.label] in c.text for c in dataset.train)


@given(st.integers(2, 4), st.integers(2, 20), st.integers(2, 20), st.integers(0, 1000))
def test_smaller_subsets_lie_inside_larger_ones(labels, one, other, seed):
    few, many = sorted((one, other))
    train, test = rows("train", labels, 40), rows("test", labels, 3)
    small, large = (draw(asked(labels, labels * n, seed), train, test) for n in (few, many))
    assert ids(small.train) <= ids(large.train)
    assert ids(small.validation) <= ids(large.validation)
    assert small.test == large.test


def test_seeds_draw_differently_and_test_on_the_same():
    one, other = load(asked(2, 800, seed=0)), load(asked(2, 800, seed=1))
    assert ids(one.train) != ids(other.train)
    assert one.test == other.test


def test_ambiguous_repeated_and_leaked_texts_are_left_out():
    train, test = rows("train", 2, 20), rows("test", 2, 5)
    joyful, thankful = EMOTIONS[:2]
    train += [
        Row("again", train[0].text, train[0].emotions),
        Row("both1", "both", (joyful,)),
        Row("both2", "both", (thankful,)),
        Row("neutral1", "sometimes neutral", (joyful,)),
        Row("neutral2", "sometimes neutral", ("neutral",)),
        Row("leaked", test[0].text, test[0].emotions),
        Row("two labels", "two labels", (joyful, thankful)),
    ]
    kept = draw(asked(2, 40), train, test)
    assert len({c.text for c in (*kept.train, *kept.validation)}) == 40
    with pytest.raises(BadInput, match="admiration has 20"):
        draw(asked(2, 42), train, test)


def test_named_labels_replace_the_first_k():
    dataset = load(asked(2, 80, data={"labels": ["fear", "joy"]}))
    assert {c.id.split("-")[2] for c in dataset.train if c.label == 0} == {"fear"}
    assert {c.id.split("-")[2] for c in dataset.train if c.label == 1} == {"joy"}


def test_per_label_counts_each_label():
    dataset = load(asked(3, 100, data={"balance": "per_label"}))
    assert Counter(c.label for c in (*dataset.train, *dataset.validation)) == {0: 100, 1: 100, 2: 100}


def test_a_shortage_names_each_label_that_falls_short():
    train, test = rows("train", 2, 30), rows("test", 2, 3)
    with pytest.raises(BadInput) as caught:
        draw(asked(4, 400), train + rows("train", 3, 100)[200:], test + rows("test", 4, 3))
    message = str(caught.value)
    assert "100 comments a label" in message
    assert "admiration has 30" in message
    assert "amusement has 0" in message
    assert "approval" not in message


def test_a_test_split_without_a_label():
    with pytest.raises(BadInput, match="gratitude"):
        draw(asked(2, 20), rows("train", 2, 20), rows("test", 1, 5))


def corpus(folder: Path, **files: str | bytes) -> Task:
    """A task on a TSV corpus that is right but for `files`."""
    for name, split in (("train", rows("train", 2, 20)), ("test", rows("test", 2, 5))):
        lines = [f"{row.text}\t{CORPUS_LABELS.index(row.emotions[0])}\t{row.id}\n" for row in split]
        (folder / f"{name}.tsv").write_text("".join(lines))
    (folder / "labels.txt").write_text("\n".join(CORPUS_LABELS))
    for name, content in files.items():
        path = folder / f"{name}.tsv"
        path.write_bytes(path.read_bytes() + (content if isinstance(content, bytes) else content.encode()))
    return task(cell={"model": "bert", "labels": 2, "samples": 40}, data={"source": str(folder)})


def test_the_authors_files_are_read(tmp_path: Path):
    dataset = load(corpus(tmp_path, train="two labels\t3,4\tx1\n"))
    assert len(dataset.train) == 36


def test_a_quote_is_a_character_like_any_other(tmp_path: Path):
    request = corpus(tmp_path, train='say "no\t0\tq1\n')
    assert Row("q1", 'say "no', ("admiration",)) in read_rows(request, "train")


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ("cut short\t0\tx", ["train.tsv", "cut short"]),
        ("two fields\t0\n", ["train.tsv line 41", "2 fields"]),
        ("bad label\t28\tx\n", ["train.tsv line 41", "'28'", "0..27"]),
        ("bad label\tjoy\tx\n", ["train.tsv line 41", "'joy'"]),
        ("no label\t\tx\n", ["train.tsv line 41", "''"]),
        ("\t0\tx\n", ["train.tsv line 41", "empty"]),
        (b"\xff\xfe\t0\tx\n", ["train.tsv", "UTF-8"]),
    ],
)
def test_a_damaged_corpus_is_refused_with_its_place(tmp_path: Path, tail: str | bytes, words: list[str]):
    request = corpus(tmp_path, train=tail)
    with pytest.raises(BadInput) as caught:
        load(request)
    for word in words:
        assert word in str(caught.value)


def test_parquet_and_tsv_are_the_same_corpus(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "tsv").mkdir()
    (tmp_path / "parquet" / "simplified").mkdir(parents=True)
    from_tsv = corpus(tmp_path / "tsv")
    for split in ("train", "test"):
        found = read_rows(from_tsv, split)
        columns = {
            "text": [row.text for row in found],
            "labels": [[CORPUS_LABELS.index(name) for name in row.emotions] for row in found],
            "id": [row.id for row in found],
        }
        pq.write_table(pa.table(columns), tmp_path / "parquet" / "simplified" / f"{split}-00000-of-00001.parquet")
    cell = {"model": "bert", "labels": 2, "samples": 40}
    assert load(task(cell=cell, data={"source": str(tmp_path / "parquet")})) == load(from_tsv)


def test_a_clone_of_the_hubs_repository_is_read(tmp_path: Path):
    """Beside `simplified` it holds `raw`, whose rows are others."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in ("raw", "simplified"):
        (tmp_path / name).mkdir()
    pq.write_table(pa.table({"text": ["x"], "rater_id": [1]}), tmp_path / "raw" / "train-00000-of-00001.parquet")
    for split in ("train", "test"):
        found = rows(split, 2, 20)
        columns = {
            "text": [row.text for row in found],
            "labels": [[CORPUS_LABELS.index(row.emotions[0])] for row in found],
            "id": [row.id for row in found],
        }
        pq.write_table(pa.table(columns), tmp_path / "simplified" / f"{split}-00000-of-00001.parquet")
    request = task(cell={"model": "bert", "labels": 2, "samples": 40}, data={"source": str(tmp_path)})
    assert len(load(request).train) == 36


def test_an_empty_comment_in_parquet_is_refused(tmp_path: Path):
    """It may have no tokens, and then no token that the head could read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in ("train", "test"):
        columns = {"text": [" "], "labels": [[0]], "id": ["e1"]}
        pq.write_table(pa.table(columns), tmp_path / f"{split}-00000-of-00001.parquet")
    with pytest.raises(BadInput, match=r"parquet e1: an empty comment"):
        load(task(data={"source": str(tmp_path)}))


@pytest.mark.parametrize("found", [CORPUS_LABELS[::-1], CORPUS_LABELS[:2], (*CORPUS_LABELS, "hope")])
def test_labels_in_another_order_are_another_corpus(tmp_path: Path, found: tuple[str, ...]):
    """Catches a cell that learns the wrong emotion under the right name."""
    request = corpus(tmp_path)
    (tmp_path / "labels.txt").write_text("\n".join(found))
    with pytest.raises(BadInput, match=r"labels\.txt has not GoEmotions' 28 labels"):
        load(request)


def test_line_ends_of_another_system_are_refused(tmp_path: Path):
    """Catches ids that end in a carriage return, and so another draw."""
    request = corpus(tmp_path)
    path = tmp_path / "train.tsv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(BadInput, match=r"train\.tsv has line ends of another system"):
        load(request)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path):
    for split in ("train", "test"):
        (tmp_path / f"{split}-0.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match=r"train-0\.parquet"):
        load(task(data={"source": str(tmp_path)}))


def test_the_same_comments_on_every_machine():
    """Published results rest on these draws; another value here makes every stored cell a different experiment."""
    dataset: Dataset = load(asked(4, 800, seed=7))
    digests = [split_record(part).sha256[:16] for part in (dataset.train, dataset.validation, dataset.test)]
    assert digests == ["45f4afb3102413af", "1326020aa6a65d41", "ac52fa7a5bc912e2"]
