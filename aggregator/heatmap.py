"""The study's figure: models x subsets, accuracy in percent. What is no result is a hatch and a word, not a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aggregator.table import Box, Status, Subset
from contract.cell import MODELS

_COLOURS = colormaps["cividis"]
_HATCHES: dict[Status, tuple[str, str]] = {
    "missing": ("", "#ffffff"),
    "stale": ("|||", "#f4f4f4"),
    "running": ("...", "#e3eefc"),
    "failed": ("xxx", "#fbdcd5"),
    "lost": ("\\\\\\", "#fdeccf"),
    "unreadable": ("+++", "#ead9f2"),
}
"""Hatch and background of each status; they differ in both, so that neither colour nor print is needed to tell them."""
_WARNING = "#a4262c"


@dataclass(frozen=True)
class Marks:
    """What must not be mistaken for a result of the study."""

    random_models: frozenset[str]
    synthetic: bool

    def star(self, model: str) -> str:
        """What to put behind the model's name."""
        return " *" if model in self.random_models else ""

    def warnings(self) -> list[str]:
        """One sentence each, to stand on every picture and page."""
        found = []
        if self.random_models:
            found.append("RANDOM WEIGHTS in rows marked *: untrained models that show the plumbing, no results")
        if self.synthetic:
            found.append("SYNTHETIC DATA: generated comments, no results on GoEmotions")
        return found


def draw_heatmap(title: str, boxes: Mapping[tuple[str, Subset], Box], marks: Marks) -> Figure:
    """Rows are models in the order of the grid, columns subsets by labels, then samples."""
    models = list(dict.fromkeys(model for model, _ in boxes))
    subsets = sorted({subset for _, subset in boxes}, key=lambda subset: (subset.labels, subset.samples))
    warnings = marks.warnings()
    width, height = 2.6 + 0.92 * len(subsets), 1.75 + 0.62 * len(models) + 0.24 * len(warnings)
    figure = Figure(figsize=(max(width, 7.0), height), layout="constrained")
    axes = figure.add_subplot()
    for row, model in enumerate(models):
        for column, subset in enumerate(subsets):
            if (model, subset) in boxes:
                _draw_box(axes, column, row, boxes[model, subset])
    _label_axes(axes, models, subsets, marks)
    figure.suptitle("\n".join([title, *warnings]), fontsize=11, color=_WARNING if warnings else "black")
    _legend(figure, list(boxes.values()))
    return figure


def _draw_box(axes: Axes, column: int, row: int, box: Box) -> None:
    if box.mean is None:
        _draw_pending(axes, column, row, box.pending or "missing")
        return
    colour = _COLOURS(box.mean)
    ink = "white" if _luminance(colour) < 0.45 else "black"
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
    axes.text(column + 0.5, row + 0.5, f"{100 * box.mean:.1f}", ha="center", va="center", color=ink, fontsize=11)
    if box.pending:
        partial = f"{len(box.accuracies)}/{box.seeds} seeds"
        axes.text(column + 0.5, row + 0.83, partial, ha="center", va="center", color=ink, fontsize=7)


def _draw_pending(axes: Axes, column: int, row: int, status: Status) -> None:
    hatch, background = _HATCHES[status]
    axes.add_patch(
        Rectangle((column, row), 1, 1, facecolor=background, edgecolor="#9a9a9a", hatch=hatch, linewidth=0.8)
    )
    plate = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    axes.text(column + 0.5, row + 0.5, status, ha="center", va="center", fontsize=8, color="#333333", bbox=plate)


def _luminance(colour: tuple[float, float, float, float]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2, without its gamma, which the threshold absorbs)."""
    red, green, blue, _ = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _label_axes(axes: Axes, models: Sequence[str], subsets: Sequence[Subset], marks: Marks) -> None:
    axes.set_xlim(0, len(subsets))
    axes.set_ylim(len(models), 0)
    axes.set_xticks([i + 0.5 for i in range(len(subsets))], [f"{subset.samples}" for subset in subsets])
    names = [MODELS[model].title + marks.star(model) for model in models]
    axes.set_yticks([i + 0.5 for i in range(len(models))], names)
    axes.tick_params(length=0)
    axes.set_xlabel("samples")
    for spine in axes.spines.values():
        spine.set_visible(False)
    for labels in dict.fromkeys(subset.labels for subset in subsets):
        columns = [i for i, subset in enumerate(subsets) if subset.labels == labels]
        axes.text((columns[0] + columns[-1] + 1) / 2, -0.12, f"{labels} labels", ha="center", va="bottom", fontsize=10)
        if columns[0]:
            axes.axvline(columns[0], color="black", linewidth=1.2)


def _legend(figure: Figure, boxes: Sequence[Box]) -> None:
    pending = {box.pending or "missing" for box in boxes if box.mean is None}
    shown = [status for status in _HATCHES if status in pending]
    handles = [
        Rectangle((0, 0), 1, 1, facecolor=_HATCHES[s][1], edgecolor="#9a9a9a", hatch=_HATCHES[s][0], label=s)
        for s in shown
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
