"""The frozen feed-forward blocks of a model: one operation of autograd each, whose input is rounded once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from trainer.fast.frozen import FrozenLinear
from trainer.fast.operation import Operation
from trainer.fast.pooling import Poolable

_aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """A function, and (gradient of its output, its input) -> gradient of its input."""

    forward: Callable[[torch.Tensor], torch.Tensor]
    backward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


_GELU_TANH = Activation(partial(functional.gelu, approximate="tanh"), partial(_aten.gelu_backward, approximate="tanh"))
ACTIVATIONS = {
    "silu": Activation(functional.silu, _aten.silu_backward),
    "gelu": Activation(functional.gelu, _aten.gelu_backward),
    "gelu_new": _GELU_TANH,
    "gelu_pytorch_tanh": _GELU_TANH,
}
"""By the names that transformers' configurations give them."""


class Feedforward(Poolable):
    """`down(activation(up(x)))`, or `down(activation(gate(x)) * up(x))`."""

    def __init__(
        self, up: FrozenLinear, down: FrozenLinear, activation: Activation, gate: FrozenLinear | None = None
    ) -> None:
        super().__init__()
        self.up, self.down, self.gate = up, down, gate
        self.activation = activation

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (..., features) -> the same."""
        computed: torch.Tensor
        if self.gate is None:
            computed = _Plain.run(x, self.up, self.down, self.activation)
        else:
            computed = _Gated.run(x, self.gate, self.up, self.down, self.activation)
        return computed


class _Plain(Operation):
    """In the type of the weights: torch computes these activations in fp32 and rounds once, whichever it is given."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, up: FrozenLinear, down: FrozenLinear, activation: Activation
    ) -> torch.Tensor:
        ctx.layers = up, down, activation
        inner = up.multiply(x.to(up.weight.dtype))
        ctx.save_for_backward(inner)
        return down.multiply(activation.forward(inner)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        up, down, activation = ctx.layers
        (inner,) = ctx.saved_tensors
        gradient = down.multiply_transposed(gradients[0].to(inner.dtype))
        gradient = up.multiply_transposed(activation.backward(gradient, inner))
        return gradient.to(gradients[0].dtype), None, None, None


class _Gated(Operation):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, gate: FrozenLinear, up: FrozenLinear, down: FrozenLinear, activation: Activation
    ) -> torch.Tensor:
        ctx.layers = gate, up, down, activation
        rounded = x.to(up.weight.dtype)
        closed, inner = gate.multiply(rounded).to(x.dtype), up.multiply(rounded).to(x.dtype)
        opened = activation.forward(closed)
        ctx.save_for_backward(closed, inner, opened)
        return down(opened * inner)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate, up, down, activation = ctx.layers
        closed, inner, opened = ctx.saved_tensors
        gradient = down.gradient(gradients[0])
        through_gate = gate.gradient(activation.backward(gradient * inner, closed))
        return through_gate.add_(up.gradient(gradient.mul_(opened))), None, None, None, None


def fuse_feedforward(model: PreTrainedModel) -> None:
    """Replace the blocks of all five families."""
    if activation := activation_of(model):
        for module in list(model.modules()):
            _replace(module, activation)


def activation_of(model: PreTrainedModel) -> Activation | None:
    """The one that its configuration names; None where it is none of these."""
    names = (getattr(model.config, key, None) for key in ("hidden_activation", "hidden_act", "activation_function"))
    return next((ACTIVATIONS[name] for name in names if name in ACTIVATIONS), None)


def _replace(module: torch.nn.Module, activation: Activation) -> None:
    """The module's block, if it has one."""
    match dict(module.named_children()):
        case {
            "mlp": torch.nn.Module(
                gate_proj=FrozenLinear() as gate, up_proj=FrozenLinear() as up, down_proj=FrozenLinear() as down
            )
        }:
            module.mlp = Feedforward(up, down, activation, gate)
        case {"c_fc": FrozenLinear() as up, "c_proj": FrozenLinear() as down}:
            module.c_fc = Feedforward(up, down, activation)
            module.act = module.c_proj = torch.nn.Identity()
        case {
            "intermediate": torch.nn.Module(dense=FrozenLinear() as up),
            "output": torch.nn.Module(dense=FrozenLinear() as down) as output,
        }:
            module.intermediate = Feedforward(up, down, activation)
            output.dense = torch.nn.Identity()
