"""Everything that a report shows, computed once from the outcomes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aggregator.findings.headlines import Baseline, Headline, baselines, headlines
from aggregator.findings.paired import Family, best_places, families
from aggregator.findings.published import Comparison, compare
from aggregator.findings.trends import Trends, trends
from aggregator.outcomes.audit import Finding, audit
from aggregator.outcomes.boxes import Boxes, Place, Subset, boxes, models_of, subsets_of
from aggregator.outcomes.describe import MEANINGS, Status, last_lines_of
from aggregator.outcomes.labels import LabelTable, label_tables
from aggregator.outcomes.marks import Marks, marks_of
from aggregator.outcomes.settings import deviations
from aggregator.outcomes.table import Row, results_table
from aggregator.outcomes.views import View, views
from aggregator.reading.collect import Outcome, finished
from aggregator.reading.expected import Expected
from aggregator.reading.predictions import Predictions
from contract.result import Success
from contract.task import Task


@dataclass(frozen=True)
class Report:
    """What the files show."""

    expected: Expected
    deviations: Sequence[str]
    """What was asked for otherwise than in the study."""
    audit: Sequence[Finding]
    """What was looked at before cells are compared, differences first."""
    table: Sequence[Row]
    validation: Boxes
    test: Boxes
    marks: Marks
    headlines: Sequence[Headline]
    baselines: Sequence[Baseline]
    families: Sequence[Family]
    trends: Trends
    published: Sequence[Comparison]
    views: Sequence[View]
    label_tables: Sequence[LabelTable]
    successes: Sequence[Success]
    last_lines: Mapping[str, Sequence[str]]
    """Fingerprint -> what the latest attempt said last, where it said something and the cell is not done."""

    @property
    def totals(self) -> dict[Status, int]:
        """Number of cells by status; a status that no cell has is absent."""
        found = Counter(row["status"] for row in self.table)
        return {status: found[status] for status in MEANINGS if found[status]}

    @property
    def complete(self) -> bool:
        """Whether every expected cell is done."""
        return set(self.totals) == {"done"}

    @property
    def unfinished(self) -> list[Row]:
        """The rows of the cells that are not done."""
        return [row for row in self.table if row["status"] != "done"]

    @property
    def best(self) -> set[Place]:
        """Best of its column on test, or not to be told from the best."""
        return best_places(self.families)

    @property
    def comparable(self) -> bool:
        """Whether two models have finished on one subset, so that something can be said of them side by side."""
        return any(family.pairs or family.left_out for family in self.families)

    @property
    def models(self) -> list[str]:
        """In the order of the grid."""
        return models_of(self.test)

    @property
    def subsets(self) -> list[Subset]:
        """By labels, then samples."""
        return subsets_of(self.test)

    def absence(self, model: str, subset: Subset) -> str:
        """Why there is no number of this model on this subset, in a word or three."""
        box = self.test.get((model, subset))
        return "not asked for" if box is None else str(box.pending)

    @property
    def store(self) -> str:
        """Where the results are: a folder or a URI."""
        return self.expected.tasks[0].results.uri

    @property
    def seeds(self) -> str:
        """How many seeds a model was to run on a subset: `1`, `3`, or `1 to 3` where that differs."""
        counts = {box.seeds for box in self.test.values()}
        return f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(min(counts))


def make_report(expected: Expected, outcomes: Sequence[Outcome], predictions: Predictions) -> Report:
    """`outcomes` are those of the expected tasks, in order; `predictions` those of the finished among them."""
    successes = finished(outcomes)
    validation, test = (boxes(expected.tasks, outcomes, split) for split in ("validation", "test"))
    marks = marks_of(successes)
    compared = families(test, predictions, marks)
    return Report(
        expected=expected,
        deviations=deviations(expected.tasks),
        audit=audit(successes),
        table=results_table(expected.tasks, outcomes),
        validation=validation,
        test=test,
        marks=marks,
        headlines=headlines(validation, test, predictions, compared),
        baselines=baselines(test),
        families=compared,
        trends=trends(successes, predictions),
        published=compare(validation, marks),
        views=views(expected.tasks, outcomes, best_places(compared)),
        label_tables=label_tables(test),
        successes=successes,
        last_lines=_last_lines(expected.tasks, outcomes),
    )


def _last_lines(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> dict[str, Sequence[str]]:
    said = {task.fingerprint(): last_lines_of(outcome) for task, outcome in zip(tasks, outcomes, strict=True)}
    return {fingerprint: lines for fingerprint, lines in said.items() if lines}


def provenance(successes: Sequence[Success]) -> Mapping[str, Sequence[str]]:
    """What the finished cells ran with; more than one value in a line means that cells differ in it."""
    facts: dict[str, set[str]] = {}
    for success in successes:
        for name, value in _provenance_of(success).items():
            facts.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in facts.items()}


def _provenance_of(success: Success) -> dict[str, str]:
    by, fields = success.provenance, success.fingerprint_fields
    machine = {"device": by.device or "unknown", "threads": str(by.threads), "compute type": success.training.dtype}
    inputs = {"data": str(fields.get("data.revision")), "weights": str(fields.get("model.revision"))}
    return {"code": by.code_version} | inputs | machine | by.versions
