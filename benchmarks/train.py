"""`make bench-train`: the stock recipe, the reference engine and the fast one, alternately in one run.

One line a figure on stdout: `FIGURE name median low high goal >= bound`. What is compared, and what the figures were,
stands in docs/benchmarks.md. Exits with 0 when it could measure, whether or not a goal is met.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import transformers

from benchmarks import stock
from benchmarks.figures import Figure, alternately, name_comments, ratios
from benchmarks.measured import Measured, run
from benchmarks.steps import BF16, ENGINES, WARM_UP_STEPS, Clock, loaders, scored
from contract.cell import MODELS
from contract.folder import DirStore
from contract.keys import RESULTS
from contract.result import Metrics, Success, decode
from contract.revision import resolve
from contract.task import Engine, Hyper, Task, Train
from trainer.data import load
from trainer.encode import encode
from trainer.fit import fit, predict
from trainer.model import Checkpoint, add_lora, checkpoint, load_base, load_tokenizer
from trainer.random_weights import write_checkpoint
from trainer.synthetic import comments_for_tokenizers
from trainer.work import Work

Name = Literal["stock", "reference", "fast"]
NAMES: tuple[Name, ...] = ("stock", "reference", "fast")
TOKENS = 24
_QWEN_LIKE = {
    "896x12": {"hidden_size": 896, "num_hidden_layers": 12, "intermediate_size": 4864, "num_attention_heads": 14},
    "512x8": {"hidden_size": 512, "num_hidden_layers": 8, "intermediate_size": 2048, "num_attention_heads": 8},
}
"""Qwen 2's shape at 0.5B, half as deep, and a smaller one of its proportions; two heads for keys and values each."""


