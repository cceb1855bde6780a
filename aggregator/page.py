"""The report in words and tables: report.html, which needs no other file, and results.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.boxes import Boxes, Subset
from aggregator.describe import MEANINGS
from aggregator.figures import Name, Picture
from aggregator.intervals import interval
from aggregator.published import CEILING_AT_16_LABELS, highest_at_16_labels
from aggregator.report import Report, provenance
from contract.cell import MODELS

_DESCRIPTIONS: dict[Name, str] = {
    "heatmap": "Heatmap of validation accuracy by model and subset; the table All numbers has the same figures",
    "heatmap-test": "Heatmap of test accuracy by model and subset; the table All numbers has the same figures",
    "curves": "Validation accuracy over optimizer steps, one panel for each subset, one line for each model and seed",
}


@dataclass(frozen=True)
class Headline:
    """A model on a subset in words: accuracies in percent and the 95 % interval of the test accuracy."""

    model: str
    subset: Subset
    validation: str
    test: str
    interval: str
    basis: str


def html(report: Report, pictures: Mapping[Name, Picture]) -> str:
    """A page with style and drawings inside, no script, and nothing to load."""
    drawings = {name.replace("-", "_"): picture.inline(name, _DESCRIPTIONS[name]) for name, picture in pictures.items()}
    return _render("report.html.j2", report, drawings=drawings, headlines=_headlines(report), meanings=MEANINGS)


def markdown(report: Report) -> str:
    """The same in short."""
    return _render("results.md.j2", report, cell_text=_cell_text)


def _render(template: str, report: Report, **extra: Any) -> str:
    environment = Environment(
        loader=PackageLoader("aggregator"),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(
        report=report,
        run=report.expected.run,
        marks=report.marks,
        titles={name: spec.title for name, spec in MODELS.items()},
        ceiling=CEILING_AT_16_LABELS,
        highest=highest_at_16_labels(report.validation, report.marks),
        provenance=provenance(report.successes),
        **extra,
    )


def _headlines(report: Report) -> Sequence[Headline]:
    return [_headline(report, model, subset) for (model, subset), box in report.test.items() if box.accuracies]


def _headline(report: Report, model: str, subset: Subset) -> Headline:
    place = (model, subset)
    found = interval(report.test[place])
    return Headline(
        model=report.marks.title(model),
        subset=subset,
        validation=_percent(report.validation, place),
        test=_percent(report.test, place),
        interval=f"{100 * found.low:.1f} to {100 * found.high:.1f}" if found else "",
        basis=found.basis if found else "",
    )


def _cell_text(report: Report, model: str, subset: Subset) -> str:
    """Validation / test in percent, or why there is no number."""
    place = (model, subset)
    box = report.test.get(place)
    if box is None:
        return "not asked for"
    if box.mean is None:
        return str(box.pending)
    partial = f" ({len(box.accuracies)}/{box.seeds} seeds)" if box.pending else ""
    return f"{_percent(report.validation, place)} / {_percent(report.test, place)}{partial}"


def _percent(found: Boxes, place: tuple[str, Subset]) -> str:
    mean = found[place].mean
    return "" if mean is None else f"{100 * mean:.1f}"
