"""The identity of a corpus and of pretrained weights, as it enters a fingerprint.

A hub source is known by its pinned commit, a folder by a hash of its files, a generated one by a version number, and
what a prefetch copied (contract/inputs.py) by what its source was known by.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TypeVar

from contract.cell import MODELS
from contract.digest import file_digest
from contract.exits import BadInput, StoreFailed
from contract.inputs import PREFETCH, RECORD, Copy, find_copy, in_bucket, open_place, source_errors
from contract.task import Data, Model, Task

DATASET_HUB_ID = "google-research-datasets/go_emotions"
DATASET_HUB_REVISION = "add492243ff905527e67aeb8b80c082af02207c3"
SYNTHETIC_VERSION = 1
"""Raised when trainer/synthetic.py generates other comments."""
RANDOM_WEIGHTS_VERSION = 1
"""Raised when trainer/random_weights.py builds another architecture or tokenizer."""

TSV_FILES = ("train.tsv", "test.tsv", "labels.txt")
_WEIGHT_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")

S = TypeVar("S", Data, Model)


def resolve(tasks: Sequence[Task]) -> list[Task]:
    """The tasks with both revisions filled in. Reads each folder once; raises BadInput where one cannot serve."""
    corpora = {data: _resolved(data, data_revision) for data in {task.data for task in tasks}}
    wanted = dict.fromkeys((task.model, task.cell.model) for task in tasks)
    _refuse_absent((model.weights, name) for model, name in wanted if _is_read(model))
    weights = {(model, name): _resolved(model, partial(weights_revision, name=name)) for model, name in wanted}
    return [
        task.model_copy(update={"data": corpora[task.data], "model": weights[task.model, task.cell.model]})
        for task in tasks
    ]


def _resolved(source: S, revision: Callable[[S], str]) -> S:
    return source if source.revision is not None else source.model_copy(update={"revision": revision(source)})


def _is_read(model: Model) -> bool:
    return model.revision is None and model.weights not in ("hub", "random")


def verify(task: Task) -> None:
    """Raises BadInput when a place no longer holds what was planned, which is all that is read; SourceUnavailable."""
    if task.data.revision is not None:
        _same("DATA_REVISION", task.data.revision, data_revision(task.data), task.data.source)
    if task.model.revision is not None:
        _same("MODEL_REVISION", task.model.revision, weights_revision(task.model, task.cell.model), task.model.weights)


def _same(name: str, planned: str, found: str, place: str) -> None:
    if planned != found:
        raise BadInput(f"{name}={planned}, but {place} holds {found}: it changed after the grid was planned")


def data_revision(data: Data) -> str:
    """Raises BadInput when `data.source` is a folder without a corpus in it."""
    match data.source:
        case "hub":
            return f"hub:{DATASET_HUB_ID}@{DATASET_HUB_REVISION}"
        case "synthetic":
            return f"synthetic:{SYNTHETIC_VERSION}"
        case bucket if in_bucket(bucket):
            return corpus_copy(bucket).revision
        case folder:
            where = Path(folder)
            return _kept_revision(where) or _digest(corpus_files(where))


def weights_revision(model: Model, name: str) -> str:
    """Raises BadInput when `model.weights` is a folder that lacks the model's safetensors."""
    spec = MODELS[name]
    match model.weights:
        case "hub":
            return f"hub:{spec.hub_id}@{spec.hub_revision}"
        case "random":
            return f"random:{RANDOM_WEIGHTS_VERSION}"
        case bucket if in_bucket(bucket):
            return weights_copy(bucket, name).revision
        case folder:
            where = Path(folder) / name
            return _kept_revision(where) or _digest(weight_files(where))


def weights_copy(place: str, name: str) -> Copy:
    """The model's copy in a bucket. Raises BadInput where there is none, SourceUnavailable."""
    copy = _copy_in_bucket(place, name, "MODEL_WEIGHTS")
    if copy is None:
        raise _no_weights([f"{place}/{name}"])
    return copy


