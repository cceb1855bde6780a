"""The report in words and tables: report.html, which needs no other file, and results.md."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.boxes import Subset
from aggregator.describe import MEANINGS
from aggregator.figures import Name, Picture
from aggregator.published import CEILING_AT_16_LABELS, highest_at_16_labels
from aggregator.report import Report, provenance
from aggregator.table import COLUMNS
from aggregator.verdicts import basis, p_value, verdict
from contract.cell import MODELS

_DESCRIPTIONS: dict[Name, str] = {
    "heatmap": "Heatmap of validation accuracy by model and subset; the table All numbers has the same figures",
    "heatmap-test": "Heatmap of test accuracy by model and subset; the table All numbers has the same figures",
    "curves": "Validation accuracy over optimizer steps, one panel for each subset, one line for each model and seed",
}


def html(report: Report, pictures: Mapping[Name, Picture]) -> str:
    """A page with style and drawings inside, no script, and nothing to load."""
    drawings = {name.replace("-", "_"): picture.inline(name, _DESCRIPTIONS[name]) for name, picture in pictures.items()}
    return _render("report.html.j2", report, drawings=drawings, meanings=MEANINGS)


def markdown(report: Report) -> str:
    """The same in short."""
    return _render("results.md.j2", report, cell_text=_cell_text, columns=COLUMNS)


def _render(template: str, report: Report, **extra: Any) -> str:
    environment = Environment(
        loader=PackageLoader("aggregator"),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": _percent, "p_value": p_value}
    return environment.get_template(template).render(
        report=report,
        run=report.expected.run,
        marks=report.marks,
        titles={name: spec.title for name, spec in MODELS.items()},
        ceiling=CEILING_AT_16_LABELS,
        highest=highest_at_16_labels(report.validation, report.marks),
        provenance=provenance(report.successes),
        verdict=verdict,
        comparison_basis=basis(report.families),
        **extra,
    )


def _cell_text(report: Report, model: str, subset: Subset) -> str:
    """Validation / test in percent, or why there is no number."""
    place = (model, subset)
    box = report.test.get(place)
    if box is None or box.mean is None:
        return report.absence(model, subset)
    partial = f" ({len(box.accuracies)}/{box.seeds} seeds)" if box.pending else ""
    return f"{_percent(report.validation[place].mean)} / {_percent(box.mean)}{partial}"


def _percent(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"
