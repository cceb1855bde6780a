"""Operations of autograd that cost nothing of it where no gradient is asked for."""

from typing import Any

import torch


class Operation(torch.autograd.Function):
    """A Function to be called by `run`. Twenty to seventy microseconds of a call are `apply`'s own on a CPU."""

    @classmethod
    def run(cls, *inputs: Any) -> Any:
        """What `forward` returns, recorded where autograd records."""
        if torch.is_grad_enabled():
            return cls.apply(*inputs)  # type: ignore[no-untyped-call]
        return cls.forward(_Unrecorded(), *inputs)


class _Unrecorded:
    """Takes the place of a context, from which no backward pass will read."""

    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: torch.Tensor | None) -> None:
        """Keeps none."""
