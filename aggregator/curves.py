"""Validation accuracy over the training, a panel for each subset, a line for each model and seed."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aggregator.heatmap import Marks
from aggregator.table import Subset
from contract.cell import MODELS
from contract.result import Success

_COLOURS = dict(zip(MODELS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), strict=True))
"""Okabe and Ito's palette, which colour-blind readers can tell apart; a model keeps its colour in every report."""
_MARKERS = dict(zip(MODELS, "os^vDP", strict=True))


def draw_curves(successes: Sequence[Success], marks: Marks) -> Figure | None:
    """Rows are labels, columns samples; None without a finished cell. The dotted line is what guessing gets."""
    if not successes:
        return None
    labels = sorted({success.cell.labels for success in successes})
    samples = sorted({success.cell.samples for success in successes})
    warnings = marks.warnings()
    width, height = max(2.9 * len(samples), 6.0), 1.9 * len(labels) + 1.4 + 0.2 * len(warnings)
    figure = Figure(figsize=(width, height))
    # Margins in inches. A layout engine would find them too, and take two seconds for twelve panels.
    margins = {"left": 0.75 / width, "right": 1 - 0.15 / width, "bottom": 1.0 / height}
    figure.subplots_adjust(**margins, top=1 - (0.35 + 0.2 * len(warnings)) / height, hspace=0.42, wspace=0.08)
    panels = figure.subplots(len(labels), len(samples), sharey=True, squeeze=False)
    for row, k in enumerate(labels):
        for column, n in enumerate(samples):
            shown = [s for s in successes if (s.cell.labels, s.cell.samples) == (k, n)]
            _draw_panel(panels[row][column], Subset(k, n), shown)
    figure.text(0.5, 0.62 / height, "optimizer step", fontsize=9, ha="center")
    figure.text(0.2 / width, 0.5, "validation accuracy, %", fontsize=9, rotation=90, va="center")
    _legend(figure, list(dict.fromkeys(success.cell.model for success in successes)), marks)
    figure.suptitle("\n".join(warnings), fontsize=8, color="#a4262c", y=1 - 0.08 / height, va="top")
    return figure


def _draw_panel(axes: Axes, subset: Subset, successes: Sequence[Success]) -> None:
    axes.set_title(f"{subset.labels} labels, {subset.samples} samples", fontsize=9)
    axes.set_ylim(0, 102)
    axes.axhline(100 / subset.labels, color="#666666", linestyle=":", linewidth=1)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.tick_params(labelsize=8)
    for success in successes:
        steps = [evaluation.step for evaluation in success.history]
        accuracies = [100 * evaluation.accuracy for evaluation in success.history]
        axes.plot(steps, accuracies, marker=_MARKERS[success.cell.model], **_line(success.cell.model))


def _legend(figure: Figure, models: Sequence[str], marks: Marks) -> None:
    handles = [
        Line2D([], [], marker=_MARKERS[model], label=MODELS[model].title + marks.star(model), **_line(model))
        for model in models
    ]
    figure.legend(handles=handles, loc="lower center", ncols=min(3, len(handles)), frameon=False, fontsize=8)


def _line(model: str) -> dict[str, Any]:
    return {"color": _COLOURS[model], "linewidth": 1.2, "markersize": 2.5, "alpha": 0.9}
