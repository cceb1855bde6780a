"""Whether the finished cells may be compared at all: what should agree between them, and where it does not.

Each check asks of cells that ought to be alike whether they are. What differs is said in words and first.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from aggregator.statistics.intervals import wilson
from contract.cell import MODELS
from contract.result import Metrics, Success


@dataclass(frozen=True)
class Finding:
    """A thing that was looked at, and what the cells say of it."""

    subject: str
    words: str
    differs: bool


Fact = Callable[[Success], Hashable]
"""What one cell says of a subject; `str()` of it is shown."""

_HASH_DIGITS = 12


def audit(successes: Sequence[Success]) -> list[Finding]:
    """Every check, those that found a difference first; none where there are not two cells to compare."""
    if len(successes) < 2:
        return []
    found = [
        _alike("Test comments", successes, lambda s: s.splits.test.sha256[:_HASH_DIGITS], _labels),
        _alike("Training comments", successes, lambda s: s.splits.train.sha256[:_HASH_DIGITS], _subset_and_seed),
        _alike("Draw, which makes smaller subsets parts of larger ones", successes, _draw, _everywhere),
        _true("Label balance", successes, _balanced, "Each label has as many comments as any other"),
        _alike("Labels", successes, lambda s: ", ".join(s.labels), _labels),
        _true("Label sets", successes, _nested_labels(successes), "Smaller label sets are parts of larger ones"),
        _alike("Settings", successes, _varying(_settings, successes), _everywhere),
        _alike("Weights", successes, lambda s: str(s.fingerprint_fields.get("model.revision")), _model),
        _alike("Origin of the weights", successes, _origin, _everywhere),
        _true("Quantisation", successes, _quantised, "Every module that LoRA adapts is quantised"),
        _alike("Quantised parameters", successes, lambda s: s.training.quantized_parameters, _model),
        _alike("Trainable parameters", successes, lambda s: s.training.trainable_parameters, _model_and_labels),
        _alike("Compute type", successes, _compute_type, _everywhere),
        _alike("Engine", successes, lambda s: str(s.fingerprint_fields.get("train.engine")), _everywhere),
        _alike("Code", successes, lambda s: s.provenance.code_version[:_HASH_DIGITS], _everywhere),
        _alike("Libraries", successes, _varying(lambda s: s.provenance.versions, successes), _everywhere),
        _alike("Device", successes, lambda s: s.provenance.device or "unknown", _everywhere),
        _true(
            "Learning",
            successes,
            _beats_guessing,
            "Each pretrained cell tells its test comments apart better than guessing",
        ),
        _true("Publication", successes, _published_once, "Each result was published once and could not be overwritten"),
        _alike("End of the training", successes, lambda s: s.training.stop, _everywhere),
        _alike("Course of the training", successes, _course, _everywhere),
    ]
    return sorted(found, key=lambda finding: not finding.differs)


def _alike(subject: str, successes: Sequence[Success], fact: Fact, within: Fact) -> Finding:
    """Whether `fact` is one and the same in cells that agree in `within`."""
    groups: dict[Hashable, dict[Hashable, list[Success]]] = {}
    for success in successes:
        groups.setdefault(within(success), {}).setdefault(fact(success), []).append(success)
    split = {name: values for name, values in groups.items() if len(values) > 1}
    if split:
        return Finding(subject, ". ".join(_difference(name, values) for name, values in split.items()), differs=True)
    facts = {fact(success) for success in successes}
    return Finding(subject, str(*facts) if len(facts) == 1 else "agree wherever they should", differs=False)


def _true(subject: str, successes: Sequence[Success], holds: Callable[[Success], bool], claim: str) -> Finding:
    """Whether `holds` in every cell."""
    failing = [success for success in successes if not holds(success)]
    if failing:
        return Finding(subject, f"{claim}, but not in {_who(failing, successes)}", differs=True)
    return Finding(subject, claim, differs=False)


def _difference(name: Hashable, values: Mapping[Hashable, Sequence[Success]]) -> str:
    together = [success for cells in values.values() for success in cells]
    where = f"{name}: " if name else ""
    return where + "; ".join(f"{value} in {_who(cells, together)}" for value, cells in values.items())


def _who(cells: Sequence[Success], among: Sequence[Success]) -> str:
    """The models, if it is all their cells, else how many cells and one of them."""
    models = dict.fromkeys(success.cell.model for success in cells)
    if len(models) < len({s.cell.model for s in among}) and len(cells) == sum(s.cell.model in models for s in among):
        return ", ".join(MODELS[model].title for model in models)
    count = f"{len(cells)} of {len(among)} cells, such as " if len(cells) > 1 else ""
    return count + cells[0].cell.id


def _everywhere(_: Success) -> str:
    return ""


def _labels(success: Success) -> str:
    return f"{success.cell.labels} labels"


def _subset_and_seed(success: Success) -> str:
    return f"{success.cell.labels} labels x {success.cell.samples}, seed {success.cell.seed}"


def _model(success: Success) -> str:
    return MODELS[success.cell.model].title


def _model_and_labels(success: Success) -> str:
    return f"{_model(success)} at {success.cell.labels} labels"


def _draw(success: Success) -> str:
    """What the draw goes by: of one corpus it is nested (docs/decisions/0004-draw.md)."""
    fields = success.fingerprint_fields
    names = ("data.revision", "data.balance", "numerics_version")
    return ", ".join(f"{name} {fields.get(name)}" for name in names)


def _settings(success: Success) -> dict[str, object]:
    fields = success.fingerprint_fields.items()
    return {name: value for name, value in fields if name.startswith("hyper.") or name == "model.double_quant"}


def _varying(facts: Callable[[Success], Mapping[str, object]], successes: Sequence[Success]) -> Fact:
    """Of many named values those that are not the same in every cell."""
    found = [facts(success) for success in successes]
    names = [name for name in dict.fromkeys(chain(*found)) if any(own.get(name) != found[0].get(name) for own in found)]
    return lambda success: ", ".join(f"{name} {facts(success).get(name)}" for name in names) or "the same in every cell"


def _origin(success: Success) -> str:
    if success.random_weights:
        return "random, never pretrained"
    return "the hub" if str(success.fingerprint_fields.get("model.revision")).startswith("hub:") else "a folder"


def _compute_type(success: Success) -> str:
    reason = success.training.dtype_fallback
    return success.training.dtype + (f" ({reason})" if reason else "")


def _course(success: Success) -> str:
    return "in one go" if success.training.resumed_from_step is None else "resumed from a checkpoint"


def _beats_guessing(success: Success) -> bool:
    """Beyond the luck of the comments: by Wilson's 95 % interval. Random weights are told of elsewhere."""
    confusion = success.test.confusion
    right = sum(row[label] for label, row in enumerate(confusion))
    low, _high = wilson(right, sum(map(sum, confusion)))
    return success.random_weights or low > 1 / success.cell.labels


def _published_once(success: Success) -> bool:
    return not success.unsafe_store


def _balanced(success: Success) -> bool:
    return all(_even(metrics) for metrics in (success.validation, success.test))


def _even(metrics: Metrics) -> bool:
    return len({sum(row) for row in metrics.confusion}) == 1


def _nested_labels(successes: Sequence[Success]) -> Callable[[Success], bool]:
    sets = {tuple(success.labels) for success in successes}

    def holds(success: Success) -> bool:
        own = tuple(success.labels)
        return all(own[: len(smaller)] == smaller for smaller in sets if len(smaller) < len(own))

    return holds


def _quantised(success: Success) -> bool:
    quantised = {part for name in success.training.quantized_modules for part in name.split(".")}
    return success.training.quantized_parameters > 0 and quantised.issuperset(MODELS[success.cell.model].lora_targets)
