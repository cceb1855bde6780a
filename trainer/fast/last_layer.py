"""The head reads one token of each comment, and no layer follows the last: there the others need not be computed."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.fast.attention import attends_to_few_tokens
from trainer.fast.feedforward import Feedforward
from trainer.fast.pooling import Poolable, Pooling


@dataclass(frozen=True)
class _Attention:
    """What attends, the layer of its queries where they have one of their own, and what follows it."""

    module: Any
    query: object
    output: object


def compute_what_is_read(model: PreTrainedModel) -> None:
    """In the last layer of a model whose feed-forward blocks and LoRA have been fused."""
    pooling = Pooling.of(model)
    modules = list(model.modules())
    last: list[object] = [*[module for module in modules if isinstance(module, Feedforward)][-1:]]
    attentions = [found for module in modules if (found := _attention_of(module))]
    if attentions and attends_to_few_tokens(model):
        attentions[-1].module.pooling = pooling
        last += [attentions[-1].query, attentions[-1].output]
    for layer in last:
        if isinstance(layer, Poolable):
            layer.pooling = pooling


def _attention_of(module: torch.nn.Module) -> _Attention | None:
    match dict(module.named_children()):
        case {"q_proj": query, "o_proj": output}:
            return _Attention(module, query, output)
        case {"c_attn": _, "c_proj": output}:
            return _Attention(module, None, output)
        case {"self": torch.nn.Module(query=query) as attention, "output": torch.nn.Module(dense=output)}:
            return _Attention(attention, query, output)
    return None
