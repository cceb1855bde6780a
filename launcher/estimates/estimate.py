"""What a cell is expected to take: by finished cells where there are some, else as the committed table has it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Literal

from contract.result import Success
from contract.task import Task
from launcher.cells.effort import Effort, effort_behind, effort_of
from launcher.estimates.range import Range, united
from launcher.estimates.speeds import Device, assumed_seconds, assumed_training_seconds

Source = Literal["measured", "scaled", "assumed"]
"""By cells of the same model and size, by the nearest cells that were measured, by the committed table."""

_MEASURED_WITHIN, _SAME_MODEL_WITHIN, _OTHER_MODEL_WITHIN = 1.25, 1.3, 2.5
"""Factors by which an estimate may be off, beyond what its cells differ (docs/decisions/0014-price.md)."""
_ALMOST = 1e-9


@dataclass(frozen=True)
class CellEstimate:
    """Seconds of a cell from its process' start to its result, and whence they are known."""

    seconds: Range
    source: Source
    like: str | None
    """Id of a cell that was measured; None when nothing was."""


@dataclass(frozen=True)
class Finished:
    """A finished cell, cut down to what tells how long others take."""

    cell_id: str
    effort: Effort
    seconds: float
    training_seconds: float
    trained_share: float
    """Of the planned steps; less than 1 when it stopped early."""

    @classmethod
    def of(cls, success: Success) -> "Finished":
        """Of a cell that one attempt trained from its start to its end, and whose training was timed."""
        training = success.training
        return cls(
            success.cell.id,
            effort_behind(success),
            success.provenance.seconds,
            success.seconds["training"],
            training.last_step / training.planned_steps,
        )


class Estimator:
    """Estimates cells by those that are finished. A grid has few kinds of work, and each is looked at once."""

    def __init__(self, finished: Sequence[Finished], device: Device) -> None:
        self._finished = finished
        self._device = device
        self._known: dict[Effort, CellEstimate] = {}

    def __call__(self, task: Task) -> CellEstimate:
        """What the cell takes if one attempt trains it."""
        effort = effort_of(task)
        if effort not in self._known:
            self._known[effort] = self._estimate(effort)
        return self._known[effort]

    def _estimate(self, effort: Effort) -> CellEstimate:
        if same_model := [each for each in self._finished if each.effort.kind == effort.kind]:
            return _by_nearest(effort, same_model, _by_size, _SAME_MODEL_WITHIN)
        if self._finished:
            return _by_nearest(effort, self._finished, self._by_table, _OTHER_MODEL_WITHIN)
        return CellEstimate(assumed_seconds(effort, self._device), "assumed", None)

    def _by_table(self, effort: Effort, other: Effort) -> Range:
        """Of two models only the table knows; how fast the machine is cancels out."""
        ours, theirs = (assumed_training_seconds(each, self._device).expected for each in (effort, other))
        return Range.of(ours / theirs)


Ratio = Callable[[Effort, Effort], Range]
"""How many times as long the training of the first takes as that of the second."""


def _by_size(effort: Effort, other: Effort) -> Range:
    """A small batch takes as long as its operations are sent off, a large one as long as its comments take.

    Where batches are equal both say the same.
    """
    by_steps, by_comments = effort.steps / other.steps, effort.comments / other.comments
    low, high = sorted((by_steps, by_comments))
    return Range(low, sqrt(low * high), high)


def _by_nearest(effort: Effort, finished: Sequence[Finished], ratio: Ratio, within: float) -> CellEstimate:
    ratios = [(ratio(effort, each.effort), each) for each in finished]
    nearest = min(map(_distance, ratios))
    chosen = [(found, each) for found, each in ratios if _distance((found, each)) <= nearest + _ALMOST]
    seconds = united([_scaled(each, found) for found, each in chosen])
    like = chosen[0][1]
    if like.effort == effort:
        return CellEstimate(seconds.widened(_MEASURED_WITHIN), "measured", like.cell_id)
    return CellEstimate(seconds.widened(within), "scaled", like.cell_id)


def _distance(found: tuple[Range, Finished]) -> float:
    return abs(log(found[0].expected))


def _scaled(finished: Finished, ratio: Range) -> Range:
    """Training by the ratio, the rest as it was; at most as if nothing stopped it early."""
    training = finished.training_seconds
    upper = ratio.high * training / finished.trained_share
    return Range.of(finished.seconds - training) + Range(ratio.low * training, ratio.expected * training, upper)