@dataclass(frozen=True)
class Options:
    """Where real comments and real weights lie, and how often each contender runs."""

    source: str
    weights: str
    repeat: int
    steps: int
    epochs: int
    whole_cells: tuple[Name, ...]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this one; repeat for more")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="of each comparison (default: 5)")
    parser.add_argument(
        "--steps",
        type=int,
        default=WARM_UP_STEPS + 13,
        metavar="N",
        help="of one timed training (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="of a whole cell (default: 5)")
    parser.add_argument("--without-reference", action="store_true", help="whole cells of stock and fast alone")
    parser.add_argument("--source", default=os.environ.get("GOEMOTIONS_DIR", "synthetic"), metavar="FOLDER")
    parser.add_argument("--weights", default=str(Path(sys.prefix) / "weights"), metavar="FOLDER")
    given = parser.parse_args()
    if given.repeat < 1 or given.steps <= WARM_UP_STEPS:
        parser.error(f"--repeat is at least 1, --steps more than {WARM_UP_STEPS}")
    names: tuple[Name, ...] = ("stock", "fast") if given.without_reference else NAMES
    options = Options(given.source, given.weights, given.repeat, given.steps, given.epochs, names)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    name_comments(options.source)
    for name in given.part or PARTS:
        for figure in PARTS[name](options):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()
    return 0


def steps_of(shape: str) -> Callable[[Options], Iterator[Figure]]:
    """Steps a second of a model of random weights, with four comments of 24 tokens each."""

    def part(options: Options) -> Iterator[Figure]:
        with TemporaryDirectory(prefix="bench-train-") as folder:
            write_checkpoint(
                "qwen2", comments_for_tokenizers(), Path(folder), num_key_value_heads=2, **_QWEN_LIKE[shape]
            )
            load = loaders(Checkpoint(folder), MODELS["qwen2.5"], [TOKENS] * 4 * options.steps)
            contenders = {name: load[name]() for name in ("stock", *ENGINES)}
        seconds = alternately(contenders, options.repeat)
        yield Figure(f"steps_{shape}_fast_to_stock", ratios(seconds["stock"], seconds["fast"]), ">= 2.5")
        yield Figure(f"steps_{shape}_fast_to_reference", ratios(seconds["reference"], seconds["fast"]))

    return part


def evaluation(options: Options) -> Iterator[Figure]:
    """Rows a second of one look at the validation split of a real cell."""
    task = _minilm(options, Path("unused"), "fast")
    spec, dataset = MODELS["minilm"], load(task)
    with checkpoint(task, spec) as source:
        tokenizer = load_tokenizer(source)
        rows = encode(dataset.validation, tokenizer, task.hyper.max_length)
        stock_model = stock.load_model(source, len(task.labels), tokenizer, spec.lora_targets, task.hyper)
        bases = [load_base(source, len(task.labels), tokenizer, BF16, double_quant=True) for _ in ENGINES]
    models = {name: add_lora(base, spec, task.hyper) for name, base in zip(ENGINES, bases, strict=True)}
    clock = Clock()
    one_step = Hyper(epochs=1, eval_steps=9)
    fit(
        Work(models["fast"], tokenizer, rows[:4], rows[:4], one_step, 0, BF16, scored, clock, clock),
        Train(engine="fast"),
    )
    with TemporaryDirectory(prefix="stock-") as folder:
        trainer = stock.trainer_of(stock_model, tokenizer, rows, rows, task.hyper, 0, folder)

        def evaluated(engine: Engine) -> Callable[[], Metrics]:
            labels = [row["labels"] for row in rows]
            return lambda: scored(labels, predict(models[engine], rows, tokenizer, BF16, engine))

        contenders = {"stock": _timed(trainer.evaluate)} | {name: _timed(evaluated(name)) for name in ENGINES}
        seconds = alternately(contenders, options.repeat)
    yield Figure("evaluation_rows_fast_to_stock", ratios(seconds["stock"], seconds["fast"]), ">= 3")
    yield Figure("evaluation_rows_fast_to_reference", ratios(seconds["reference"], seconds["fast"]))


def _timed(work: Callable[[], object], times: int = 5) -> Callable[[], float]:
    """Seconds of so many runs, after one that is not timed."""

    def seconds() -> float:
        work()
        begun = time.perf_counter()
        for _ in range(times):
            work()
        return time.perf_counter() - begun

    return seconds


@dataclass(frozen=True)
class Cell:
    """A whole cell as a process."""

    measured: Measured
    start_up_seconds: float
    last_step: int
    accuracy: float


def cell(options: Options) -> Iterator[Figure]:
    """MiniLM on the real corpus, 2 labels x 800, from the start of the process to its end."""
    names = options.whole_cells
    cells: Mapping[str, list[Cell]] = {name: [] for name in names}

    def contender(name: Name) -> Callable[[], float]:
        def timed() -> float:
            cells[name].append(_cell(options, name))
            return cells[name][-1].measured.seconds

        return timed

    seconds = alternately({name: contender(name) for name in names}, options.repeat)
    yield Figure("cell_fast_to_stock", ratios(seconds["stock"], seconds["fast"]), ">= 2")
    if "reference" in names:
        yield Figure("cell_fast_to_reference", ratios(seconds["reference"], seconds["fast"]))
    for name in names:
        yield Figure(f"cell_peak_memory_mb_{name}", [one.measured.peak_bytes / 1e6 for one in cells[name]])
        yield Figure(f"cell_start_up_seconds_{name}", [one.start_up_seconds for one in cells[name]])
        yield Figure(f"cell_steps_{name}", [one.last_step for one in cells[name]])
        yield Figure(f"cell_test_accuracy_{name}", [one.accuracy for one in cells[name]])


def _cell(options: Options, name: Name) -> Cell:
    with TemporaryDirectory(prefix="bench-cell-") as folder:
        task = _minilm(options, Path(folder), "reference" if name == "stock" else name)
        environment = {"PATH": os.environ["PATH"], "HOME": folder} | task.to_env()
        module = "benchmarks.stock" if name == "stock" else "trainer"
        measured = run([sys.executable, "-m", module], environment)
        if name == "stock":
            told = json.loads(measured.output.splitlines()[-1])
            return Cell(measured, told["start_up_seconds"], told["last_step"], told["test"])
        (key,) = (store := DirStore(Path(folder) / "results")).list(RESULTS)
        success = decode(store.get(key) or b"", Success)
    return Cell(measured, success.start_up_seconds, success.training.last_step, success.test.accuracy)


def _minilm(options: Options, folder: Path, engine: Engine) -> Task:
    content = {
        "cell": {"model": "minilm", "labels": 2, "samples": 800},
        "hyper": {"epochs": options.epochs},
        "data": {"source": options.source},
        "model": {"weights": options.weights},
        "train": {"engine": engine},
        "results": {"uri": str(folder / "results")},
    }
    return resolve([Task.model_validate(content)])[0]


PARTS: Mapping[str, Callable[[Options], Iterator[Figure]]] = {
    **{f"steps-{shape}": steps_of(shape) for shape in _QWEN_LIKE},
    "evaluation": evaluation,
    "cell": cell,
}

if __name__ == "__main__":
    sys.exit(main())
