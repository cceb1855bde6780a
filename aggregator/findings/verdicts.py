"""What a family of comparisons tells, in a sentence that is true of it."""

from collections.abc import Iterable, Sequence

from aggregator.findings.paired import Family
from contract.cell import MODELS


def verdict(family: Family) -> str:
    """Which model is best on the subset and which cannot be told from it, or that nothing can be told."""
    return " ".join([_best(family), *_left_out(family)])


def basis(families: Sequence[Family]) -> str:
    """How the models were compared, and what that leaves open."""
    seeds = {pair.seeds for family in families for pair in family.pairs}
    corrected = "Holm's correction holds within a subset, over all its pairs of models."
    one = (
        "One seed: McNemar's exact test. It compares two trainings, not two models: "
        "with another seed each would have come out otherwise."
    )
    several = (
        "Several seeds: Student's t over seeds and comments, which are crossed (min F'); "
        "the interval of a difference is a paired bootstrap over both."
    )
    return " ".join(([one] if 1 in seeds else []) + ([several] if seeds - {1} else []) + [corrected])


def _best(family: Family) -> str:
    compared = {model for pair in family.pairs for model in (pair.first, pair.second)}
    if not compared:
        return "Cannot be told: no two models can be compared."
    best, *equals = family.best
    if len(family.best) == len(compared):
        return f"Cannot be told: {titles(family.best)} do not differ by more than luck."
    if equals:
        return f"{titles([best])} is best, but cannot be told from {titles(equals)}."
    return f"{titles([best])} is best, told apart from {others(len(compared) - 1)}."


def p_value(p: float) -> str:
    """As it stands in a table."""
    return "under 0.001" if p < 0.001 else f"{p:.3f}"


def others(count: int) -> str:
    """All models but the one that was named."""
    return "the other" if count == 1 else f"each of the {count} others"


def _left_out(family: Family) -> list[str]:
    compared = {model for pair in family.pairs for model in (pair.first, pair.second)}
    return [
        f"{'A seed of ' if model in compared else ''}{titles([model])} is not compared: {reason}."
        for model, reason in family.left_out.items()
    ]


def titles(models: Iterable[str]) -> str:
    """`A, B and C`; there must be one."""
    *first, last = [MODELS[model].title for model in models]
    return " and ".join(filter(None, [", ".join(first), last]))
