"""Label by label on paper: the F1 of each, and what each is taken for."""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aggregator.figures.lines import RULE, name_models, plain, point
from aggregator.figures.shades import ink_on, tint
from aggregator.figures.stamp import LINE, stamp
from aggregator.outcomes.labels import LabelScore, LabelTable, Told
from aggregator.outcomes.marks import Marks

_ACROSS = 3
"""Confusion matrices side by side."""
# Inches, as in heatmap.py.
_SQUARE, _NAMES, _TITLE = 0.3, 1.15, 0.45
_ROW, _LEFT, _BOTTOM = 0.26, 1.5, 1.1


def draw_label_scores(table: LabelTable, marks: Marks) -> Figure:
    """A row for each label, a mark for each model."""
    top = 0.45 + LINE * len(marks.warnings())
    body = _ROW * len(table.labels)
    width, height = 7.2, top + body + _BOTTOM
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((_LEFT / width, _BOTTOM / height, (width - _LEFT - 0.3) / width, body / height))
    _draw_scores(axes, table.labels, {model: told.scores for model, told in table.models.items()})
    title = f"F1 of each label on test, %: {table.subset}"
    figure.text(_LEFT / width, 1 - (top - 0.15) / height, title, fontsize=10)
    stamp(figure, marks, 0.08)
    name_models(figure, table.models, marks)
    return figure


def draw_confusions(table: LabelTable, marks: Marks) -> Figure:
    """A matrix for each model."""
    side = _SQUARE * table.subset.labels
    across = min(_ACROSS, len(table.models))
    panel_width, panel_height = max(side + _NAMES + 0.1, 2.4), side + _NAMES + _TITLE
    top = 0.35 + LINE * len(marks.warnings())
    width, height = max(across * panel_width, 6.4), ceil(len(table.models) / across) * panel_height + top
    figure = Figure(figsize=(width, height))
    for number, (model, told) in enumerate(table.models.items()):
        left = number % across * panel_width + _NAMES
        bottom = height - top - (number // across + 1) * panel_height + _NAMES
        axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
        axes.set_title(marks.title(model), fontsize=9, loc="left", pad=4)
        _draw_matrix(axes, told)
    title = f"What each true label (rows) was taken for (columns), % of its test comments: {table.subset}"
    figure.text(0.1 / width, 1 - 0.1 / height, title, fontsize=9.5, va="top")
    stamp(figure, marks, 0.1 + LINE)
    return figure


def _draw_matrix(axes: Axes, told: Told) -> None:
    places = range(len(told.scores))
    colours = [[tint(float(np.nan_to_num(share))) for share in row] for row in told.confusion]
    axes.imshow(np.array(colours), aspect="auto")
    axes.set_xticks(places, list(told.scores), rotation=90)
    axes.set_yticks(places, list(told.scores))
    axes.tick_params(labelsize=7.5, length=0)
    axes.spines[:].set_color(RULE)
    for (true, predicted), share in np.ndenumerate(told.confusion):
        if share >= 0.005:  # what rounds to 0 would only hide the rest
            ink = ink_on(colours[true][predicted])
            axes.text(predicted, true, f"{100 * share:.0f}", fontsize=7, ha="center", va="center", color=ink)


def _draw_scores(axes: Axes, labels: Sequence[str], scores: Mapping[str, Mapping[str, LabelScore]]) -> None:
    for model, own in scores.items():
        places = [place for place, label in enumerate(labels) if label in own]
        axes.plot([100 * own[labels[place]].f1 for place in places], places, **point(model))
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("F1, %", fontsize=9)
    plain(axes)
