"""Where transformers' models of the five families keep their attention."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class AttentionParts:
    """The `module` that attends and the layers around it."""

    module: Any
    query: object
    """The layer of the queries alone; None where one layer computes queries, keys and values."""
    straight: list[object]
    """Layers whose products are attended to as they are; empty where queries and keys are rotated first."""
    output: object


def attentions(model: torch.nn.Module) -> list[AttentionParts]:
    """Of every layer of the model, first to last."""
    return [parts for module in model.modules() if (parts := _parts(module))]


def _parts(module: torch.nn.Module) -> AttentionParts | None:
    match dict(module.named_children()):
        case {"q_proj": query, "o_proj": output}:
            return AttentionParts(module, query, [], output)
        case {"c_attn": joint, "c_proj": output}:
            return AttentionParts(module, None, [joint], output)
        case {"self": torch.nn.Module(query=query, key=key, value=value) as attention, "output": output}:
            return AttentionParts(attention, query, [query, key, value], output.dense)
    return None
