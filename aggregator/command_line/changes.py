"""What `compare` tells: words for people, plain values for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aggregator.command_line.talk import columns
from aggregator.findings.verdicts import p_value
from aggregator.findings.versus import Change, Side, Versus
from aggregator.outcomes.marks import Marks
from aggregator.page.templating import percent


def versus_document(found: Versus) -> dict[str, Any]:
    """A comparison for machines; accuracies in 0..1."""
    return {
        "a": _side(found.a),
        "b": _side(found.b),
        "complete": found.complete,
        "warnings": found.marks.warnings(),
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
    place = {"model": model, **asdict(subset), "seeds": change.pair.seeds, "seeds_asked": change.seeds}
    return place | {"before": change.before, "after": change.after} | measured | {"verdict": change.verdict}


def versus_text(found: Versus) -> str:
    """The same for people; accuracies in percent."""
    sides = [_side(found.a), _side(found.b)]
    lines = [
        *found.marks.warnings(),
        *(
            f"{name}  {side['run']} at {side['results_uri']}: {side['done']} of {side['cells']} cells done"
            for name, side in zip("AB", sides, strict=True)
        ),
        *(found.settings or ["no setting of the cells that both have differs"]),
    ]
    if found.changes:
        header = ("MODEL", "SUBSET", "SEEDS", "A", "B", "B - A", "95 % INTERVAL", "P", "VERDICT")
        lines += ["", columns([header, *(_row(change, found.marks) for change in found.changes)]), "", _sum(found)]
    for (model, subset), reason in found.uncompared.items():
        lines.append(f"not compared: {found.marks.title(model)}, {subset}: {reason}")
    return "\n".join(lines)


def _row(change: Change, marks: Marks) -> Sequence[str]:
    model, subset = change.place
    pair = change.pair
    return (
        marks.title(model),
        str(subset),
        str(pair.seeds) if pair.seeds == change.seeds else f"{pair.seeds} of {change.seeds}",
        percent(change.before),
        percent(change.after),
        f"{100 * pair.difference:+.1f}",
        f"{100 * pair.low:+.1f} to {100 * pair.high:+.1f}",
        p_value(pair.p),
        change.verdict,
    )


def _sum(found: Versus) -> str:
    compared = sum(not change.same for change in found.changes)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in found.totals.items())
    return f"test accuracy in percent: {counted} (p-values by Holm over {compared} comparisons)"
