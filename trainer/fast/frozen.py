"""Frozen 4-bit layers dequantised once, instead of at every forward and backward pass."""

from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from torch.nn import functional

from trainer.fast.operation import Operation
from trainer.fast.pooling import Poolable


class FrozenLinear(Poolable):
    """A linear layer whose weight is what NF4 has made of it, in the type that it computes in.

    Input and output keep the type of the input, unless `rounds`: then a product stays in the type that it was computed
    in, for readers that would round to it anyway. The products are bit for bit those of Linear4bit, which dequantises
    into the same type and multiplies by the same kernel.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    rounds = False

    def __init__(self, layer: Linear4bit, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.register_buffer("weight", dequantised(layer, dtype), persistent=False)
        bias = None if layer.bias is None else layer.bias.detach().to(dtype)
        self.register_buffer("bias", bias, persistent=False)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (..., in features) -> (..., out features)."""
        return self.handed_on(self.multiply(x.to(self.weight.dtype)), x.dtype)

    def handed_on(self, product: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """What the layer makes of `multiply`'s product: the type of its input, or as it is where it `rounds`."""
        return product if self.rounds else product.to(dtype)

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """In the type of the weight."""
        return functional.linear(x, self.weight, self.bias)

    def multiply_transposed(self, gradient: torch.Tensor) -> torch.Tensor:
        """From the gradient of the product to that of its input, in the type of the weight."""
        return gradient @ self.weight

    def gradient(self, gradient: torch.Tensor) -> torch.Tensor:
        """From the gradient of what `compute` returns to that of its input."""
        return self.multiply_transposed(gradient.to(self.weight.dtype)).to(gradient.dtype)


class PackedLinear(FrozenLinear):
    """The same on a CPU, with weight and transpose laid out once as oneDNN's kernels read them.

    oneDNN lays them out at every product otherwise, a fifth of its time at 60 tokens. Twice the memory; the same bits.
    """

    transpose: torch.Tensor

    def __init__(self, layer: Linear4bit, dtype: torch.dtype, tokens: int) -> None:
        super().__init__(layer, dtype)
        self.register_buffer("transpose", _laid_out(self.weight.t().contiguous(), tokens), persistent=False)
        self.weight = _laid_out(self.weight, tokens)

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        """In the type of the weight."""
        product: torch.Tensor = _PackedProduct.run(x, self.weight, self.transpose, self.bias)
        return product

    def multiply_transposed(self, gradient: torch.Tensor) -> torch.Tensor:
        """From the gradient of the product to that of its input, in the type of the weight."""
        return _product(gradient, self.transpose, None)


class _PackedProduct(Operation):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, transpose: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.transpose = transpose
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        return _product(gradients[0], ctx.transpose, None), None, None, None


def _product(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def _laid_out(weight: torch.Tensor, tokens: int) -> torch.Tensor:
    laid_out: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, tokens)
    return laid_out


def dequantised(layer: Linear4bit, dtype: torch.dtype) -> torch.Tensor:
    """The layer's weight, out features x in features, as its own forward and backward passes compute it."""
    weight: torch.Tensor = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return weight.to(dtype)


def quantised_layers(model: torch.nn.Module) -> dict[str, Linear4bit]:
    """By name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}


def copy_bytes(model: torch.nn.Module, dtype: torch.dtype) -> int:
    """Size of the dequantised weights."""
    return sum(layer.in_features * layer.out_features for layer in quantised_layers(model).values()) * dtype.itemsize


def freeze(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Replace every 4-bit layer by its dequantised self."""
    for name, layer in quantised_layers(model).items():
        model.set_submodule(name, FrozenLinear(layer, dtype))


def freeze_packed(model: torch.nn.Module, dtype: torch.dtype, tokens: int) -> None:
    """The same, laid out for products with about so many tokens."""
    for name, layer in quantised_layers(model).items():
        model.set_submodule(name, PackedLinear(layer, dtype, tokens))


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of torch multiplies laid out weights of this type on a CPU."""
    try:
        with torch.no_grad():
            _product(torch.ones(1, 16, dtype=dtype), _laid_out(torch.ones(16, 16, dtype=dtype), 1), None)
    except (AttributeError, RuntimeError):  # the operators are torch's own, for its compiler
        return False
    return True
