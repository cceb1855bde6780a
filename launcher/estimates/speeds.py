"""How long a cell is assumed to take where nothing like it was ever measured: the committed table. Pure.

Its shapes are facts, its operations were counted, its processor was measured, and what it says of GPUs was assumed
before there was one, with bounds as wide as that deserves: docs/decisions/0014-price.md has each source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from launcher.cells.effort import Effort, Kind
from launcher.estimates.range import Range

Device = Literal["gpu", "cpu"]
"""What a cell is trained on."""


@dataclass(frozen=True)
class Shape:
    """Of a model."""

    operations: int
    """That an optimizer step of the reference engine dispatches: forward, backward, update. Counted, at any width."""
    parameters: float
    """Of the layers; embeddings are looked up, not multiplied."""


_SHAPES = {
    "qwen2.5": Shape(8793, 1.31e9),
    "llama3.2": Shape(5049, 0.97e9),
    "gpt2-xl": Shape(10991, 1.48e9),
    "gemma3": Shape(10645, 0.70e9),
    "bert": Shape(3510, 85e6),
    "minilm": Shape(1788, 10.6e6),
}
_RANDOM_WEIGHTS = Shape(650, 1.3e6)


@dataclass(frozen=True)
class Machine:
    """What a step takes on it, and a cell beside its steps."""

    operation_seconds: Mapping[str, Range]
    """Of one of these, by engine: the fast one does several at once, and on a GPU sends off a whole step."""
    flop_seconds: Range
    """Of one floating-point operation in them."""
    other_seconds: Range
    """Imports, weights, test and publication."""


_MACHINES: dict[Device, Machine] = {
    "gpu": Machine(
        {"reference": Range(5e-6, 15e-6, 50e-6), "fast": Range(5e-7, 1e-6, 30e-6)},
        Range(1e-14, 3e-14, 2e-13),
        Range(20.0, 60.0, 300.0),
    ),
    "cpu": Machine(
        {"reference": Range(25e-6, 55e-6, 150e-6), "fast": Range(8e-6, 15e-6, 150e-6)},
        Range(5e-12, 1e-11, 5e-11),
        Range(4.0, 8.0, 60.0),
    ),
}
_TOKENS_PER_COMMENT = 20
_FLOPS_PER_TOKEN_AND_PARAMETER = 4
"""Two forward, and two back to the activations: frozen weights get no gradient (Kaplan et al. 2020, section 2.1)."""


def assumed_seconds(effort: Effort, device: Device) -> Range:
    """Of a whole cell."""
    return assumed_training_seconds(effort, device) + _MACHINES[device].other_seconds


def assumed_training_seconds(effort: Effort, device: Device) -> Range:
    """Of its training alone, evaluations included."""
    shape, machine = _shape(effort.kind), _MACHINES[device]
    operations = effort.steps * shape.operations
    flops = effort.comments * _TOKENS_PER_COMMENT * shape.parameters * _FLOPS_PER_TOKEN_AND_PARAMETER
    return machine.operation_seconds[effort.kind.engine] * operations + machine.flop_seconds * flops


def _shape(kind: Kind) -> Shape:
    return _RANDOM_WEIGHTS if kind.random_weights else _SHAPES[kind.model]
