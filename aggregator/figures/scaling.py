"""Test accuracy against what it took, samples or time: a panel for each number of labels, a mark for each model."""

from collections.abc import Callable, Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from aggregator.figures.lines import accuracy_axis, line, name_models, plain
from aggregator.figures.stamp import LINE, stamp
from aggregator.findings.headlines import Headline
from aggregator.outcomes.boxes import Boxes
from aggregator.outcomes.costs import costs_of
from aggregator.outcomes.marks import Marks

# Inches, as in heatmap.py.
_PANEL_WIDTH, _PANEL_HEIGHT = 2.6, 2.3
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.75, 0.15, 1.05, 0.35
_DODGE = 0.012
"""Between the models at one size, as a share of the axis: their intervals would hide each other."""


def draw_by_samples(headlines: Sequence[Headline], marks: Marks) -> Figure | None:
    """Lines over the sizes with 95 % intervals; None where there are not two sizes."""
    sizes = sorted({row.subset.samples for row in headlines})
    if len(sizes) < 2:
        return None

    def draw(axes: Axes, rows: Sequence[Headline]) -> None:
        axes.set_xticks(sizes)
        models = list(dict.fromkeys(row.model for row in headlines))
        for number, model in enumerate(models):
            shift = (number - (len(models) - 1) / 2) * _DODGE * (sizes[-1] - sizes[0])
            _draw_sizes(axes, [row for row in rows if row.model == model], shift, marks)

    return _panels(headlines, marks, "samples", draw)


def draw_by_cost(test: Boxes, headlines: Sequence[Headline], marks: Marks) -> Figure | None:
    """Lines from the smallest size to the largest over the mean minutes of a cell; None without a finished cell."""
    costs = costs_of(test)
    if costs is None:
        return None
    minutes = {place: own.seconds / 60 for place, own in costs.places.items()}
    ticks = _round_ticks(min(minutes.values()), max(minutes.values()))

    def draw(axes: Axes, rows: Sequence[Headline]) -> None:
        axes.set_xscale("log")
        axes.set_xlim(ticks[0], ticks[-1])
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        for model in dict.fromkeys(row.model for row in rows):
            own = [row for row in rows if row.model == model]
            spent = [minutes[row.model, row.subset] for row in own]
            axes.plot(spent, [100 * row.test for row in own], **line(model, marks))

    return _panels(headlines, marks, "minutes a cell", draw)


def _draw_sizes(axes: Axes, rows: Sequence[Headline], shift: float, marks: Marks) -> None:
    if rows:
        x = [row.subset.samples + shift for row in rows]
        y = [100 * row.test for row in rows]
        down = [100 * max(0.0, row.test - row.interval.low) for row in rows]
        up = [100 * max(0.0, row.interval.high - row.test) for row in rows]
        axes.errorbar(x, y, yerr=(down, up), elinewidth=0.8, **line(rows[0].model, marks))


def _panels(
    headlines: Sequence[Headline], marks: Marks, x_label: str, draw: Callable[[Axes, Sequence[Headline]], None]
) -> Figure:
    by_subset = sorted(headlines, key=lambda row: row.subset)
    by_labels = {labels: list(rows) for labels, rows in groupby(by_subset, lambda row: row.subset.labels)}
    width = _LEFT + max(_PANEL_WIDTH * len(by_labels), 5.0) + _RIGHT
    top = _TOP + LINE * len(marks.warnings())
    height = _BOTTOM + _PANEL_HEIGHT + top
    figure = Figure(figsize=(width, height))
    margins = {"left": _LEFT / width, "right": 1 - _RIGHT / width, "bottom": _BOTTOM / height}
    figure.subplots_adjust(**margins, top=1 - top / height, wspace=0.08)
    panels = figure.subplots(1, len(by_labels), sharey=True, sharex=True, squeeze=False)[0]
    for axes, (labels, rows) in zip(panels, by_labels.items(), strict=True):
        axes.set_title(f"{labels} labels", fontsize=9, loc="left", pad=3)
        accuracy_axis(axes, labels)
        plain(axes)
        draw(axes, rows)
    figure.text(0.5, 0.6 / height, x_label, fontsize=9, ha="center")
    figure.text(0.18 / width, 0.5, "test accuracy, %", fontsize=9, rotation=90, va="center")
    stamp(figure, marks, 0.08)
    name_models(figure, [row.model for row in headlines], marks)
    return figure


def _round_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, from under `low` to over `high`; both above zero."""
    ticks = [mantissa * 10.0**power for power in range(-3, 5) for mantissa in (1, 2, 5)]
    below = max((tick for tick in ticks if tick < low), default=ticks[0])
    above = min((tick for tick in ticks if tick > high), default=ticks[-1])
    return [tick for tick in ticks if below <= tick <= above]
