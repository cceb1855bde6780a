"""The rows of GoEmotions, from wherever the task says: the authors' TSV files, the hub's parquet, or generated ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contract.cell import EMOTIONS
from contract.exits import BadInput, SourceUnavailable
from contract.revision import DATASET_HUB_ID, DATASET_HUB_REVISION, corpus_files
from contract.task import Task
from trainer import synthetic

Split = Literal["train", "test"]
CORPUS_LABELS = (*sorted(EMOTIONS), "neutral")
"""The corpus' own label order: a label id is a position in here."""


@dataclass(frozen=True)
class Row:
    """A comment as the corpus has it; `emotions` are names, `neutral` among them."""

    id: str
    text: str
    emotions: tuple[str, ...]


def read_rows(task: Task, split: Split) -> list[Row]:
    """All rows of a split. Raises BadInput for a file that is not what it should be, SourceUnavailable for the hub."""
    match task.data.source:
        case "synthetic":
            return [Row(*row) for row in synthetic.generate(split, task.labels)]
        case "hub":
            return _hub_rows(split)
        case folder:
            return rows_in(Path(folder), split)


def rows_in(folder: Path, split: Split) -> list[Row]:
    """All rows of a split in a folder. Raises BadInput."""
    files = corpus_files(folder)
    if files[0].suffix == ".parquet":
        return _parquet_rows([path for path in files if path.name.startswith(split)])
    by_name = {path.stem: path for path in files}
    _check_labels(by_name["labels"])
    return list(_tsv_rows(by_name[split]))


def _check_labels(path: Path) -> None:
    """Raises BadInput when the label ids of this corpus would mean other emotions."""
    found = _read_text(path).split()
    if tuple(found) != CORPUS_LABELS:
        pairs = zip(CORPUS_LABELS, [*found, *[None] * len(CORPUS_LABELS)], strict=False)
        first = next((expected for expected, name in pairs if name != expected), "its end")
        raise BadInput(f"{path} has not GoEmotions' 28 labels in their order: it differs at {first}")


def _tsv_rows(path: Path) -> Iterator[Row]:
    """`text <tab> label ids, comma separated <tab> comment id`, without quoting; every line ends in a newline."""
    text = _read_text(path)
    if not text.endswith("\n"):
        raise BadInput(f"{path} is cut short: its last line has no end")
    if "\r\n" in text:
        raise BadInput(f"{path} has line ends of another system: give the authors' file as it is")
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        fields = line.split("\t")
        if len(fields) != 3:
            raise BadInput(f"{path} line {number}: {len(fields)} fields, expected text, label ids and comment id")
        comment, ids, comment_id = fields
        yield _row(comment_id, comment, ids.split(","), f"{path} line {number}")


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 at byte {error.start}: it is damaged") from error


def _row(comment_id: str, comment: str, label_ids: Iterable[str | int], where: str) -> Row:
    if not (comment.strip() and comment_id):
        raise BadInput(f"{where}: an empty comment or comment id")
    return Row(comment_id, comment, tuple(_label(value, where) for value in label_ids))


def _label(value: str | int, where: str) -> str:
    if not str(value).isdecimal() or int(value) >= len(CORPUS_LABELS):
        raise BadInput(f"{where}: label id {value!r} is not one of 0..{len(CORPUS_LABELS) - 1}")
    return CORPUS_LABELS[int(value)]


def _parquet_rows(paths: Iterable[Path]) -> list[Row]:
    import pyarrow.parquet

    rows: list[Row] = []
    for path in paths:
        try:
            table = pyarrow.parquet.read_table(path, columns=["id", "text", "labels"])
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f"cannot read {path}: {str(error).splitlines()[0]}") from error
        rows += _labelled(table.to_pylist(), str(path))
    return rows


def _hub_rows(split: Split) -> list[Row]:
    import datasets

    try:
        found = datasets.load_dataset(DATASET_HUB_ID, "simplified", split=split, revision=DATASET_HUB_REVISION)
    except Exception as error:  # datasets and its transports raise errors of a dozen unrelated classes here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceUnavailable(f"the hub did not deliver {DATASET_HUB_ID}: {reason}") from error
    return _labelled(found, DATASET_HUB_ID)


def _labelled(records: Iterable[dict[str, Any]], where: str) -> list[Row]:
    return [_row(str(r["id"]), str(r["text"]), r["labels"], f"{where} {r['id']}") for r in records]
