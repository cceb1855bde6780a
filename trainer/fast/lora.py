"""A frozen layer and its LoRA as one operation of autograd."""

from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer

from trainer.fast.frozen import FrozenLinear
from trainer.fast.operation import Operation
from trainer.fast.pooling import Poolable
from trainer.fast.randomness import StreamDropout


class LoraLinear(Poolable, BaseTunerLayer):
    """Takes the place of PEFT's layer, whose parameters keep their names and their arithmetic its roundings.

    PEFT saves the parameters of its tuners' layers, so this is one.
    """

    adapter_layer_names = ("lora_A", "lora_B")

    def __init__(self, layer: LoraLayer) -> None:
        super().__init__()
        self.base_layer: FrozenLinear = layer.base_layer
        self.lora_A, self.lora_B, self.lora_dropout = layer.lora_A, layer.lora_B, layer.lora_dropout
        (self.adapter,) = layer.active_adapters
        self.scaling: float = layer.scaling[self.adapter]

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (..., in features) -> (..., out features)."""
        a, b = self.lora_A[self.adapter].weight, self.lora_B[self.adapter].weight
        dropout = self.lora_dropout[self.adapter]
        kept = dropout.mask(x.shape, x.device) if isinstance(dropout, StreamDropout) else None
        with torch.autocast(x.device.type, enabled=False):
            product: torch.Tensor = _LoraProduct.run(x, a, b, kept, self.base_layer, self.scaling)
        return product


class _LoraProduct(Operation):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        kept: torch.Tensor | None,
        base: FrozenLinear,
        scaling: float,
    ) -> torch.Tensor:
        dtype = base.weight.dtype
        a, b = a.to(dtype), b.to(dtype)
        rounded = x.to(dtype)
        seen = rounded if kept is None else (x * kept).to(dtype)
        inner = seen.flatten(0, -2) @ a.t()
        ctx.save_for_backward(a, b, kept, seen, inner)
        ctx.base, ctx.scaling, ctx.dtype = base, scaling, x.dtype
        product = base.handed_on(base.multiply(rounded), x.dtype)
        return product.add_((inner @ b.t()).mul_(scaling).view(product.shape))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        a, b, kept, seen, inner = ctx.saved_tensors
        gradient = gradients[0]
        rounded = gradient.to(a.dtype)
        scaled = rounded.flatten(0, -2) * ctx.scaling
        to_inner = scaled @ b
        to_a, to_b = (to_inner.t() @ seen.flatten(0, -2)), (scaled.t() @ inner)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_seen = (to_inner @ a).to(ctx.dtype).view(seen.shape)
            if kept is not None:
                to_seen.mul_(kept)
            to_x = ctx.base.multiply_transposed(rounded).to(ctx.dtype).add_(to_seen)
        return to_x, to_a.to(torch.float32), to_b.to(torch.float32), None, None, None


def fuse_lora(model: torch.nn.Module) -> None:
    """Replace PEFT's layers over dequantised weights."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer) and isinstance(module.base_layer, FrozenLinear):
            model.set_submodule(name, LoraLinear(module))
