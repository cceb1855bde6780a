"""The warnings that a picture carries wherever it goes."""

from matplotlib.figure import Figure

from aggregator.outcomes.marks import Marks

RED = "#a4262c"
"""Of every warning, on white paper: contrast 7.2 (WCAG 2.2, 1.4.3)."""

LINE = 0.22
"""Height of a warning on a picture, inches."""


def stamp(figure: Figure, marks: Marks, top_inches: float) -> None:
    """Write the warnings on a picture, a line each, from `top_inches` below its upper edge."""
    width, height = figure.get_size_inches()
    for number, warning in enumerate(marks.warnings()):
        y = 1 - (top_inches + number * LINE) / height
        figure.text(0.15 / width, y, warning, fontsize=10, color=RED, weight="bold", va="top")
