"""`python -m trainer.subsets`: the study's twelve subsets written out for inspection, ids and labels without text."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract.command_line import Parser, tell
from contract.exits import BadInput, ProgramError
from contract.grid import load_grid
from contract.revision import resolve
from contract.task import Task
from trainer.corpus import read_rows
from trainer.data import Dataset, draw, split_record

_SPLITS = ("train", "validation", "test")


def main(argv: Sequence[str] | None = None) -> int:
    """Write one TSV a subset and an index with hashes; returns the exit code."""
    parser = Parser(prog="trainer.subsets", description=__doc__)
    parser.add_argument("--source", default="hub", help="hub, synthetic, or a folder with the corpus (default: hub)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw (default: 0)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    try:
        args = parser.parse_args(argv)
        index = write_subsets(_tasks(args.source, args.seed), args.out)
    except ProgramError as error:
        return tell("trainer.subsets", error)
    for row in index:
        sys.stdout.write(f"{row['subset']:10} {row['comments']:6} comments  train {row['train']['sha256'][:16]}\n")
    return 0


def _tasks(source: str, seed: int) -> list[Task]:
    grid = load_grid("full").with_setting(f"data.source={source}").model_copy(update={"seeds": (seed,)})
    one_model = grid.model_copy(update={"models": grid.models[:1]})
    return resolve(one_model.with_setting("model.weights=random").tasks(results_uri=""))


def write_subsets(tasks: Sequence[Task], folder: Path) -> list[dict[str, Any]]:
    """Write `l<labels>-n<samples>.tsv` for each task, then `index.json`; returns the index. Raises BadInput."""
    widest = max(tasks, key=lambda task: task.cell.labels)
    train, test = read_rows(widest, "train"), read_rows(widest, "test")
    index = []
    for task in tasks:
        dataset = draw(task, train, test)
        name = f"l{task.cell.labels}-n{task.cell.samples}"
        _write(folder / f"{name}.tsv", _tsv(task, dataset))
        records = {split: split_record(getattr(dataset, split)).model_dump() for split in _SPLITS}
        comments = sum(record["comments"] for record in records.values())
        index.append({"subset": name, "labels": list(task.labels), "comments": comments, **records})
    _write(folder / "index.json", json.dumps({"revision": widest.data.revision, "subsets": index}, indent=1))
    return index


def _tsv(task: Task, dataset: Dataset) -> str:
    rows = [
        f"{split}\t{comment.id}\t{task.labels[comment.label]}\n"
        for split in _SPLITS
        for comment in getattr(dataset, split)
    ]
    return "split\tid\tlabel\n" + "".join(rows)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write --out {path}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
