"""The study's trends as effects with 95 % intervals, each in one sentence that is true of its numbers.

Only like is compared with like: two cells enter a difference when they agree in everything but the coordinate in
question, data and settings included; models may have settings of their own, and then the sentence names them.
What the results cannot tell is said.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal

from aggregator.findings.ranking import Rank, ranking
from aggregator.findings.verdicts import others, p_value, titles
from aggregator.reading.predictions import Answers, Predictions
from aggregator.statistics.effects import Effect, above_chance, doublings, effect
from aggregator.statistics.inference import ALPHA
from contract.cell import MODELS, Cell
from contract.result import Success

Coordinate = Literal["labels", "samples"]
Cells = Mapping[str, Sequence[Success]]
"""Model -> its cells on the same places, in the same order for every model."""

_BEHIND = ("behind", "95 % interval", "p")
_TOO_FEW_MODELS = "Cannot be told: fewer than two models have finished a cell."


@dataclass(frozen=True)
class Trend:
    """A heading, one generated sentence, and the numbers behind it as table rows."""

    name: str
    sentence: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Trends:
    """What they were computed from, in a sentence, and all five."""

    basis: str
    each: tuple[Trend, ...]


def trends(successes: Sequence[Success], predictions: Predictions) -> Trends:
    """Cells with random weights are left out unless there are no others."""
    pretrained = [success for success in successes if not success.random_weights]
    used = pretrained or list(successes)
    each = (
        label_complexity(used),
        data_size(used),
        interaction(used),
        model_comparison(used, predictions),
        robustness(used, predictions),
    )
    return Trends(_basis(len(successes), len(pretrained)), each)


def _basis(finished: int, pretrained: int) -> str:
    left_out = finished - pretrained
    if not finished:
        return "No cell has finished."
    if not pretrained:
        return "Only cells with random weights have finished: these numbers show the plumbing and are no result."
    without = f"; {left_out} with random weights left out" if left_out else ""
    return f"Test accuracy of {_count(pretrained, 'finished cell')}{without}."


def label_complexity(successes: Sequence[Success]) -> Trend:
    """What each doubling of the labels does to accuracy above chance."""
    found = effect(successes, doublings("labels"), _but("labels"))
    words = _sentence("with each doubling of the labels accuracy above chance", found, "rises by", "falls by")
    return _stepwise("Label complexity", words, successes, "labels")


def data_size(successes: Sequence[Success]) -> Trend:
    """What each doubling of the samples does to accuracy above chance."""
    found = effect(successes, doublings("samples"), _but("samples"))
    words = _sentence("with each doubling of the samples accuracy above chance", found, "rises by", "falls by")
    return _stepwise("Data size", words, successes, "samples")


def interaction(successes: Sequence[Success]) -> Trend:
    """Whether the gain from data is larger with more labels."""
    labels, samples = doublings("labels"), doublings("samples")
    found = effect(successes, lambda s: labels(s) * samples(s), _but("labels"), _but("samples"))
    words = _sentence(
        "with each doubling of the labels the gain from doubling the samples", found, "grows by", "shrinks by"
    )
    gains = {
        k: effect([s for s in successes if s.cell.labels == k], samples, _but("samples"))
        for k in _values(successes, "labels")
    }
    rows = tuple((str(k), f"{gain.mean:+.1f}", _over(gain)) for k, gain in gains.items() if gain)
    return Trend("Data size x label complexity", words, ("labels", "gain of a doubling, points", "over"), rows)


def _sentence(subject: str, found: Effect | None, up: str, down: str) -> str:
    if found is None:
        return "Cannot be told: no finished cells differ in this alone."
    if found.estimate is None:
        alone = f"{_over(found)} {'shows' if found.units == 1 else 'show'} no spread to judge that by"
        return f"Cannot be told: {subject} changes by {found.mean:+.1f} points, but {alone}."
    low, high = found.estimate.low, found.estimate.high
    if found.estimate.p >= ALPHA:
        interval = f"95 % interval {low:+.1f} to {high:+.1f}, Student's t over {_over(found)}"
        return f"Cannot be told: {subject} changes by {found.mean:+.1f} points ({interval})."
    least, most = sorted((abs(low), abs(high)))
    interval = f"95 % interval {least:.1f} to {most:.1f}, Student's t over {_over(found)}"
    return f"{subject.capitalize()} {up if found.mean > 0 else down} {abs(found.mean):.1f} points ({interval})."


def _over(found: Effect) -> str:
    return _count(found.units, found.unit)


def _stepwise(name: str, sentence: str, successes: Sequence[Success], coordinate: Coordinate) -> Trend:
    header = (coordinate, "from, %", "to, %", "change", "pairs")
    steps = pairwise(_values(successes, coordinate))
    return Trend(name, sentence, header, tuple(_step(successes, coordinate, *step) for step in steps))


def _step(successes: Sequence[Success], coordinate: Coordinate, low: int, high: int) -> tuple[str, ...]:
    """Mean test accuracy of the cells that have a twin at the other end."""
    rest = _but(coordinate)
    ends = [
        {rest(s): 100 * s.test.accuracy for s in successes if getattr(s.cell, coordinate) == value}
        for value in (low, high)
    ]
    pairs = ends[0].keys() & ends[1].keys()
    if not pairs:
        return f"{low} to {high}", "", "", "", "0"
    start, end = (fmean(accuracies[pair] for pair in pairs) for accuracies in ends)
    return f"{low} to {high}", f"{start:.1f}", f"{end:.1f}", f"{end - start:+.1f}", str(len(pairs))


def model_comparison(successes: Sequence[Success], predictions: Predictions) -> Trend:
    """Models by their mean over the subsets and seeds that all of them finished."""
    name, shared = "Models", _shared(successes)
    if len(shared) < 2:
        return Trend(name, _TOO_FEW_MODELS)
    if not (cells := next(iter(shared.values()))):
        return Trend(name, "Cannot be told: no subset and seed was finished by every model.")
    means = {model: 100 * fmean(cell.test.accuracy for cell in own) for model, own in shared.items()}
    ranks = ranking(means, _answers(shared, predictions), scale=100)
    words = (
        f"Over {_count(len(cells), 'cell')} that each of {len(ranks)} models finished, {titles([ranks[0].model])} has "
        f"the highest mean test accuracy, {ranks[0].value:.1f} %, {_standing(ranks)}.{_own_settings(shared)}"
    )
    return Trend(name, words, ("model", "mean, %", *_BEHIND), _rows(ranks))


def robustness(successes: Sequence[Success], predictions: Predictions) -> Trend:
    """Models by the accuracy above chance that is left at the most labels, beside what they had at the fewest."""
    name, shared = "Robustness", _shared(successes)
    if len(shared) < 2:
        return Trend(name, _TOO_FEW_MODELS)
    labels = _values(next(iter(shared.values())), "labels")
    few, many = _ends(shared, labels[0], labels[-1]) if len(labels) > 1 else ({}, {})
    if not any(many.values()):
        return Trend(name, "Cannot be told: no size and seed was finished by every model at two numbers of labels.")
    had, left = ({model: fmean(map(above_chance, own)) for model, own in end.items()} for end in (few, many))
    ranks = ranking(left, _answers(many, predictions), scale=100 / (1 - 1 / labels[-1]))
    first = ranks[0].model
    words = (
        f"At {labels[-1]} labels {titles([first])} has most accuracy above chance left, {left[first]:.1f} points of "
        f"its {had[first]:.1f} at {labels[0]}, {_standing(ranks)}.{_own_settings(shared)}"
    )
    rows = [(title, f"{had[rank.model]:.1f}", *rest) for rank, (title, *rest) in zip(ranks, _rows(ranks), strict=True)]
    return Trend(name, words, ("model", f"at {labels[0]} labels", f"at {labels[-1]} labels", *_BEHIND), tuple(rows))


def _ends(shared: Cells, fewest: int, most: int) -> tuple[Cells, Cells]:
    """The cells at either number of labels, of the sizes and seeds that have both."""
    rest = _but("model", "labels")
    few, many = (
        {model: {rest(s): s for s in own if s.cell.labels == labels} for model, own in shared.items()}
        for labels in (fewest, most)
    )
    both = [place for place in next(iter(few.values())) if place in next(iter(many.values()))]
    return _those(few, both), _those(many, both)


def _shared(successes: Sequence[Success]) -> Cells:
    """The cells on the subsets and seeds that every model finished."""
    rest = _but("model")
    places: dict[str, dict[Hashable, Success]] = {}
    for success in successes:
        places.setdefault(success.cell.model, {})[rest(success)] = success
    first, *further = places.values() if places else [{}]
    return _those(places, [place for place in first if all(place in other for other in further)])


def _those(cells: Mapping[str, Mapping[Hashable, Success]], places: Sequence[Hashable]) -> Cells:
    return {model: [own[place] for place in places] for model, own in cells.items()}


def _answers(cells: Cells, predictions: Predictions) -> Mapping[str, Sequence[Answers]] | None:
    """None unless every cell has answers, and all models' to the same comments."""
    found = {model: [predictions.get(success.fingerprint) for success in own] for model, own in cells.items()}
    answers = {model: [one for one in own if isinstance(one, Answers)] for model, own in found.items()}
    complete = all(len(answers[model]) == len(own) for model, own in found.items())
    asked = {tuple(success.splits.test.sha256 for success in own) for own in cells.values()}
    return answers if complete and len(asked) == 1 else None


