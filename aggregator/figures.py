"""The figures: each is laid out once and written in every format that is asked for."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from aggregator.boxes import Split
from aggregator.curves import draw_curves
from aggregator.heatmap import draw_heatmap
from aggregator.report import Report

Name = Literal["heatmap", "heatmap-test", "curves"]

_TITLES: dict[Split, str] = {
    "validation": "Validation accuracy (%), as the study reports it",
    "test": "Test accuracy (%), on one fixed set of comments per label count",
}
_SVG: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "emotion-grid", "font.family": "sans-serif"}
"""Text stays text, and the same figure gives the same bytes."""


@dataclass(frozen=True)
class Picture:
    """One figure, ready to be written."""

    figure: Figure
    svg: bytes

    @property
    def png(self) -> bytes:
        """Rendered when it is asked for, since it takes a third of the report's time."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=160)
        return buffer.getvalue()

    def inline(self, prefix: str, description: str) -> Markup:
        """The drawing for a page, without its XML prologue and described for those who do not see it.

        `prefix` keeps its ids apart from those of other drawings on the page.
        """
        text = self.svg.decode()
        drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text[text.index("<svg") :])
        opening = Markup('<svg role="img" aria-label="{}" ').format(description)
        return opening + Markup(drawing.removeprefix("<svg "))  # noqa: S704 (our own drawing)


def draw(report: Report) -> Mapping[Name, Picture]:
    """Every figure of the report; no curves without a finished cell."""
    found: dict[Name, Figure] = {
        "heatmap": draw_heatmap(_title(report, "validation"), report.validation, report.marks),
        "heatmap-test": draw_heatmap(_title(report, "test"), report.test, report.marks, report.best),
    }
    curves = draw_curves(report.successes, report.marks)
    if curves:
        found["curves"] = curves
    return {name: Picture(figure, _svg(figure)) for name, figure in found.items()}


def _title(report: Report, split: Split) -> str:
    return _TITLES[split] + (f", mean over {report.seeds} seeds" if report.seeds != "1" else "")


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with rc_context(_SVG):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
