"""Root mean square norms by torch's own operation, which on a GPU is one kernel instead of seven."""

from typing import Any

import torch
from torch.nn import functional

_SUFFIX = "RMSNorm"


class FrozenNorm(torch.nn.Module):
    """Takes the place of the norm of a Qwen, Llama or Gemma; computes in fp32, as these do."""

    weight: torch.Tensor

    def __init__(self, weight: torch.Tensor, eps: float) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)
        self.eps = eps

    @classmethod
    def of(cls, norm: Any) -> "FrozenNorm":
        """Gemma's weights are counted from one."""
        weight: torch.Tensor = norm.weight.detach()
        if type(norm).__name__.startswith("Gemma"):
            return cls(1 + weight, norm.eps)
        return cls(weight, norm.variance_epsilon)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (..., features) -> the same, in its type."""
        return functional.rms_norm(x.float(), self.weight.shape, self.weight, self.eps).to(x.dtype)


def fuse_norms(model: torch.nn.Module) -> None:
    """Replace all that are not trained."""
    for name, module in list(model.named_modules()):
        if type(module).__name__.endswith(_SUFFIX) and not module.weight.requires_grad:
            model.set_submodule(name, FrozenNorm.of(module))
