"""The report in words and tables: report.html, which needs no other file, and results.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from aggregator.figures.pictures import Picture
from aggregator.figures.shades import style_sheet
from aggregator.findings.published import CEILING_AT_16_LABELS, highest_at_16_labels
from aggregator.findings.report import Report, provenance
from aggregator.findings.verdicts import basis, p_value, verdict
from aggregator.outcomes.boxes import Split, Subset
from aggregator.outcomes.costs import costs_of, in_all
from aggregator.outcomes.describe import MEANINGS
from aggregator.outcomes.table import COLUMNS
from aggregator.outcomes.views import METRICS
from aggregator.page.links import log_link, log_name
from aggregator.page.switches import Switch, token
from aggregator.page.templating import environment, percent
from contract.cell import MODELS

DRAWN: Mapping[str, str] = {
    "curves": "Validation accuracy over optimizer steps, one panel for each subset, one line for each model and seed",
    "samples": "Test accuracy with 95 % intervals over the number of samples, one panel for each number of labels, one "
    "line for each model; the table All numbers has the same figures",
}
"""The figures on the page, described for those who do not see them."""


def html(report: Report, pictures: Mapping[str, Picture], folder: Path) -> str:
    """A page with style and drawings inside, no script, and nothing to load; `folder` is where it will lie."""
    drawings = {name: pictures[name].inline(name, words) for name, words in DRAWN.items() if name in pictures}
    return _render(
        "report.html.j2",
        report,
        drawings=drawings,
        meanings=MEANINGS,
        shades=style_sheet(),
        switches=_switches(report),
        token=token,
        log_link=lambda key: log_link(report.store, key, folder),
        log_name=lambda key: log_name(report.store, key),
    )


def markdown(report: Report) -> str:
    """The same in short."""
    return _render("results.md.j2", report, cell_text=_cell_text, columns=COLUMNS)


def _render(template: str, report: Report, **extra: Any) -> str:
    templates = environment()
    templates.filters["p_value"] = p_value
    return templates.get_template(template).render(
        report=report,
        run=report.expected.run,
        marks=report.marks,
        titles={name: spec.title for name, spec in MODELS.items()},
        ceiling=CEILING_AT_16_LABELS,
        highest=highest_at_16_labels(report.validation, report.marks),
        provenance=provenance(report.successes),
        verdict=verdict,
        comparison_basis=basis(report.families),
        costs=costs_of(report.test),
        in_all=in_all,
        **extra,
    )


def _switches(report: Report) -> dict[str, Switch]:
    return _heatmap_switches(report) | _label_switches(report)


def _heatmap_switches(report: Report) -> dict[str, Switch]:
    metrics = {token(metric): words for metric, words in METRICS.items()}
    splits = {token(split): split for split in get_args(Split)}
    seeds = {token("seed", view.seed): _seed_words(view.seed) for view in report.views}
    return {
        "metric": Switch("heatmap", "metric", "Metric", metrics, next(iter(metrics))),
        "split": Switch("heatmap", "split", "Split", splits, next(iter(splits))),
        "seed": Switch("heatmap", "seed", "Seeds", seeds, next(iter(seeds))),
    }


def _seed_words(seed: int | None) -> str:
    return "mean over all" if seed is None else f"seed {seed}"


def _label_switches(report: Report) -> dict[str, Switch]:
    """The hardest subset comes first, and there its most accurate model."""
    if not report.label_tables:
        return {}
    subsets = {token(table.subset): str(table.subset) for table in report.label_tables}
    models = {token(model): report.marks.title(model) for model in report.models}
    hardest = report.label_tables[-1]
    best = max(hardest.models, key=lambda model: report.test[model, hardest.subset].mean_of("accuracy"))
    return {
        "subset": Switch("labels", "subset", "Subset", subsets, token(hardest.subset)),
        "model": Switch("labels", "model", "Model", models, token(best)),
    }


def _cell_text(report: Report, model: str, subset: Subset) -> str:
    """Validation / test in percent, or why there is no number."""
    place = (model, subset)
    box = report.test.get(place)
    if box is None or box.mean is None:
        return report.absence(model, subset)
    partial = f" ({len(box.accuracies)}/{box.seeds} seeds)" if box.pending else ""
    return f"{percent(report.validation[place].mean)} / {percent(box.mean)}{partial}"
