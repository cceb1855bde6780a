"""What the cells cost, to stand beside what they reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from aggregator.outcomes.boxes import Boxes, Place
from contract.result import Success


@dataclass(frozen=True)
class Cost:
    """Of one or more finished cells."""

    cells: int
    accuracy: float
    """Mean test accuracy, 0..1."""
    seconds: float
    """Mean wall time from the process' start to its result. Of the attempt that published, without those before it."""
    start_up_seconds: float
    """Mean time from the process' start to its first optimizer step."""
    peak_memory_bytes: int
    """The highest: on a GPU what torch allocated, on a CPU the resident set."""
    hours: float
    """All cells' wall time."""
    gpu_hours: float
    """The part of it on GPUs: a cell trains on one."""
    devices: tuple[str, ...]
    resumed: int
    """How many of the cells went on from an earlier attempt, whose time is not in here."""


@dataclass(frozen=True)
class Costs:
    """Of all cells, by model, and by model and subset; in the order of the grid."""

    total: Cost
    models: Mapping[str, Cost]
    places: Mapping[Place, Cost]


def costs_of(test: Boxes) -> Costs | None:
    """None without a finished cell."""
    done = {place: box.done for place, box in test.items() if box.done}
    if not done:
        return None
    by_model: dict[str, list[Success]] = {}
    for (model, _), successes in done.items():
        by_model.setdefault(model, []).extend(successes)
    return Costs(
        total=cost([success for successes in done.values() for success in successes]),
        models={model: cost(successes) for model, successes in by_model.items()},
        places={place: cost(successes) for place, successes in done.items()},
    )


def cost(successes: Sequence[Success]) -> Cost:
    """There must be one."""
    hours = [success.provenance.seconds / 3600 for success in successes]
    return Cost(
        cells=len(successes),
        accuracy=fmean(success.test.accuracy for success in successes),
        seconds=3600 * fmean(hours),
        start_up_seconds=fmean(success.start_up_seconds for success in successes),
        peak_memory_bytes=max(success.training.peak_memory_bytes for success in successes),
        hours=sum(hours),
        gpu_hours=sum(spent for spent, success in zip(hours, successes, strict=True) if _on_gpu(success)),
        devices=tuple(sorted({success.provenance.device or "unknown" for success in successes})),
        resumed=sum(success.training.resumed_from_step is not None for success in successes),
    )


def _on_gpu(success: Success) -> bool:
    return success.provenance.device not in ("cpu", None)


def in_all(spent: Cost) -> str:
    """The sum in a sentence."""
    machines = ", ".join(spent.devices)
    total = f"{_number(spent.cells)} took {spent.hours:.1f} hours on {machines}"
    gpu = f"{spent.gpu_hours:.1f} of them GPU-hours" if spent.gpu_hours else "none of them on a GPU"
    resumed = f" {_number(spent.resumed)} went on from an earlier attempt, whose time is not counted."
    return f"{total}, {gpu}.{resumed if spent.resumed else ''}"


def _number(cells: int) -> str:
    return f"{cells} cell{'' if cells == 1 else 's'}"
