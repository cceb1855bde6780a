"""AdamW over one flat buffer in place of one call for each parameter, and without waiting for a GPU."""

from collections.abc import Callable, Iterable, Mapping

import bitsandbytes
import torch
from transformers import get_scheduler

from contract.task import Hyper

_BLOCK = 256
"""Elements that the 8-bit optimizer quantises together."""
_LEAST_8_BIT = 4096
"""Tensors of fewer elements it keeps in 32 bits."""


def flat_optimizer(parameters: Mapping[str, torch.nn.Parameter], hyper: Hyper) -> torch.optim.Optimizer:
    """The reference engine's optimizer over the same parameters, which become views of a flat one where that is exact.

    Their gradients are views too: they must be filled with zero, not dropped. Betas and epsilon are Trainer's.
    """
    decaying = [p for name, p in parameters.items() if not name.endswith("bias")]
    others = [p for name, p in parameters.items() if name.endswith("bias")]
    groups = [
        {"params": _flattened(decaying), "weight_decay": hyper.weight_decay},
        {"params": _flattened(others), "weight_decay": 0.0},
    ]
    match hyper.optimizer:
        case "adamw_bnb_8bit":
            optimizer: torch.optim.Optimizer = _UnhurriedAdamW8bit(groups, lr=hyper.learning_rate)
        case "adamw_torch":
            optimizer = torch.optim.AdamW(groups, lr=hyper.learning_rate)
    return optimizer


class _UnhurriedAdamW8bit(bitsandbytes.optim.AdamW8bit):
    """The library's own, but it does not wait for the GPU after each parameter."""

    initialized: bool

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """As the library's. Each parameter has a gradient, no state is paged; a stream keeps its kernels in order."""
        if not self.initialized:
            self.check_overrides()
            self.to_gpu()
            self.initialized = True
        for gindex, group in enumerate(self.param_groups):
            for pindex, p in enumerate(group["params"]):
                if not self.state[p]:
                    self.init_state(group, p, gindex, pindex)
                self.update_step(group, p, gindex, pindex)


def _flattened(parameters: list[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
    """One parameter in place of all whose blocks of 256 stay the same in it, and the others."""
    for p in parameters:
        p.grad = torch.zeros_like(p)
    whole = [p for p in parameters if p.numel() >= _LEAST_8_BIT and p.numel() % _BLOCK == 0]
    others = [p for p in parameters if not any(p is one for one in whole)]
    if not whole:
        return others
    flat = torch.nn.Parameter(torch.cat([p.detach().reshape(-1) for p in whole]))
    flat.grad = torch.zeros_like(flat)
    sizes = [p.numel() for p in whole]
    for p, values, gradients in zip(
        whole, torch.split(flat.detach(), sizes), torch.split(flat.grad, sizes), strict=True
    ):
        p.data, p.grad = values.view_as(p), gradients.view_as(p)
    return [flat, *others]


def separate(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give each parameter its own memory again, without gradients."""
    for p in parameters:
        p.data, p.grad = p.data.clone(), None


def learning_rates(hyper: Hyper, warmup_steps: int, planned_steps: int) -> Callable[[int], float]:
    """The rate after so many optimizer steps, as transformers' scheduler has it."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=hyper.learning_rate)
    scheduler = get_scheduler(hyper.lr_scheduler, optimizer, warmup_steps, planned_steps)
    factor = scheduler.lr_lambdas[0]
    return lambda steps: hyper.learning_rate * factor(steps)
