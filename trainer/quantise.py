"""Makes the copy of a model's base in four bits that trainer/four_bit.py keeps."""

from pathlib import Path

from safetensors import SafetensorError

from contract.cell import MODELS
from contract.task import Task
from trainer import four_bit
from trainer.failures import LocalDiskFailed
from trainer.four_bit import FourBit
from trainer.journal import Journal
from trainer.machine import Precision
from trainer.model import checkpoint, load_base, load_tokenizer


class CopyNotWritten(LocalDiskFailed):
    """The place of the copy cannot be written to, or is full, or another writer was faster."""


def obtain(task: Task, journal: Journal) -> FourBit | None:
    """The task's copy where there is one. With MODEL_FOUR_BIT_CACHE one is written first, if that can be done."""

    def refused(folder: Path, reason: str) -> None:
        journal.event("four-bit-copy-not-used", place=str(folder), reason=reason)

    found = four_bit.find(task, refused)
    if found or task.model.four_bit_cache is None:
        return found
    try:
        write_copy(task)
    except CopyNotWritten as error:
        journal.event("four-bit-copy-not-written", reason=str(error))
    return four_bit.find(task, refused)


def write_copy(task: Task) -> Path:
    """Quantise the task's full weights on the CPU, whatever the machine; returns the folder of the copy.

    One that is there and can be used stays. Raises CopyNotWritten, ValueError for a task whose copy has no place, and
    what load_qlora raises.
    """
    folder, origin = four_bit.place(task), four_bit.origin(task)
    if folder is None:
        raise ValueError(f"weights from {task.model.weights} have a copy only in a cache")
    if four_bit.is_usable(folder, origin):
        return folder
    with checkpoint(task, MODELS[task.cell.model]) as source:
        tokenizer, double_quant = load_tokenizer(source), task.model.double_quant
        # Two labels as good as any: the head is not part of the copy.
        model = load_base(source, 2, tokenizer, Precision("bf16"), double_quant=double_quant, device="cpu")
    try:
        four_bit.put(folder, origin, model.base_model.save_pretrained)
    except (OSError, SafetensorError) as error:
        raise CopyNotWritten(f"cannot write {folder}: {error}") from error
    return folder
