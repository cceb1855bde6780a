"""The base of prefetched weights in four bits, quantised once for all cells."""

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from contract.cell import Cell
from contract.inputs import Copy
from contract.prefetch import Prefetch
from contract.store import Store
from contract.task import Model, Results, Task
from trainer import four_bit
from trainer.inputs import download_copy


def add_four_bit(order: Prefetch, revision: str, place: Store, folder: Path, tell: Callable[[str], None]) -> None:
    """Put it beside the weights, which `folder` has, unless it is there, whole. Its record is written last.

    `tell` hears what takes its time. Raises BadInput for weights that cannot be quantised.
    """
    task = _any_cell(order, revision, folder)
    name = f"{order.input}/{four_bit.name(task)}"
    if _is_there(place, name, folder.parent / "there"):
        return
    tell(f"{name} is being made")

    from trainer.quantise import write_copy

    written = write_copy(task)
    for path in sorted(written.iterdir(), key=lambda path: path.name == four_bit.RECORD):
        place.upload(f"{name}/{path.name}", path)


def _is_there(place: Store, name: str, folder: Path) -> bool:
    if (data := place.get(f"{name}/{four_bit.RECORD}")) is None:
        return False
    try:
        copy = Copy.model_validate_json(data)
    except ValidationError:
        return False
    return download_copy(place, name, copy, folder) is None


def _any_cell(order: Prefetch, revision: str, folder: Path) -> Task:
    """All cells of a model share its base."""
    return Task(
        cell=Cell(model=order.input, labels=2, samples=800),
        model=Model(weights=str(folder.parent), revision=revision, double_quant=order.double_quant),
        results=Results(uri=order.place),
    )
