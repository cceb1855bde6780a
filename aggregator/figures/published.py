"""The study's published figures beside ours, as differences."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aggregator.figures.lines import SOFT, plain, point
from aggregator.figures.stamp import LINE, stamp
from aggregator.findings.published import Comparison
from aggregator.outcomes.marks import Marks
from contract.cell import MODELS

_ROW, _LEFT = 0.34, 2.6
"""Inches."""


def draw_published(comparisons: Sequence[Comparison], marks: Marks) -> Figure | None:
    """A row for each published figure that we have one for, with the interval of the difference; None without any."""
    shown = [row for row in comparisons if row.ours is not None]
    if not shown:
        return None
    top = 0.15 + LINE * len(marks.warnings())
    width, height = 7.2, top + _ROW * len(shown) + 0.65
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((_LEFT / width, 0.6 / height, (width - _LEFT - 0.2) / width, _ROW * len(shown) / height))
    axes.axvline(0, color=SOFT, linewidth=1)
    for place, row in enumerate(shown):
        _draw_row(axes, place, row)
    names = [f"{MODELS[row.published.model].title}, {row.published.subset}" for row in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("ours less the study's, points of validation accuracy, 95 % interval", fontsize=9)
    plain(axes)
    stamp(figure, marks, 0.08)
    return figure


def _draw_row(axes: Axes, place: int, row: Comparison) -> None:
    if row.difference is not None and row.interval:
        low, high = row.interval
        ends = [[100 * (row.difference - low)], [100 * (high - row.difference)]]
        axes.errorbar([100 * row.difference], [place], xerr=ends, elinewidth=1.2, **point(row.published.model))
