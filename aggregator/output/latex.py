"""results.tex: test accuracies with their intervals, a row for each subset, a column for each model."""

from collections.abc import Iterable, Mapping

from aggregator.findings.headlines import Headline
from aggregator.findings.report import Report
from aggregator.outcomes.boxes import Box, Place, Subset

_ESCAPES = str.maketrans({character: f"\\{character}" for character in "&%$#_{}"} | {"\\": r"\textbackslash{}"})


def as_latex(report: Report) -> str:
    """A table for a paper that uses the package booktabs. A cell without a result has its status, never a number."""
    numbers = {(row.model, row.subset): row for row in report.headlines}
    head = ["labels", "samples", "guessing", *map(report.marks.title, report.models)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_caption(report)}}}",
            rf"\begin{{tabular}}{{rrr{'l' * len(report.models)}}}",
            r"\toprule",
            _line(map(_escaped, head)),
            r"\midrule",
            *(_row(report, subset, numbers) for subset in report.subsets),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _caption(report: Report) -> str:
    words = f"Run {report.expected.run}: test accuracy in percent with its 95 % interval"
    bold = ", in bold the best of each subset and all that cannot be told from it" if report.comparable else ""
    return " ".join(
        [_escaped(f"{words}{bold}."), *(rf"\textbf{{{_escaped(warning)}.}}" for warning in report.marks.warnings())]
    )


def _row(report: Report, subset: Subset, numbers: Mapping[Place, Headline]) -> str:
    places = [(model, subset) for model in report.models]
    cells = [
        _number(numbers[place], report.test[place]) if place in numbers else report.absence(*place) for place in places
    ]
    return _line([str(subset.labels), str(subset.samples), f"{100 / subset.labels:.1f}", *cells])


def _number(row: Headline, box: Box) -> str:
    accuracy = f"{100 * row.test:.1f}"
    marked = rf"\textbf{{{accuracy}}}" if row.best else accuracy
    partial = f" ({len(box.done)}/{box.seeds} seeds)" if box.pending else ""
    return f"{marked} [{100 * row.interval.low:.1f}, {100 * row.interval.high:.1f}]{partial}"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
