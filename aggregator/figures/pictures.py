"""The figures: each is laid out once and written in every format that is asked for."""

import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from aggregator.figures.curves import draw_curves
from aggregator.figures.heatmap import draw_heatmap
from aggregator.figures.label_scores import draw_confusions, draw_label_scores
from aggregator.figures.lines import PAGE_COLOURS, STYLE
from aggregator.figures.published import draw_published
from aggregator.figures.scaling import draw_by_cost, draw_by_samples
from aggregator.findings.report import Report
from aggregator.outcomes.boxes import Split
from contract.cell import EMOTIONS

NAMES = (
    *("heatmap", "heatmap-test", "curves", "samples", "cost", "labels", "published"),
    *(f"confusion-{labels}" for labels in range(2, len(EMOTIONS) + 1)),
)
"""Every figure that a report may have; the confusion matrices have one for each number of labels."""

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
        """The drawing for a page, in the page's colours, described for those who do not see it.

        `prefix` keeps its ids apart from those of other drawings on the page.
        """
        text = self.svg.decode()
        drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text[text.index("<svg") :])
        for colour, name in PAGE_COLOURS.items():
            drawing = drawing.replace(colour, f"var({name})")
        opening = Markup('<svg role="img" aria-label="{}" ').format(description)
        return opening + Markup(drawing.removeprefix("<svg "))  # noqa: S704 (our own drawing)


def draw(report: Report, names: Collection[str] = NAMES) -> Mapping[str, Picture]:
    """The named figures of the report, without those that its results do not allow."""
    with rc_context(STYLE):
        return {name: Picture(figure, _svg(figure)) for name, figure in _figures(report, names) if figure}


def _figures(report: Report, names: Collection[str]) -> Iterable[tuple[str, Figure | None]]:
    test, marks = report.test, report.marks
    draws: dict[str, Callable[[], Figure | None]] = {
        "heatmap": lambda: draw_heatmap(_title(report, "validation"), report.validation, marks),
        "heatmap-test": lambda: draw_heatmap(_title(report, "test"), test, marks, report.best),
        "curves": lambda: draw_curves(report.successes, marks),
        "samples": lambda: draw_by_samples(report.headlines, marks),
        "cost": lambda: draw_by_cost(test, report.headlines, marks),
        "published": lambda: draw_published(report.published, marks),
    }
    for table in report.label_tables:  # in order: the largest subset stays, of all and of its number of labels
        draws["labels"] = partial(draw_label_scores, table, marks)
        draws[f"confusion-{table.subset.labels}"] = partial(draw_confusions, table, marks)
    return ((name, draw_it()) for name, draw_it in draws.items() if name in names)


def _title(report: Report, split: Split) -> str:
    return _TITLES[split] + (f", mean over {report.seeds} seeds" if report.seeds != "1" else "")


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with rc_context(_SVG):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
