"""Dropout whose masks depend on the cell's seed and the step alone, so that no generator has to be saved."""

import math

import numpy as np
import torch

_RESOLUTION = 2**16


class Stream:
    """Random bits, afresh for each step."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._bits = np.random.SFC64(seed)

    def begin(self, step: int) -> None:
        """From here on all randomness, torch's own too, is that of this step."""
        sequence = np.random.SeedSequence((self._seed, step))
        self._bits = np.random.SFC64(sequence)
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    def uniform(self, count: int) -> torch.Tensor:
        """So many integers from -32768 to 32767, each as likely as the other."""
        words = self._bits.random_raw(-(-count // 4))
        return torch.from_numpy(words.view(np.int16)[:count])


class StreamDropout(torch.nn.Dropout):
    """Dropout from a stream on a CPU, where torch draws one number at a time, at fifteen times the cost.

    There `p` is rounded to a multiple of 2^-16. On a GPU torch draws, from the seed that the stream gave it.
    """

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__(p)
        self._stream = stream

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` with about every 1/p-th element zero and the others larger by 1/(1-p)."""
        if x.is_cuda:
            return super().forward(x)
        mask = self.mask(x.shape, x.device)
        return x if mask is None else x * mask.to(x.dtype)

    def mask(self, shape: tuple[int, ...], device: torch.device) -> torch.Tensor | None:
        """What to multiply with; nothing in evaluation."""
        if not self.training or not self.p:
            return None
        if device.type == "cuda":
            return super().forward(torch.ones(shape, device=device))
        dropped = min(round(self.p * _RESOLUTION), _RESOLUTION - 1)
        kept = self._stream.uniform(math.prod(shape)) >= dropped - _RESOLUTION // 2
        return kept.view(shape).float().mul_(_RESOLUTION / (_RESOLUTION - dropped))


def replace_dropout(model: torch.nn.Module, stream: Stream) -> None:
    """Every dropout layer of the model draws from the stream."""
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Dropout):
            model.set_submodule(name, StreamDropout(module.p, stream).train(module.training))
