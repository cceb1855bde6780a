"""Which tokens the classification head reads: one of each comment."""

from typing import Any

import torch
from transformers import PreTrainedModel


class Pooling:
    """Watches a model's input; `where` indexes (comments, tokens) of the batch at hand."""

    where: tuple[torch.Tensor, torch.Tensor]

    def __init__(self, pad_id: int | None) -> None:
        self._pad_id = pad_id

    @classmethod
    def of(cls, model: PreTrainedModel) -> "Pooling":
        """BERT's pooler reads the first token, the others' head the last one that is no padding."""
        pooling = cls(None if model.config.model_type == "bert" else model.config.pad_token_id)
        model.register_forward_pre_hook(pooling.watch, with_kwargs=True)
        return pooling

    def watch(self, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before each forward pass."""
        ids: torch.Tensor = kwargs["input_ids"]
        comments = torch.arange(len(ids), device=ids.device)
        self.where = (comments, self._positions(ids))

    def _positions(self, ids: torch.Tensor) -> torch.Tensor:
        if self._pad_id is None:
            return torch.zeros(len(ids), dtype=torch.long, device=ids.device)
        numbers = torch.arange(ids.shape[1], device=ids.device)
        return (numbers * (ids != self._pad_id)).argmax(-1)
