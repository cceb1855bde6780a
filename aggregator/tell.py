"""What the verbs tell: words for people, plain values for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aggregator.collect import Outcome
from aggregator.describe import detail_of, log_key_of, status_of
from aggregator.intervals import wilson
from aggregator.marks import marks_of
from aggregator.settings import changed_settings, in_words
from aggregator.templating import percent
from aggregator.versus import Change, Side, Versus
from contract.cell import MODELS
from contract.result import Metrics, Success
from contract.task import Task

Rows = Sequence[Sequence[str]]


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
    low, high = map(percent, wilson(round(success.test.accuracy * comments), comments))
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


def _labels(metrics: Metrics) -> Rows:
    return [
        (label.label, percent(label.precision), percent(label.recall), percent(label.f1), str(label.support))
        for label in metrics.per_label
    ]


def versus_document(found: Versus) -> dict[str, Any]:
    """A comparison for machines; accuracies in 0..1."""
    return {
        "a": _side(found.a),
        "b": _side(found.b),
        "complete": found.complete,
        "warnings": found.warnings,
        "settings": list(found.settings),
        "totals": found.totals,
        "changes": [_change_document(change) for change in found.changes],
        "uncompared": [
            {"model": model, **asdict(subset), "reason": reason} for (model, subset), reason in found.uncompared.items()
        ],
    }


def _side(side: Side) -> dict[str, Any]:
    return {"run": side.expected.run, "results_uri": side.uri, "done": len(side.successes), "cells": len(side.outcomes)}


def _change_document(change: Change) -> dict[str, Any]:
    model, subset = change.place
    measured = {
        "difference": change.pair.difference,
        "low": change.pair.low,
        "high": change.pair.high,
        "p": change.pair.p,
    }
    place = {"model": model, **asdict(subset), "seeds": change.pair.seeds}
    return place | {"before": change.before, "after": change.after} | measured | {"verdict": change.verdict}


def versus_text(found: Versus) -> str:
    """The same for people; accuracies in percent."""
    sides = [_side(found.a), _side(found.b)]
    lines = [
        *found.warnings,
        *(
            f"{name}  {side['run']} at {side['results_uri']}: {side['done']} of {side['cells']} cells done"
            for name, side in zip("AB", sides, strict=True)
        ),
        *(found.settings or ["no setting differs"]),
    ]
    if found.changes:
        header = ("MODEL", "SUBSET", "SEEDS", "A", "B", "B - A", "95 % INTERVAL", "P", "VERDICT")
        lines += ["", columns([header, *map(_change_row, found.changes)]), "", _sum(found)]
    lines += [f"not compared: {_title(model)}, {subset}: {why}" for (model, subset), why in found.uncompared.items()]
    return "\n".join(lines)


def _change_row(change: Change) -> Sequence[str]:
    model, subset = change.place
    pair = change.pair
    return (
        _title(model),
        str(subset),
        str(pair.seeds),
        percent(change.before),
        percent(change.after),
        f"{100 * pair.difference:+.1f}",
        f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}",
        f"{pair.p:.3f}",
        change.verdict,
    )


def _sum(found: Versus) -> str:
    counted = ", ".join(f"{count} {verdict}" for verdict, count in found.totals.items())
    return f"test accuracy in percent: {counted} (p-values by Holm over {len(found.changes)} comparisons)"


def _title(model: str) -> str:
    return MODELS[model].title


def columns(rows: Rows) -> str:
    """Rows of equal length, each column as wide as its widest entry."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
