"""Validation accuracy over the training: a panel for each subset, a line for each model and seed."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aggregator.figures.lines import accuracy_axis, line, name_models, plain
from aggregator.figures.stamp import LINE, stamp
from aggregator.outcomes.marks import Marks
from contract.result import Success

# Inches, as in heatmap.py.
_PANEL_WIDTH, _PANEL_HEIGHT = 3.4, 1.75
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.75, 0.15, 1.05, 0.35


@dataclass(frozen=True)
class _Grid:
    """The panels: label counts downwards, sizes to the right."""

    labels: Sequence[int]
    samples: Sequence[int]

    def figure(self, warnings: int) -> Figure:
        """An empty figure with margins for the legend and so many warnings."""
        width = _LEFT + max(_PANEL_WIDTH * len(self.samples), 7.2) + _RIGHT
        top = _TOP + LINE * warnings
        height = _BOTTOM + _PANEL_HEIGHT * len(self.labels) + top
        figure = Figure(figsize=(width, height))
        margins = {"left": _LEFT / width, "right": 1 - _RIGHT / width, "bottom": _BOTTOM / height}
        figure.subplots_adjust(**margins, top=1 - top / height, hspace=0.32, wspace=0.06)
        return figure


def draw_curves(successes: Sequence[Success], marks: Marks) -> Figure | None:
    """None without a finished cell. The dotted line is what guessing gets, the marker the best checkpoint."""
    if not successes:
        return None
    grid = _Grid(sorted({s.cell.labels for s in successes}), sorted({s.cell.samples for s in successes}))
    figure = grid.figure(len(marks.warnings()))
    panels = figure.subplots(len(grid.labels), len(grid.samples), sharex="col", sharey=True, squeeze=False)
    for row, labels in enumerate(grid.labels):
        for column, samples in enumerate(grid.samples):
            shown = [s for s in successes if (s.cell.labels, s.cell.samples) == (labels, samples)]
            _draw_panel(panels[row][column], f"{labels} labels, {samples} samples", labels, shown, marks)
    _frame(figure, [success.cell.model for success in successes], marks)
    return figure


def _draw_panel(axes: Axes, title: str, labels: int, successes: Sequence[Success], marks: Marks) -> None:
    axes.set_title(title, fontsize=9, loc="left", pad=3)
    accuracy_axis(axes, labels)
    plain(axes)
    for success in successes:
        _draw_line(axes, success, marks)


def _draw_line(axes: Axes, success: Success, marks: Marks) -> None:
    steps = [evaluation.step for evaluation in success.history]
    accuracies = [100 * evaluation.accuracy for evaluation in success.history]
    best = [i for i, step in enumerate(steps) if step == success.training.best_step]
    axes.plot(steps, accuracies, markevery=best, **line(success.cell.model, marks))


def _frame(figure: Figure, models: Sequence[str], marks: Marks) -> None:
    width, height = figure.get_size_inches()
    figure.text(0.5, 0.68 / height, "optimizer step", fontsize=9, ha="center")
    figure.text(0.18 / width, 0.5, "validation accuracy, %", fontsize=9, rotation=90, va="center")
    stamp(figure, marks, 0.08)
    name_models(figure, models, marks)
