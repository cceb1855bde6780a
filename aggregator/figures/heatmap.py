"""The study's figure: models x subsets, accuracy in percent. What is no result is a hatch and a word, not a number."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aggregator.figures.shades import PALE, SCALE, ink_on, shade
from aggregator.figures.stamp import LINE, RED, stamp
from aggregator.outcomes.boxes import Box, Boxes, Place, Subset, models_of, subsets_of
from aggregator.outcomes.describe import MEANINGS, Status
from aggregator.outcomes.marks import Marks
from contract.cell import MODELS

_HATCHES: dict[Status, tuple[str, str]] = {
    "running": ("..", "#e3eefc"),
    "failed": ("xxx", "#fbdcd5"),
    "lost": ("\\\\\\", "#fdeccf"),
    "stale": ("|||", "#ececec"),
    "unreadable": ("+++", "#ead9f2"),
    "missing": ("", "#ffffff"),
}
"""Hatch and background of each status; they differ in both, so that neither colour nor print is needed to tell them."""

# Inches. A layout engine would find such margins too, at a quarter of the time that a report may take.
_LEFT, _RIGHT, _BOTTOM, _TITLE = 1.5, 0.85, 0.55, 0.72
_ROW, _LEGEND_ITEM = 0.6, 3.0


@dataclass(frozen=True)
class _Layout:
    """Sizes in inches."""

    rows: int
    columns: int
    warnings: int
    legend_items: int

    @property
    def box_width(self) -> float:
        return min(1.6, max(0.92, 4.7 / self.columns))

    @property
    def width(self) -> float:
        return max(7.5, _LEFT + self.columns * self.box_width + _RIGHT)

    @property
    def legend_lines(self) -> int:
        return ceil(self.legend_items / int(self.width / _LEGEND_ITEM))

    @property
    def bottom(self) -> float:
        return _BOTTOM + LINE * self.legend_lines

    @property
    def height(self) -> float:
        return self.bottom + self.rows * _ROW + _TITLE + self.warnings * LINE

    def place(self, left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        """Inches to the figure's fractions."""
        return left / self.width, bottom / self.height, width / self.width, height / self.height


def draw_heatmap(title: str, found: Boxes, marks: Marks, best: Collection[Place] = ()) -> Figure:
    """Rows are models in the order of the grid, columns subsets by labels, then samples; the scale is 0 to 100 %.

    The boxes of `best` are framed.
    """
    models, subsets = models_of(found), subsets_of(found)
    legend = _legend(_pending(found), framed=bool(best))
    layout = _Layout(len(models), len(subsets), len(marks.warnings()), len(legend))
    figure = Figure(figsize=(layout.width, layout.height))
    body = (layout.columns * layout.box_width, layout.rows * _ROW)
    axes = figure.add_axes(layout.place(_LEFT, layout.bottom, *body))
    for (model, subset), box in found.items():
        _draw_box(axes, subsets.index(subset), models.index(model), box, pale=marks.is_random(model))
        if (model, subset) in best:
            _draw_frame(axes, subsets.index(subset), models.index(model))
    _label_axes(axes, models, subsets, marks)
    _scale(figure.add_axes(layout.place(_LEFT + body[0] + 0.15, layout.bottom, 0.12, body[1])))
    figure.text(0.15 / layout.width, 1 - 0.12 / layout.height, title, fontsize=11.5, va="top")
    stamp(figure, marks, 0.12 + LINE)
    _draw_legend(figure, layout, legend)
    return figure


def _pending(found: Boxes) -> list[Status]:
    shown = {box.pending for box in found.values() if box.mean is None}
    return [status for status in _HATCHES if status in shown]


def _draw_box(axes: Axes, column: int, row: int, box: Box, *, pale: bool) -> None:
    if box.mean is None:
        _draw_pending(axes, column, row, box)
        return
    colour = shade(box.mean, PALE if pale else 1.0)
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
    words: dict[str, Any] = {"ha": "center", "va": "center", "color": ink_on(colour)}
    style = "italic" if pale else "normal"
    middle = row + (0.44 if box.pending else 0.5)
    axes.text(column + 0.5, middle, f"{100 * box.mean:.1f}", fontsize=11, style=style, **words)
    if box.pending:
        axes.text(column + 0.5, row + 0.79, f"{len(box.accuracies)}/{box.seeds} seeds", fontsize=7, **words)


