"""How charts look: one mark for each model, the same in every report, and colours that the page can turn dark."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aggregator.figures.stamp import RED
from aggregator.outcomes.marks import Marks
from contract.cell import MODELS

INK, SOFT, RULE, PAPER = "#1b1e23", "#565d66", "#e5e5e5", "#ffffff"
STYLE: dict[Any, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), PAPER),
    "text.parse_math": False,  # some words come from the store, and a dollar among them is a dollar
}
"""Settings of matplotlib under which charts are made."""
PAGE_COLOURS = {INK: "--ink", SOFT: "--soft", RULE: "--line", PAPER: "--card", RED: "--warn"}
"""Colour of a chart -> the name in report.css of what the page has in its place."""

_COLOURS = dict(zip(MODELS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), strict=True))
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""
_MARKERS = dict(zip(MODELS, "os^vDP", strict=True))


def line(model: str, marks: Marks) -> dict[str, Any]:
    """Colour, marker and stroke of the model; broken where its weights are random."""
    style = (0, (4, 2)) if marks.is_random(model) else "-"
    return point(model) | {"linestyle": style, "linewidth": 1.3}


def point(model: str) -> dict[str, Any]:
    """Colour and marker of the model, unconnected."""
    look = {"color": _COLOURS[model], "marker": _MARKERS[model], "linestyle": "none"}
    return look | {"markersize": 5, "markeredgecolor": PAPER, "markeredgewidth": 0.5}


def plain(axes: Axes) -> None:
    """A grid instead of a frame."""
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, length=2)
    axes.spines[["top", "right"]].set_visible(False)


def accuracy_axis(axes: Axes, labels: int) -> None:
    """0 to 100 % upwards; the dotted line is what guessing gets."""
    axes.set_ylim(0, 104)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.axhline(100 / labels, color=SOFT, linestyle=":", linewidth=1)


def name_models(figure: Figure, models: Iterable[str], marks: Marks, columns: int = 3) -> None:
    """The legend, below all panels."""
    handles = [Line2D([], [], label=marks.title(model), **line(model, marks)) for model in dict.fromkeys(models)]
    figure.legend(handles=handles, loc="lower center", ncols=min(columns, len(handles)), frameon=False, fontsize=8)
