"""What a plan costs: GPU-hours, wall time on the places that there are, and money."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.store import Store
from launcher.cells.plan import Step
from launcher.command_line.settings import PriceSettings
from launcher.costs.places import Places
from launcher.estimates.estimate import CellEstimate, Estimator
from launcher.estimates.evidence import gather
from launcher.estimates.range import Range, total
from launcher.estimates.schedule import makespan

_HOUR = 1 / 3600


@dataclass(frozen=True)
class Price:
    """Of the cells that a submit starts. Attempts that end without a result come on top."""

    cells: dict[str, CellEstimate]
    """By cell id."""
    places: Places
    gpu_hours: Range | None
    """None for cells on processors."""
    wall_hours: Range | None
    """From the first cell's start to the last one's result, all places being free; None where none is known."""
    cost: Range | None
    """In the currency of the price for a GPU-hour; None without one, and without GPUs."""

    @property
    def cell_hours(self) -> Range:
        """Of the cells' processes, wherever they run."""
        return total(estimate.seconds for estimate in self.cells.values()) * _HOUR


def price_plan(steps: Sequence[Step], store: Store, places: Places, settings: PriceSettings) -> Price:
    """By the finished cells that the store has."""
    estimator = Estimator(gather(steps, store, places.device), places.device)
    return price_of(steps, estimator, places, settings.gpu_hour_price)


def price_of(steps: Sequence[Step], estimator: Estimator, places: Places, gpu_hour_price: float | None) -> Price:
    """Of the steps that run, in their order. Pure."""
    cells = {step.task.cell.id: estimator(step.task) for step in steps if step.runs}
    held = [estimate.seconds + places.turnover_seconds for estimate in cells.values()]
    gpu_hours = total(held) * _HOUR if places.device == "gpu" else None
    wall_hours = makespan(held, places.count) * _HOUR if places.count else None
    cost = None if gpu_hours is None or gpu_hour_price is None else gpu_hours * gpu_hour_price
    return Price(cells, places, gpu_hours, wall_hours, cost)
