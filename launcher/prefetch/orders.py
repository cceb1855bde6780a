"""What a grid needs to have copied, and how its cells are told of it then. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.exits import BadInput
from contract.inputs import CORPUS, in_bucket
from contract.prefetch import Prefetch
from contract.task import Task

_GENERATED = ("random", "synthetic")


@dataclass(frozen=True)
class Ended:
    """An order, whether its copy is there now, and the last words about it."""

    order: Prefetch
    done: bool
    said: str


def orders_of(tasks: Sequence[Task], place: str, *, four_bit: bool = True, unsafe: bool = False) -> list[Prefetch]:
    """One a model, one for the corpus; none for what is generated. Raises BadInput for what cannot be a source."""
    pairs = [(task.cell.model, task.model.weights) for task in tasks]
    pairs += [(CORPUS, task.data.source) for task in tasks]
    wanted = list(dict.fromkeys(pair for pair in pairs if pair[1] not in _GENERATED))
    sources = dict(wanted)
    for name, source in wanted:
        if in_bucket(source):
            raise BadInput(
                f"{name} is to come from {source}, which is where copies go: give the place with --to, and "
                "leave the source as the hub or a folder (--set)"
            )
        if source != sources[name]:
            raise BadInput(f"{name} is to come from {source} and from {sources[name]}: choose cells with --only")
    double = {task.cell.model: task.model.double_quant for task in tasks} | {CORPUS: True}
    return [
        Prefetch(
            input=name,
            source=source,
            place=place,
            unsafe=unsafe,
            four_bit=four_bit and name != CORPUS,
            double_quant=double[name],
        )
        for name, source in wanted
    ]


def settings_of(orders: Sequence[Prefetch]) -> list[str]:
    """What `--set` takes so that cells use the copies."""
    return [
        f"data.source={order.place}/{CORPUS}" if order.input == CORPUS else f"{order.input}:model.weights={order.place}"
        for order in orders
    ]
