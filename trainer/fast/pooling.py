"""Which tokens the classification head reads, one of each comment, and layers that compute no others."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel


class Pooling:
    """Watches a model's input; `where` indexes (comments, tokens) of the batch at hand."""

    where: tuple[torch.Tensor, torch.Tensor]

    def __init__(self, reads_first: bool, pad_id: int | None) -> None:
        self._reads_first, self._pad_id = reads_first, pad_id

    @classmethod
    def of(cls, model: PreTrainedModel) -> "Pooling":
        """Of a model with its head."""
        pooling = cls(reads_first_token(model), model.config.pad_token_id)
        model.base_model.register_forward_pre_hook(pooling.watch, with_kwargs=True)
        return pooling

    def computed(self, compute: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """What it makes of the tokens that are read; zero for the others. `x` (comments, tokens, features)."""
        read = compute(x[self.where])
        return read.new_zeros(*x.shape[:2], read.shape[-1]).index_put(self.where, read)

    def watch(self, body: torch.nn.Module, args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> None:
        """Before each forward pass."""
        if layout := kwargs.get("layout"):
            self.where = (torch.zeros_like(layout.read), layout.read)
            return
        ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        comments = torch.arange(len(ids), device=ids.device)
        self.where = (comments, self._positions(ids))

    def _positions(self, ids: torch.Tensor) -> torch.Tensor:
        if self._reads_first:
            return torch.zeros(len(ids), dtype=torch.long, device=ids.device)
        numbers = torch.arange(ids.shape[1], device=ids.device)
        return (numbers * (ids != self._pad_id)).argmax(-1)


class Poolable(torch.nn.Module):
    """Computes each token by itself: all of them, or with `pooling` those that the head reads."""

    pooling: Pooling | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (comments, tokens, features) -> (comments, tokens, out features)."""
        return self.pooling.computed(self.compute, x) if self.pooling else self.compute(x)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (..., features) -> (..., out features)."""
        raise NotImplementedError


def reads_first_token(model: PreTrainedModel) -> bool:
    """BERT's pooler does; the others' head reads the last token that is no padding."""
    return bool(model.config.model_type == "bert")