def corpus_copy(place: str) -> Copy:
    """The copy in a bucket; its name ends the place. Raises BadInput where there is none, SourceUnavailable."""
    where, _, name = place.rstrip("/").rpartition("/")
    copy = _copy_in_bucket(where, name, "DATA_SOURCE")
    if copy is None:
        raise BadInput(f"no whole copy at {where}/{name}: fill it with {PREFETCH}, or mend DATA_SOURCE")
    return copy


def _copy_in_bucket(place: str, name: str, setting: str) -> Copy | None:
    with source_errors():
        return find_copy(open_place(place, setting), name)


def _kept_revision(folder: Path) -> str | None:
    """Of the source of a folder that a prefetch filled; None for another folder. Raises BadInput for a damaged one."""
    folder = folder.absolute()  # `.` has no name
    try:
        copy = find_copy(open_place(str(folder.parent), "MODEL_WEIGHTS"), folder.name)
    except StoreFailed as error:  # a folder that cannot be read
        raise BadInput(str(error)) from error
    if copy is None:
        return None
    with _named(folder):
        differing = copy.differing(folder)
    if differing:
        raise BadInput(f"{folder / differing} is not what {folder / RECORD} says: it is damaged; {PREFETCH} mends it")
    return copy.revision


def corpus_files(folder: Path) -> list[Path]:
    """The corpus files of a folder: the authors' TSV files, else the hub's parquet files."""
    tsv = [folder / name for name in TSV_FILES]
    with _named(folder):
        if all(path.is_file() for path in tsv):
            return tsv
        # A clone of the hub's repository also has `raw`, whose columns are others.
        where = folder / "simplified" if (folder / "simplified").is_dir() else folder
        parquet = sorted(path for split in ("train", "test") for path in where.rglob(f"{split}-*.parquet"))
    if {path.name.split("-")[0] for path in parquet} == {"train", "test"}:
        return parquet
    raise BadInput(
        f"no corpus in DATA_SOURCE={folder}: expected {', '.join(TSV_FILES)}, or train-*.parquet and test-*.parquet"
    )


def _refuse_absent(places: Iterable[tuple[str, str]]) -> None:
    """Places and names, all at once: whoever lacks the weights of one model often lacks several."""
    absent = [f"{place}/{name}" for place, name in places if not _is_there(place, name)]
    if absent:
        raise _no_weights(absent)


def _no_weights(places: Sequence[str]) -> BadInput:
    remedy = f"MODEL_WEIGHTS must hold one folder per model name, as {PREFETCH} makes it"
    return BadInput(f"no weights at {', '.join(places)}: {remedy}")


def _is_there(place: str, name: str) -> bool:
    if in_bucket(place):
        return _copy_in_bucket(place, name, "MODEL_WEIGHTS") is not None
    folder = Path(place) / name
    with _named(folder):
        return folder.is_dir()


def is_weight_file(name: str) -> bool:
    """Whether a model is read from a file of its folder, by the name: no pickle is, and nothing in a folder below."""
    return name != RECORD and "/" not in name and any(fnmatch(name, pattern) for pattern in _WEIGHT_FILES)


def weight_files(folder: Path) -> list[Path]:
    """What a model is read from. Raises BadInput where something is missing."""
    _refuse_absent([(str(folder.parent), folder.name)])
    with _named(folder):
        files = sorted(path for path in folder.iterdir() if is_weight_file(path.name))
    if not any(path.suffix == ".safetensors" for path in files):
        raise BadInput(f"no *.safetensors in {folder}: pickled weights are not loaded; convert them first")
    if folder / "config.json" not in files:
        raise BadInput(f"no config.json in {folder}")
    if not any(path.name in _TOKENIZER_FILES for path in files):
        # transformers would go on with an empty vocabulary, and every word be unknown to the model.
        raise BadInput(f"no tokenizer in {folder}: expected one of {', '.join(_TOKENIZER_FILES)}")
    return files


def _digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with _named(path):
            total.update(f"{path.name} {file_digest(path)}\n".encode())
    return f"sha256:{total.hexdigest()[:32]}"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
