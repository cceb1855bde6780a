"""`make bench-gpu`: models of the study's sizes on a GPU, beside the stock recipe and the floor of the GPU's memory.

Random weights of the true shapes, with a tokenizer of few words. Lengths are those of the real comments by their
words. Peak memory is that of loading a model and training it for the first time. Needs torch, transformers, peft and
bitsandbytes, no `datasets` and no `evaluate`.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import transformers

from benchmarks.figures import Figure, alternately, name_comments, ratios
from benchmarks.steps import ENGINES, WARM_UP_STEPS, Stepper, loaders
from contract.cell import MODELS, Cell
from contract.task import Data, Results, Task
from trainer.data import load
from trainer.model import Checkpoint
from trainer.random_weights import write_checkpoint
from trainer.synthetic import comments_for_tokenizers

_SHAPES: dict[str, dict[str, int]] = {
    "qwen2.5": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
    },
    "llama3.2": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
    },
    "gpt2-xl": {"n_embd": 1600, "n_layer": 48, "n_head": 25, "vocab_size": 50_257},
    "gemma3": {
        "hidden_size": 1152,
        "intermediate_size": 6912,
        "num_hidden_layers": 26,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "vocab_size": 262_144,
    },
}
_SPEED_GOAL = {"qwen2.5": ">= 8"}
_LEAST_SPEED = ">= 6"
_FLOOR_GOAL = {"qwen2.5": "<= 4"}
_WEIGHED = ("stock", "fast", "fast without copy")
_COPY_BYTES = 2**30


def main() -> int:
    """Measure and print; 2 without a GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--model", choices=list(_SHAPES), action="append", help="only this one; repeat for more")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="of each comparison (default: 5)")
    parser.add_argument("--steps", type=int, default=60, metavar="N", help="of one timed training (default: 60)")
    parser.add_argument("--source", default=os.environ.get("GOEMOTIONS_DIR", "synthetic"), metavar="FOLDER")
    options = parser.parse_args()
    if options.repeat < 1 or options.steps <= WARM_UP_STEPS:
        parser.error(f"--repeat is at least 1, --steps more than {WARM_UP_STEPS}")
    if not torch.cuda.is_available():
        parser.error("needs a GPU; make bench-train measures on a CPU")
    transformers.utils.logging.set_verbosity_error()
    name_comments(options.source)
    lengths = _lengths(options.source)[: 4 * options.steps]
    for name in options.model or _SHAPES:
        for figure in _figures(name, lengths, options.repeat):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()
    return 0


def _lengths(source: str) -> list[int]:
    """Of the training comments of a cell: four tokens for three words, and one at each end."""
    cell = Cell(model="bert", labels=2, samples=800)
    task = Task(cell=cell, data=Data(source=source), results=Results(uri="unused"))
    return [2 + 4 * len(comment.text.split()) // 3 for comment in load(task).train]


def _figures(name: str, lengths: list[int], repeat: int) -> Iterator[Figure]:
    spec = MODELS[name]
    with TemporaryDirectory(prefix="bench-gpu-") as folder:
        write_checkpoint(spec.family, comments_for_tokenizers(), Path(folder), **_SHAPES[name])
        load = loaders(Checkpoint(folder), spec, lengths)
        gigabytes = {contender: _peak_gigabytes(load[contender]) for contender in _WEIGHED}
        contenders = {contender: load[contender]() for contender in ("stock", *ENGINES)}
    yield Figure(f"gpu_peak_gb_{name}_fast", [gigabytes["fast"]], "<= 8")
    yield Figure(f"gpu_peak_gb_{name}_stock", [gigabytes["stock"]])
    yield Figure(
        f"gpu_peak_gb_{name}_fast_without_copy", [gigabytes["fast without copy"]], f"<= {gigabytes['stock']:.4g}"
    )
    seconds = alternately(contenders, repeat)
    yield Figure(
        f"gpu_steps_{name}_fast_to_stock",
        ratios(seconds["stock"], seconds["fast"]),
        _SPEED_GOAL.get(name, _LEAST_SPEED),
    )
    yield Figure(f"gpu_steps_{name}_fast_to_reference", ratios(seconds["reference"], seconds["fast"]))
    floor = 2 * _read_seconds(_bytes_of_weights(name))
    yield Figure(f"gpu_steps_{name}_fast_to_floor", [one / floor for one in seconds["fast"]], _FLOOR_GOAL.get(name))


def _peak_gigabytes(load: Callable[[], Stepper]) -> float:
    """Allocated by torch, without what contenders before it left behind: Trainer keeps embeddings alive."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    load()()
    return (torch.cuda.max_memory_allocated() - before) / 1e9


def _bytes_of_weights(name: str) -> float:
    """Of the linear layers in bf16, without the head; read once forward and once backward."""
    shape = _SHAPES[name]
    if "n_embd" in shape:
        return 2.0 * shape["n_layer"] * 12 * shape["n_embd"] ** 2
    hidden, heads = shape["hidden_size"], shape["num_attention_heads"]
    size = shape.get("head_dim", hidden // heads)
    attention = 2 * hidden * size * (heads + shape["num_key_value_heads"])
    return 2.0 * shape["num_hidden_layers"] * (attention + 3 * hidden * shape["intermediate_size"])


def _read_seconds(size: float) -> float:
    """For so many bytes, at the bandwidth of a copy on this GPU, which reads and writes."""
    there, here = (torch.empty(_COPY_BYTES, dtype=torch.uint8, device="cuda") for _ in range(2))
    there.copy_(here)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(10):
        there.copy_(here)
    torch.cuda.synchronize()
    return (time.perf_counter() - begun) / (10 * 2 * _COPY_BYTES) * size


if __name__ == "__main__":
    sys.exit(main())
