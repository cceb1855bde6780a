"""Feed-forward blocks of Qwen, Llama and Gemma for a GPU: what lies between the products stays in the compute type."""

from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.fast.feedforward import Activation, activation_of
from trainer.fast.frozen import FrozenLinear


class GatedBlock(torch.nn.Module):
    """`down(activation(gate(x)) * up(x))` of frozen layers.

    Feedforward does the same for a CPU, where it keeps fp32 on the way back and leaves out tokens that nobody reads.
    """

    def __init__(self, gate: FrozenLinear, up: FrozenLinear, down: FrozenLinear, activation: Activation) -> None:
        super().__init__()
        self.gate, self.up, self.down = gate, up, down
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (..., features) -> the same, in its type."""
        computed: torch.Tensor = _Gated.apply(x, self)  # type: ignore[no-untyped-call]
        return computed


def fuse_gated_blocks(model: PreTrainedModel) -> None:
    """Replace those whose first two layers have no biases."""
    activation = activation_of(model)
    if activation is None:
        return
    for name, module in list(model.named_modules()):
        match dict(module.named_children()):
            case {
                "gate_proj": FrozenLinear(bias=None) as gate,
                "up_proj": FrozenLinear(bias=None) as up,
                "down_proj": FrozenLinear() as down,
            }:
                model.set_submodule(name, GatedBlock(gate, up, down, activation))


class _Gated(torch.autograd.Function):
    """Rounds where the reference does on the way forward, and more often on the way back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, block: GatedBlock) -> torch.Tensor:
        rounded = x.to(block.up.weight.dtype)
        gate, up = block.gate.multiply(rounded), block.up.multiply(rounded)
        ctx.save_for_backward(gate, up)
        ctx.block, ctx.dtype = block, x.dtype
        opened = block.activation.forward(gate.to(x.dtype)).mul_(up)
        return block.down.multiply(opened.to(up.dtype)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        block, (gate, up) = ctx.block, ctx.saved_tensors
        gradient = block.down.multiply_transposed(gradients[0].to(up.dtype))
        to_gate = block.activation.backward(gradient * up, gate)
        to_up = gradient.mul_(block.activation.forward(gate))
        to_x = block.gate.multiply_transposed(to_gate).flatten(0, -2)
        to_x.addmm_(to_up.flatten(0, -2), block.up.weight)
        return to_x.view(*gate.shape[:-1], -1).to(ctx.dtype), None
