"""The study's three trends and their interaction, computed from test accuracies; each sentence is true of its numbers.

Only like is compared with like: two cells enter a difference when they agree in everything but the coordinate in
question, data and settings included; models may have settings of their own, and then the sentence names them.
Differences are in percentage points. What the results cannot tell is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from statistics import fmean
from typing import Literal

from contract.cell import MODELS, Cell
from contract.result import Success

Coordinate = Literal["labels", "samples"]
_BOTH: tuple[Coordinate, Coordinate] = ("labels", "samples")
Span = tuple[int, int]
"""The smaller and the larger value of a coordinate."""


@dataclass(frozen=True)
class Trend:
    """A heading, one generated sentence, and the numbers behind it as table rows."""

    name: str
    sentence: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Trends:
    """What they were computed from, in a sentence, and all four."""

    basis: str
    each: tuple[Trend, ...]


@dataclass(frozen=True)
class Pair:
    """Test accuracies, in percent, of two cells that differ in one coordinate."""

    low: float
    high: float

    @property
    def change(self) -> float:
        """From the coordinate's smaller value to its larger, in points."""
        return self.high - self.low


def trends(successes: Sequence[Success]) -> Trends:
    """Cells with random weights are left out unless there are no others."""
    pretrained = [success for success in successes if not success.random_weights]
    used = pretrained or list(successes)
    each = (label_complexity(used), data_size(used), model_comparison(used), interaction(used))
    several_seeds = len({success.cell.seed for success in used}) > 1
    return Trends(_basis(len(successes), len(pretrained), several_seeds=several_seeds), each)


def _basis(finished: int, pretrained: int, *, several_seeds: bool) -> str:
    left_out = finished - pretrained
    if not finished:
        return "No cell has finished."
    if not pretrained:
        return "Only cells with random weights have finished: these numbers show the plumbing and are no result."
    without = f"; {left_out} with random weights left out" if left_out else ""
    caution = "" if several_seeds else " With one seed a cell a few points of difference may be luck."
    return f"Test accuracy of {_count(pretrained, 'finished cell')}{without}.{caution}"


def label_complexity(successes: Sequence[Success]) -> Trend:
    """From the fewest labels to the most."""
    trend = _effect("Label complexity", successes, "labels")
    span = _widest(successes, "labels")
    if span is None:
        return trend
    guessing = f" Guessing alone falls from {100 / span[0]:.1f} % to {100 / span[1]:.1f} %."
    return Trend(trend.name, trend.sentence + guessing, trend.header, trend.rows)


def data_size(successes: Sequence[Success]) -> Trend:
    """From the smallest subset to the largest."""
    return _effect("Data size", successes, "samples")


def _effect(name: str, successes: Sequence[Success], coordinate: Coordinate) -> Trend:
    span = _widest(successes, coordinate)
    if span is None:
        return Trend(name, f"Cannot be told: no two finished cells differ in {coordinate} alone.")
    changes = [pair.change for pair in _pairs(successes, coordinate, span)]
    words = (
        f"From {span[0]} to {span[1]} {coordinate} test accuracy {_moves(fmean(changes))} "
        f"({_count(len(changes), 'pair')} of cells, {min(changes):+.1f} to {max(changes):+.1f})."
    )
    header = (coordinate, "from, %", "to, %", "change", "pairs")
    steps = pairwise(_values(successes, coordinate))
    return Trend(name, words, header, tuple(_step(successes, coordinate, step) for step in steps))


def _step(successes: Sequence[Success], coordinate: Coordinate, span: Span) -> tuple[str, ...]:
    pairs, name = _pairs(successes, coordinate, span), f"{span[0]} to {span[1]}"
    if not pairs:
        return name, "", "", "", "0"
    low, high = fmean(pair.low for pair in pairs), fmean(pair.high for pair in pairs)
    return name, f"{low:.1f}", f"{high:.1f}", f"{high - low:+.1f}", str(len(pairs))


def model_comparison(successes: Sequence[Success]) -> Trend:
    """Models by their mean over the subsets and seeds that all of them finished."""
    name = "Models"
    models = list(dict.fromkeys(success.cell.model for success in successes))
    if len(models) < 2:
        return Trend(name, "Cannot be told: fewer than two models have finished a cell.")
    shared = _shared_by_all(successes, models)
    if not shared:
        return Trend(name, "Cannot be told: no subset and seed was finished by every model.")
    means = {model: f"{fmean(_accuracies(shared, model)):.1f}" for model in models}
    ranked = sorted(means.items(), key=lambda item: float(item[1]), reverse=True)
    over = f"Over {_count(len(shared) // len(models), 'cell')} that each of {len(models)} models finished, "
    rows = tuple((MODELS[model].title, mean) for model, mean in ranked)
    return Trend(name, over + _ranking(ranked) + _own_settings(shared), ("model", "mean test accuracy, %"), rows)


def _own_settings(successes: Sequence[Success]) -> str:
    values: dict[str, set[object]] = {}
    for success in successes:
        for name, value in _settings(success, "hyper.", "model.", "train."):
            values.setdefault(name, set()).add(value)
    own = [name for name, found in values.items() if len(found) > 1]
    return f" Their settings differ in {', '.join(own)}." if own else ""


