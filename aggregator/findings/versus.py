"""Two runs, or one run in two stores: what was asked for otherwise, and what that changed, on identical comments.

The family of Holm's correction is all that is compared here, a model on a subset each.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from aggregator.findings.paired import Pair, answers_of, corrected, pair
from aggregator.outcomes.boxes import Box, Place, boxes
from aggregator.outcomes.marks import Marks, marks_of
from aggregator.reading.collect import Outcome, finished
from aggregator.reading.expected import Expected
from aggregator.reading.predictions import Predictions
from contract.result import Success

Verdict = Literal["better", "worse", "cannot be told apart", "same results"]


@dataclass(frozen=True)
class Side:
    """One of the two: what was asked for, and what became of it."""

    expected: Expected
    uri: str
    outcomes: Sequence[Outcome]
    predictions: Predictions

    @property
    def successes(self) -> list[Success]:
        """The finished cells."""
        return finished(self.outcomes)

    def test(self) -> dict[Place, Box]:
        """What was asked for, by model and subset."""
        return boxes(self.expected.tasks, self.outcomes, "test")


@dataclass(frozen=True)
class Change:
    """A model on a subset in both; the pair's difference is B less A."""

    place: Place
    pair: Pair
    seeds: int
    """How many were asked for, on the side that asked for more; `pair` rests on those that could be compared."""
    before: float
    after: float
    """Mean test accuracy over the seeds that both finished, 0..1."""
    same: bool
    """Whether both sides have the very same results."""

    @property
    def verdict(self) -> Verdict:
        """What can be said of it."""
        if self.same:
            return "same results"
        if not self.pair.told_apart:
            return "cannot be told apart"
        return "better" if self.pair.difference > 0 else "worse"


@dataclass(frozen=True)
class Versus:
    """What `compare` tells."""

    a: Side
    b: Side
    settings: Sequence[str]
    """What cells of both were asked for otherwise, a line each."""
    changes: Sequence[Change]
    uncompared: Mapping[Place, str]
    """Why a model on a subset could not be compared."""

    @property
    def marks(self) -> Marks:
        """What must not be mistaken for a result."""
        return marks_of([*self.a.successes, *self.b.successes])

    @property
    def complete(self) -> bool:
        """Whether all that was asked for on either side is done."""
        return all(isinstance(outcome, Success) for outcome in [*self.a.outcomes, *self.b.outcomes])

    @property
    def totals(self) -> Mapping[Verdict, int]:
        """How often each verdict was reached."""
        return Counter(change.verdict for change in self.changes)


def versus(a: Side, b: Side) -> Versus:
    """B beside A."""
    of_a, of_b = a.test(), b.test()
    places = dict.fromkeys([*of_a, *of_b])
    found = {place: _change(place, a, b, of_a, of_b) for place in places}
    changes = [change for change in found.values() if isinstance(change, Change)]
    uncompared = {place: reason for place, reason in found.items() if isinstance(reason, str)}
    return Versus(a, b, _settings(a, b), _corrected(changes), uncompared)


def _corrected(changes: Sequence[Change]) -> list[Change]:
    """With Holm's p-values; that the same results are the same is no comparison."""
    pairs = iter(corrected([change.pair for change in changes if not change.same]))
    return [change if change.same else replace(change, pair=next(pairs)) for change in changes]


def _change(place: Place, a: Side, b: Side, of_a: Mapping[Place, Box], of_b: Mapping[Place, Box]) -> Change | str:
    """Before correction, or why there is none."""
    before, after = of_a.get(place), of_b.get(place)
    if before is None:
        return "A does not ask for it"
    if after is None:
        return "B does not ask for it"
    for name, box in (("A", before), ("B", after)):
        if not box.done:
            return f"{name}: {box.pending}"
    answers, new_answers = answers_of(before, a.predictions), answers_of(after, b.predictions)
    both = pair("B", "A", new_answers, answers)
    if both is None:
        return "no seed that both have, with usable answers to the same comments"
    accuracy = fmean(float(new_answers[seed].right.mean()) for seed in new_answers if seed in answers)
    seeds = max(before.seeds, after.seeds)
    return Change(place, both, seeds, accuracy - both.difference, accuracy, before.done == after.done)


def _settings(a: Side, b: Side) -> list[str]:
    """One line for each setting and its two values, with the number of cells."""
    before = {task.cell: task.fingerprint_fields() for task in a.expected.tasks}
    after = {task.cell: task.fingerprint_fields() for task in b.expected.tasks}
    shared = [cell for cell in before if cell in after]
    found = Counter(
        f"{name} {before[cell].get(name)} -> {value}"
        for cell in shared
        for name, value in after[cell].items()
        if before[cell].get(name) != value
    )
    return [f"{change} in {count} of {len(shared)} cells" for change, count in found.items()]