def _draw_pending(axes: Axes, column: int, row: int, box: Box) -> None:
    status = box.pending or "missing"
    axes.add_patch(_sign(status, (column + 0.03, row + 0.04), 0.94, 0.92))
    plate = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"}
    words: dict[str, Any] = {"ha": "center", "va": "center", "color": "#222222", "bbox": plate}
    error = box.error if status == "failed" else None
    axes.text(column + 0.5, row + (0.33 if error else 0.5), status, fontsize=8.5, **words)
    if error:
        axes.text(column + 0.5, row + 0.72, error, fontsize=6, **words)


def _draw_frame(axes: Axes, column: int, row: int) -> None:
    corner = column + 0.045, row + 0.07
    axes.add_patch(Rectangle(corner, 0.91, 0.86, fill=False, edgecolor="white", linewidth=4))
    axes.add_patch(_frame(corner, 0.91, 0.86))  # black on white shows on every colour


def _frame(corner: tuple[float, float], width: float, height: float) -> Rectangle:
    return Rectangle(corner, width, height, fill=False, edgecolor="black", linewidth=1.8)


def _sign(status: Status, corner: tuple[float, float], width: float, height: float) -> Rectangle:
    hatch, background = _HATCHES[status]
    line: Literal["--", "-"] = "--" if status == "missing" else "-"
    return Rectangle(corner, width, height, facecolor=background, edgecolor="#8a8a8a", hatch=hatch, linestyle=line)


def _label_axes(axes: Axes, models: Sequence[str], subsets: Sequence[Subset], marks: Marks) -> None:
    axes.set_xlim(0, len(subsets))
    axes.set_ylim(len(models), 0)
    axes.set_xticks([i + 0.5 for i in range(len(subsets))], [str(subset.samples) for subset in subsets])
    names = [MODELS[model].title + ("\nrandom weights" if marks.is_random(model) else "") for model in models]
    axes.set_yticks([i + 0.5 for i in range(len(models))], names)
    for model, label in zip(models, axes.get_yticklabels(), strict=True):
        label.set_color(RED if marks.is_random(model) else "black")
    axes.tick_params(length=0)
    axes.set_xlabel("samples")
    axes.spines[:].set_visible(False)
    _group_columns(axes, subsets)


def _group_columns(axes: Axes, subsets: Sequence[Subset]) -> None:
    for labels in dict.fromkeys(subset.labels for subset in subsets):
        columns = [i for i, subset in enumerate(subsets) if subset.labels == labels]
        axes.text((columns[0] + columns[-1] + 1) / 2, -0.12, f"{labels} labels", ha="center", va="bottom", fontsize=10)
        if columns[0]:
            axes.axvline(columns[0], color="black", linewidth=1.4)


def _scale(axes: Axes) -> None:
    axes.imshow([[i / 255] for i in range(256)], cmap=SCALE, aspect="auto", origin="lower", extent=(0, 1, 0, 100))
    axes.set_xticks([])
    axes.set_yticks([0, 50, 100], ["0", "50", "100 %"])
    axes.yaxis.tick_right()
    axes.tick_params(length=2, labelsize=8)
    axes.spines[:].set_visible(False)


def _legend(pending: Sequence[Status], *, framed: bool) -> Mapping[str, Rectangle]:
    """Words -> the sign that they explain."""
    signs = {f"{status}: {MEANINGS[status]}": _sign(status, (0, 0), 1, 1) for status in pending}
    return ({"framed: best, or not told from it": _frame((0, 0), 1, 1)} if framed else {}) | signs


def _draw_legend(figure: Figure, layout: _Layout, legend: Mapping[str, Rectangle]) -> None:
    if legend:
        columns = ceil(len(legend) / layout.legend_lines)
        signs, words = list(legend.values()), list(legend)
        figure.legend(signs, words, loc="lower center", ncols=columns, frameon=False, fontsize=8)