def _standing(ranks: Sequence[Rank]) -> str:
    further = ranks[1:]
    if any(rank.behind is None for rank in further):
        return "but it cannot be told from the others: that needs each cell's predictions, of two cells at least"
    equals = [rank.model for rank in further if not rank.told_apart]
    return f"but it cannot be told from {titles(equals)}" if equals else f"told apart from {others(len(further))}"


def _rows(ranks: Sequence[Rank]) -> tuple[tuple[str, ...], ...]:
    return tuple((MODELS[rank.model].title, f"{rank.value:.1f}", *_behind(rank)) for rank in ranks)


def _behind(rank: Rank) -> tuple[str, str, str]:
    if rank.behind is None:
        return "", "", ""
    found = rank.behind
    return f"{found.mean:.1f}", f"{found.low:.1f} to {found.high:.1f}", p_value(found.p)


def _own_settings(shared: Cells) -> str:
    values: dict[str, set[object]] = {}
    for success in (success for own in shared.values() for success in own):
        for name, value in _settings(success, "hyper.", "model.", "train."):
            values.setdefault(name, set()).add(value)
    own = [name for name, found in values.items() if len(found) > 1]
    return f" Their settings differ in {', '.join(own)}." if own else ""


def _but(*coordinates: str) -> Callable[[Success], Hashable]:
    """What is equal in cells that are compared over `coordinates`: the other ones, data and settings."""
    return lambda success: _rest(success, *coordinates)


def _rest(success: Success, *coordinates: str) -> tuple[object, ...]:
    groups = ("data.",) if "model" in coordinates else ("data.", "hyper.", "model.", "train.")
    fixed = (getattr(success.cell, name) for name in Cell.model_fields if name not in coordinates)
    return (*fixed, _settings(success, *groups))


def _settings(success: Success, *groups: str) -> tuple[tuple[str, object], ...]:
    """Of these groups; the names of the labels, which follow from their number, and the weights' identity apart."""
    follow = ("data.labels", "model.revision")
    fields = success.fingerprint_fields.items()
    return tuple((name, value) for name, value in sorted(fields) if name.startswith(groups) and name not in follow)


def _values(successes: Sequence[Success], coordinate: Coordinate) -> list[int]:
    return sorted({getattr(success.cell, coordinate) for success in successes})


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
