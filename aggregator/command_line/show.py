"""All that is known about one cell: words for people, plain values for machines."""

from collections.abc import Sequence
from typing import Any

from aggregator.command_line.talk import columns
from aggregator.outcomes.describe import detail_of, log_key_of, status_of
from aggregator.outcomes.marks import marks_of
from aggregator.outcomes.settings import changed_settings, in_words
from aggregator.page.templating import percent
from aggregator.reading.collect import Outcome
from aggregator.statistics.intervals import over_comments
from contract.result import Metrics, Success
from contract.task import Task


def cell_document(task: Task, outcome: Outcome) -> dict[str, Any]:
    """A cell for machines; of a finished one the whole result."""
    known = {
        "cell": task.cell.id,
        "fingerprint": task.fingerprint(),
        "status": status_of(outcome),
        "detail": detail_of(outcome),
        "log": log_key_of(outcome),
    }
    return known | ({"result": outcome.model_dump(mode="json")} if isinstance(outcome, Success) else {})


def cell_text(task: Task, outcome: Outcome) -> str:
    """The same for people."""
    found = marks_of([outcome]).warnings() if isinstance(outcome, Success) else []
    facts = _known(task, outcome) | (_measured(outcome) if isinstance(outcome, Success) else {})
    parts = [*found, str(task.cell), columns([(name, value) for name, value in facts.items() if value])]
    if isinstance(outcome, Success):
        parts += ["", columns([("label", "precision", "recall", "F1", "comments"), *_labels(outcome.test)])]
    return "\n".join(parts)


def _known(task: Task, outcome: Outcome) -> dict[str, str]:
    return {
        "cell": task.cell.id,
        "status": f"{status_of(outcome)} {detail_of(outcome)}".rstrip(),
        "settings": in_words(changed_settings(task)) or "the study's",
        "fingerprint": task.fingerprint(),
        "log": log_key_of(outcome) or "",
    }


def _measured(success: Success) -> dict[str, str]:
    comments, training = success.splits.test.comments, success.training
    low, high = map(percent, over_comments(success.test.accuracy, comments))
    return {
        "test": f"{_scores(success.test)}, {comments} comments, 95 % interval {low} to {high} (Wilson)",
        "validation": f"{_scores(success.validation)}, {success.splits.validation.comments} comments",
        "steps": f"{training.last_step} of {training.planned_steps}, best {training.best_step}, {training.stop}",
        "compute": f"{training.dtype} on {success.provenance.device}, {success.provenance.seconds:.0f} s",
        "code": success.provenance.code_version,
        "artifacts": ", ".join(success.artifacts),
    }


def _scores(metrics: Metrics) -> str:
    return f"accuracy {percent(metrics.accuracy)} %, macro F1 {percent(metrics.f1)} %"


def _labels(metrics: Metrics) -> list[Sequence[str]]:
    return [
        (label.label, percent(label.precision), percent(label.recall), percent(label.f1), str(label.support))
        for label in metrics.per_label
    ]
