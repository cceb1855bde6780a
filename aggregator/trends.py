"""The study's three trends and their interaction, computed from test accuracies; each sentence is true of its numbers.

Only like is compared with like: two cells enter a difference when they agree in everything but the coordinate in
question. Differences are in percentage points. What the results cannot tell is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from contract.cell import MODELS, Cell
from contract.result import Success

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Trend:
    """A heading, one generated sentence, and the numbers behind it as table rows."""

    name: str
    sentence: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def trends(successes: Sequence[Success]) -> list[Trend]:
    """All four. Cells with random weights are left out unless there are no others."""
    pretrained = [success for success in successes if not success.random_weights]
    used = pretrained or list(successes)
    return [label_complexity(used), data_size(used), model_comparison(used), interaction(used)]


def label_complexity(successes: Sequence[Success]) -> Trend:
    """How accuracy falls from the fewest labels to the most."""
    name = "Label complexity"
    counts = sorted({success.cell.labels for success in successes})
    pairs = _pairs(successes, "labels")
    if not pairs:
        return Trend(name, _cannot(f"needs cells with two label counts; there is {_listed(counts, 'none')}"))
    change = fmean(pairs)
    words = f"From {counts[0]} to {counts[-1]} labels test accuracy {_moves(change)}{_over(pairs)}."
    means = [(str(k), _percent(_mean(s for s in successes if s.cell.labels == k)), f"{100 / k:.1f}") for k in counts]
    return Trend(name, words, ("labels", "mean test accuracy, %", "guessing, %"), tuple(means))


def data_size(successes: Sequence[Success]) -> Trend:
    """How accuracy grows from the smallest subset to the largest."""
    name = "Data size"
    sizes = sorted({success.cell.samples for success in successes})
    pairs = _pairs(successes, "samples")
    if not pairs:
        return Trend(name, _cannot(f"needs cells of two sizes; there is {_listed(sizes, 'none')}"))
    change = fmean(pairs)
    words = f"From {sizes[0]} to {sizes[-1]} samples test accuracy {_moves(change)}{_over(pairs)}."
    means = [(str(n), _percent(_mean(s for s in successes if s.cell.samples == n))) for n in sizes]
    return Trend(name, words, ("samples", "mean test accuracy, %"), tuple(means))


def model_comparison(successes: Sequence[Success]) -> Trend:
    """Models by their mean over the cells that all of them finished."""
    name = "Models"
    models = list(dict.fromkeys(success.cell.model for success in successes))
    if len(models) < 2:
        return Trend(name, _cannot(f"needs two models; there is {_listed(models, 'none')}"))
    shared = _shared_by_all(successes, models)
    if not shared:
        return Trend(name, _cannot("the models have no finished subset and seed in common"))
    means = sorted(((_mean(s for s in shared if s.cell.model == m), m) for m in models), reverse=True)
    (best, first), (worst, last) = means[0], means[-1]
    cells = len(shared) // len(models)
    words = (
        f"Over {cells} subset{_s(cells)} that all {len(models)} models finished, {MODELS[first].title} has the highest "
        f"mean test accuracy, {100 * best:.1f} %, and {MODELS[last].title} the lowest, {100 * worst:.1f} %."
    )
    rows = tuple((MODELS[model].title, _percent(mean)) for mean, model in means)
    return Trend(name, words, ("model", "mean test accuracy, %"), rows)


def interaction(successes: Sequence[Success]) -> Trend:
    """Whether the gain from data is larger with more labels."""
    name = "Data size x label complexity"
    counts = sorted({success.cell.labels for success in successes})
    gains = {k: _pairs([s for s in successes if s.cell.labels == k], "samples") for k in counts}
    known = {k: pairs for k, pairs in gains.items() if pairs}
    if len(known) < 2:
        return Trend(name, _cannot("needs two sizes at two label counts"))
    few, many = min(known), max(known)
    gain_few, gain_many = fmean(known[few]), fmean(known[many])
    words = (
        f"From the smallest subset to the largest test accuracy changes by {gain_few:+.1f} points at {few} labels and "
        f"by {gain_many:+.1f} at {many}: the gain from data is {_compared(gain_many, gain_few)} with more labels."
    )
    rows = tuple((str(k), f"{fmean(pairs):+.1f}", str(len(pairs))) for k, pairs in known.items())
    return Trend(name, words, ("labels", "gain from data, points", "pairs"), rows)


def _pairs(successes: Sequence[Success], coordinate: str) -> list[float]:
    """Accuracy at the coordinate's largest value less that at its smallest, in points, for each that has both."""
    values = {getattr(success.cell, coordinate) for success in successes}
    if len(values) < 2:
        return []
    low = _at(successes, coordinate, min(values))
    high = _at(successes, coordinate, max(values))
    return [100 * (high[rest] - low[rest]) for rest in low if rest in high]


def _at(successes: Sequence[Success], coordinate: str, value: int) -> dict[Key, float]:
    chosen = [success for success in successes if getattr(success.cell, coordinate) == value]
    return {_rest(success.cell, coordinate): success.test.accuracy for success in chosen}


def _rest(cell: Cell, coordinate: str) -> Key:
    return tuple(value for name, value in cell.model_dump().items() if name != coordinate)


def _shared_by_all(successes: Sequence[Success], models: Sequence[str]) -> list[Success]:
    places = {model: {_rest(s.cell, "model") for s in successes if s.cell.model == model} for model in models}
    common = set.intersection(*places.values())
    return [success for success in successes if _rest(success.cell, "model") in common]


def _mean(successes: Iterable[Success]) -> float:
    return fmean(success.test.accuracy for success in successes)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _moves(points: float) -> str:
    if abs(points) < 0.05:
        return "does not change"
    return f"{'rises' if points > 0 else 'falls'} by {abs(points):.1f} points"


def _compared(larger: float, smaller: float) -> str:
    if abs(larger - smaller) < 0.1:
        return "about the same"
    return "larger" if larger > smaller else "smaller"


def _over(pairs: Sequence[float]) -> str:
    return f" (mean of {len(pairs)} pair{_s(len(pairs))}, {min(pairs):+.1f} to {max(pairs):+.1f})"


def _cannot(reason: str) -> str:
    return f"Cannot be told: it {reason}." if reason.startswith("needs") else f"Cannot be told: {reason}."


def _listed(values: Sequence[object], nothing: str) -> str:
    return " and ".join(map(str, values)) or nothing


def _s(count: int) -> str:
    return "" if count == 1 else "s"
