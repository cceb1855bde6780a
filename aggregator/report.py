"""The report as files: two heatmaps, curves, results.csv, results.md and one self-contained page."""

import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from aggregator.collect import Outcome
from aggregator.curves import draw_curves
from aggregator.heatmap import Marks, draw_heatmap
from aggregator.intervals import over_seeds, wilson
from aggregator.published import CEILING_AT_16_LABELS, Comparison, compare, highest_at_16_labels
from aggregator.table import Box, Split, Subset, boxes, results_table
from aggregator.trends import Trend, trends
from contract.cell import MODELS
from contract.exits import BadInput
from contract.result import Success
from contract.task import Task

_TITLES: dict[Split, str] = {
    "validation": "Validation accuracy, %, at the checkpoint that it chose (as the study reports it)",
    "test": "Test accuracy, %, on comments that chose nothing",
}
_SVG: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "emotion-grid", "font.family": "sans-serif"}
"""Text stays text, and the same figure gives the same bytes."""


@dataclass(frozen=True)
class Report:
    """Everything that the files show."""

    run: str
    tasks: Sequence[Task]
    table: pd.DataFrame
    validation: Mapping[tuple[str, Subset], Box]
    test: Mapping[tuple[str, Subset], Box]
    marks: Marks
    trends: Sequence[Trend]
    published: Sequence[Comparison]
    successes: Sequence[Success]

    @property
    def totals(self) -> dict[str, int]:
        """Number of cells by status."""
        return dict(Counter(self.table["status"]))

    @property
    def complete(self) -> bool:
        """Whether every expected cell is done."""
        return set(self.totals) == {"done"}


def make_report(run: str, tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> Report:
    """Compute all that is shown. `outcomes` are those of `tasks`, in order."""
    successes = [outcome for outcome in outcomes if isinstance(outcome, Success)]
    validation = boxes(tasks, outcomes, "validation")
    marks = Marks(
        frozenset(s.cell.model for s in successes if s.random_weights), any(s.synthetic_data for s in successes)
    )
    return Report(
        run=run,
        tasks=tasks,
        table=results_table(tasks, outcomes),
        validation=validation,
        test=boxes(tasks, outcomes, "test"),
        marks=marks,
        trends=trends(successes),
        published=compare(validation),
        successes=successes,
    )


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write every file into `folder`, which is made. Raises BadInput when it cannot be written."""
    validation = _laid_out(draw_heatmap(_TITLES["validation"], report.validation, report.marks))
    test = _laid_out(draw_heatmap(_TITLES["test"], report.test, report.marks))
    curves = draw_curves(report.successes, report.marks)
    validation_svg, test_svg = _svg(validation), _svg(test)
    curves_svg = _svg(curves) if curves else None
    files = {
        "heatmap.png": _png(validation),
        "heatmap.svg": validation_svg,
        "heatmap-test.png": _png(test),
        "heatmap-test.svg": test_svg,
        "results.csv": report.table.to_csv(index=False, lineterminator="\n").encode(),
        "results.md": _render("results.md.j2", report).encode(),
        "report.html": _render(
            "report.html.j2",
            report,
            heatmap=_inline(validation_svg),
            heatmap_test=_inline(test_svg),
            curves=_inline(curves_svg) if curves_svg else None,
        ).encode(),
    }
    if curves_svg:
        files["curves.svg"] = curves_svg
    return [_write(folder, name, data) for name, data in files.items()]


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise BadInput(f"cannot write --out {path}: {error.strerror}") from error
    return path


def _laid_out(figure: Figure) -> Figure:
    """Solve the layout once, not again for each format."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with rc_context(_SVG):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _inline(svg: bytes) -> Markup:
    """The drawing for a page: without its XML prologue and without the groups' ids, which other figures have too."""
    text = svg.decode()
    drawing = re.sub(r'<g id="[a-zA-Z0-9_.]+">', "<g>", text[text.index("<svg") :])
    return Markup(drawing)  # noqa: S704 (our own output)


def _render(template: str, report: Report, **figures: Markup | None) -> str:
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
        warnings=report.marks.warnings(),
        subsets=sorted({s for _, s in report.test}, key=lambda s: (s.labels, s.samples)),
        models=list(dict.fromkeys(model for model, _ in report.test)),
        titles={name: spec.title for name, spec in MODELS.items()},
        headlines=_headlines(report),
        unfinished=report.table[report.table["status"] != "done"].to_dict("records"),
        ceiling=(CEILING_AT_16_LABELS, highest_at_16_labels(report.validation)),
        provenance=_provenance(report.successes),
        cell_text=_cell_text,
        **figures,
    )


@dataclass(frozen=True)
class Headline:
    """A model on a subset in words: accuracies in percent and the 95 % interval of the test accuracy."""

    model: str
    subset: Subset
    validation: str
    test: str
    interval: str
    basis: str


def _headlines(report: Report) -> list[Headline]:
    return [
        Headline(
            MODELS[model].title + report.marks.star(model),
            subset,
            _percent(report.validation[model, subset].mean),
            *_with_interval(report, model, subset),
        )
        for (model, subset), box in report.test.items()
        if box.mean is not None
    ]


def _with_interval(report: Report, model: str, subset: Subset) -> tuple[str, str, str]:
    box = report.test[model, subset]
    if len(box.accuracies) > 1:
        low, high = over_seeds(box.accuracies)
        basis = f"{len(box.accuracies)} seeds, t"
    else:
        comments = next(
            s.splits.test.comments
            for s in report.successes
            if (s.cell.model, s.cell.labels, s.cell.samples) == (model, subset.labels, subset.samples)
        )
        low, high = wilson(round(box.accuracies[0] * comments), comments)
        basis = f"1 seed, Wilson over {comments} comments"
    return _percent(box.mean), f"{100 * low:.1f} to {100 * high:.1f}", basis


def _cell_text(report: Report, model: str, subset: Subset) -> str:
    """Validation / test in percent, or why there is no number."""
    validation, test = report.validation.get((model, subset)), report.test.get((model, subset))
    if validation is None or test is None:
        return "not asked for"
    if test.mean is None:
        return str(test.pending)
    partial = f" ({len(test.accuracies)}/{test.seeds} seeds)" if test.pending else ""
    return f"{_percent(validation.mean)} / {_percent(test.mean)}{partial}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _provenance(successes: Sequence[Success]) -> dict[str, list[str]]:
    """What the finished cells ran with; more than one value in a line means that cells differ in it."""
    facts: dict[str, set[str]] = {}
    for success in successes:
        by = success.provenance
        found = {"code": by.code_version, "device": by.device or "unknown", "threads": str(by.threads)}
        found |= {"compute type": success.training.dtype} | by.versions
        for name, value in found.items():
            facts.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in facts.items()}
