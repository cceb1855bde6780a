"""Copies of trained parameters and their gradients in the compute type: a few kernels a pass for all of them.

Autograd would cast each parameter by itself, cast each gradient, and add each up.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch


class Halves:
    """`values` are read by layers in a pass, which write into `gradients`; both flat, in the order of the parameters.

    `take` comes before the forward pass, `deliver` after the backward pass.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], dtype: torch.dtype) -> None:
        self._parameters = list(parameters)
        ends = list(accumulate((p.numel() for p in parameters), initial=0))
        self._places = [slice(begin, end) for begin, end in pairwise(ends)]
        device = self._parameters[0].device if self._parameters else None
        self.values = torch.zeros(ends[-1], dtype=dtype, device=device)
        self.gradients = torch.zeros_like(self.values)
        # Tensors of two types would be added one after another.
        self._widened = torch.zeros_like(self.values, dtype=torch.float32)

    def take(self) -> None:
        """The parameters as they are now."""
        if self._parameters:
            torch._foreach_copy_(self._like(self.values), [p.detach() for p in self._parameters])

    def deliver(self) -> None:
        """Add to the parameters' own gradients, which must be there."""
        if not self._parameters:
            return
        self._widened.copy_(self.gradients)
        gradients: list[Any] = [p.grad for p in self._parameters]
        torch._foreach_add_(gradients, self._like(self._widened))

    def _like(self, flat: torch.Tensor) -> list[torch.Tensor]:
        return [flat[place].view_as(p) for place, p in zip(self._places, self._parameters, strict=True)]