def _ranking(ranked: Sequence[tuple[str, str]]) -> str:
    best, worst = ranked[0][1], ranked[-1][1]
    if best == worst:
        return f"all have the same mean test accuracy, {best} %."
    highest, lowest = _all_at(best, ranked), _all_at(worst, ranked)
    return f"{highest} the highest mean test accuracy, {best} %, and {lowest} the lowest, {worst} %."


def _all_at(mean: str, ranked: Sequence[tuple[str, str]]) -> str:
    titles = [MODELS[model].title for model, value in ranked if value == mean]
    return f"{' and '.join(titles)} {'has' if len(titles) == 1 else 'have'}"


def interaction(successes: Sequence[Success]) -> Trend:
    """Whether the gain from data is larger with more labels, over models and seeds that finished all four corners."""
    name = "Data size x label complexity"
    corners = _widest_corners(successes)
    if corners is None:
        return Trend(name, "Cannot be told: no model and seed has finished two sizes at two label counts.")
    labels, samples = corners
    complete = _complete(successes, labels, samples)
    gains = {k: _gains(complete, k, samples) for k in _values(complete, "labels")}
    few, many = fmean(gains[labels[0]]), fmean(gains[labels[1]])
    words = (
        f"From {samples[0]} to {samples[1]} samples test accuracy changes by {few:+.1f} points at {labels[0]} labels "
        f"and by {many:+.1f} at {labels[1]} ({_count(len(gains[labels[0]]), 'pair')} each): with more labels the gain "
        f"from data is {_compared(many - few)}."
    )
    rows = tuple((str(k), f"{fmean(found):+.1f}", str(len(found))) for k, found in gains.items() if found)
    return Trend(name, words, ("labels", "gain from data, points", "pairs"), rows)


def _widest_corners(successes: Sequence[Success]) -> tuple[Span, Span] | None:
    labels, samples = (list(combinations(_values(successes, name), 2)) for name in _BOTH)
    found = [corners for corners in product(labels, samples) if _complete(successes, *corners)]
    return max(found, key=lambda corners: _ratio(corners[0]) * _ratio(corners[1]), default=None)


def _complete(successes: Sequence[Success], labels: Span, samples: Span) -> list[Success]:
    """The cells of each model and seed that finished all four corners."""
    at = [
        {_rest(s, *_BOTH) for s in successes if (s.cell.labels, s.cell.samples) == corner}
        for corner in product(labels, samples)
    ]
    everywhere = set.intersection(*at)
    return [success for success in successes if _rest(success, *_BOTH) in everywhere]


def _gains(successes: Sequence[Success], labels: int, samples: Span) -> list[float]:
    pairs = _pairs([success for success in successes if success.cell.labels == labels], "samples", samples)
    return [pair.change for pair in pairs]


def _values(successes: Sequence[Success], coordinate: Coordinate) -> list[int]:
    return sorted({getattr(success.cell, coordinate) for success in successes})


def _widest(successes: Sequence[Success], coordinate: Coordinate) -> Span | None:
    """The two values farthest apart that some pair of cells spans."""
    spans = combinations(_values(successes, coordinate), 2)
    return max((span for span in spans if _pairs(successes, coordinate, span)), key=_ratio, default=None)


def _ratio(span: Span) -> float:
    return span[1] / span[0]


def _pairs(successes: Sequence[Success], coordinate: Coordinate, span: Span) -> list[Pair]:
    low, high = (
        {_rest(s, coordinate): 100 * s.test.accuracy for s in successes if getattr(s.cell, coordinate) == value}
        for value in span
    )
    return [Pair(low[rest], high[rest]) for rest in low if rest in high]


def _rest(success: Success, *coordinates: str) -> tuple[object, ...]:
    """What is equal in cells that are compared over `coordinates`: the other ones, data and settings."""
    groups = ("data.",) if "model" in coordinates else ("data.", "hyper.", "model.", "train.")
    others = (getattr(success.cell, name) for name in Cell.model_fields if name not in coordinates)
    return (*others, _settings(success, *groups))


def _settings(success: Success, *groups: str) -> tuple[tuple[str, object], ...]:
    """Of these groups; the names of the labels, which follow from their number, and the weights' identity apart."""
    follow = ("data.labels", "model.revision")
    fields = success.fingerprint_fields.items()
    return tuple((name, value) for name, value in sorted(fields) if name.startswith(groups) and name not in follow)


def _shared_by_all(successes: Sequence[Success], models: Sequence[str]) -> list[Success]:
    places = [{_rest(s, "model") for s in successes if s.cell.model == model} for model in models]
    common = set.intersection(*places)
    return [success for success in successes if _rest(success, "model") in common]


def _accuracies(successes: Sequence[Success], model: str) -> list[float]:
    return [100 * success.test.accuracy for success in successes if success.cell.model == model]


def _moves(points: float) -> str:
    if abs(points) < 0.05:
        return "does not change on average"
    return f"{'rises' if points > 0 else 'falls'} by {abs(points):.1f} points on average"


def _compared(difference: float) -> str:
    if abs(difference) < 0.05:
        return "the same"
    return f"{'larger' if difference > 0 else 'smaller'} by {abs(difference):.1f} points"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
