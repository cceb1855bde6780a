"""The files that stay beside a result: adapter with head, test predictions, training losses."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from peft import PeftModel

from trainer.data import Comment

_ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")


def adapter_files(model: PeftModel) -> dict[str, bytes]:
    """LoRA and the head as PEFT saves them: safetensors and their configuration."""
    with TemporaryDirectory(prefix="adapter-") as folder:
        save_adapter(model, Path(folder))
        return {name: (Path(folder) / name).read_bytes() for name in _ADAPTER_FILES}


def save_adapter(model: PeftModel, folder: Path) -> None:
    """LoRA and the head. Embeddings are never trained; left to itself PEFT would ask the hub about them."""
    for config in model.peft_config.values():
        # PEFT would write a set in an order that is another one in every process.
        config.target_modules = sorted(config.target_modules)
    model.save_pretrained(str(folder), save_embedding_layers=False)


def predictions_csv(comments: list[Comment], labels: tuple[str, ...], probabilities: NDArray[np.float64]) -> bytes:
    """One row a comment: id, true label, predicted label, then a probability for each label."""
    rows = [
        [comment.id, labels[comment.label], labels[int(p.argmax())], *(f"{value:.6f}" for value in p)]
        for comment, p in zip(comments, probabilities, strict=True)
    ]
    return _csv(["id", "true", "predicted", *(f"p_{label}" for label in labels)], rows)


def losses_csv(step_losses: list[float]) -> bytes:
    """One row an optimizer step: its number from 1, its training loss in full precision."""
    return _csv(["step", "loss"], [[step, repr(loss)] for step, loss in enumerate(step_losses, start=1)])


def _csv(header: list[str], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
