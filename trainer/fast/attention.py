"""Attention over comments of some twenty tokens, with the roundings of torch's fused kernel but not its cost there.

That kernel splits its work as long sequences want it: it takes three times as long on a CPU at these lengths.
"""

from typing import Any

import torch
from peft import PeftModel
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

from trainer.fast.attention_parts import attentions
from trainer.fast.flat import Grid, Layout, OneEach
from trainer.fast.frozen import FrozenLinear
from trainer.fast.operation import Operation
from trainer.fast.randomness import StreamDropout

_NAME = "few-tokens"


def attend_to_few_tokens(model: PreTrainedModel) -> None:
    """Let the model attend by this module, which takes batches without padding and no others."""
    AttentionInterface.register(_NAME, _attend)
    model.set_attn_implementation(_NAME)


def takes_flat_batches(model: PreTrainedModel | PeftModel) -> bool:
    """Whether the model attends by this module."""
    return bool(model.config._attn_implementation == _NAME)


def attend_for_head(attention: torch.nn.Module) -> None:
    """From now on it attends from the tokens that the head reads and returns zeros for the others."""
    attention.attends_for_head = True  # type: ignore[assignment]


def round_projections(model: PreTrainedModel) -> None:
    """Once instead of here: of BERT and GPT-2, whose queries, keys and values come straight from frozen layers."""
    for layer in (layer for parts in attentions(model) for layer in parts.straight):
        base = getattr(layer, "base_layer", layer)
        if isinstance(base, FrozenLinear):
            base.rounds = True


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    *,
    layout: Layout,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers' interface has it, with one row of all comments.

    Query (1, heads, tokens, size) -> (1, tokens, heads, size). The mask is what to add to scores of the layout's grid.
    """
    device = query.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else query.dtype
    _row, heads, tokens, _size = query.shape
    asking: Grid = layout
    bias = attention_mask
    if getattr(module, "attends_for_head", False):
        asking, bias = OneEach(layout.read, tokens), layout.bias(is_causal=False)
    kept = None
    if dropout:
        kept = _kept(module, (layout.comments, heads, asking.width, layout.width), dropout, query.device)
    with torch.autocast(device, enabled=False):
        attended: torch.Tensor = _Attention.run(query, key, value, bias, kept, scaling, dtype, asking, layout)
    return attended, None


def _kept(module: torch.nn.Module, shape: tuple[int, ...], dropout: float, device: torch.device) -> torch.Tensor | None:
    """From the stream, where the module has a layer for its dropout."""
    for child in module.children():
        if isinstance(child, StreamDropout):
            return child.mask(shape, device)
    return functional.dropout(torch.ones(shape, device=device), dropout)


class _Attention(Operation):
    """Scores and weights in fp32; what is multiplied has been rounded to the compute type before.

    Heads that share a key are rows of one product.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bias: torch.Tensor | None,
        kept: torch.Tensor | None,
        scaling: float,
        dtype: torch.dtype,
        asking: Grid,
        seen: Grid,
    ) -> torch.Tensor:
        size, shared = key.shape[-1], key.shape[1]
        grids = [_by_head(grid.to_grid(_row(t).to(dtype))) for grid, t in ((asking, query), (seen, key), (seen, value))]
        q, k, v = (grid.view(seen.comments * shared, -1, size) for grid in grids)
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(scaling).view(seen.comments, -1, asking.width, seen.width)
        if bias is not None:
            scores.add_(bias)
        weights = torch.softmax(scores, -1)
        used = weights if kept is None else weights * kept
        used = used.to(dtype).float().view(*q.shape[:2], -1)
        ctx.save_for_backward(q, k, v, weights, used, kept)
        ctx.scaling, ctx.dtype, ctx.grids = scaling, dtype, (asking, seen)
        return _to_row(torch.bmm(used, v).to(dtype), asking)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, weights, used, kept = ctx.saved_tensors
        asking, seen = ctx.grids
        gradient = _by_head(asking.gradient_to_grid(gradients[0].squeeze(0))).view(q.shape)
        to_value = torch.bmm(used.transpose(1, 2), gradient)
        to_weights = torch.bmm(gradient, v.transpose(1, 2)).view(weights.shape)
        if kept is not None:
            to_weights.mul_(kept)
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype).mul_(ctx.scaling)
        to_scores = to_scores.to(ctx.dtype).float().view(used.shape)
        to_query, to_key = torch.bmm(to_scores, k), torch.bmm(to_scores.transpose(1, 2), q)
        parts = ((to_query, asking), (to_key, seen), (to_value, seen))
        return *(_to_row(part, grid).transpose(1, 2) for part, grid in parts), *(None for _ in range(6))


def _row(heads: torch.Tensor) -> torch.Tensor:
    """(1, heads, tokens, size) -> (tokens, heads, size)."""
    return heads.squeeze(0).transpose(0, 1)


def _by_head(grid: torch.Tensor) -> torch.Tensor:
    """(comments, width, heads, size) -> (comments, heads, width, size), in fp32 and in order."""
    comments, width, heads, size = grid.shape
    return grid.new_empty((comments, heads, width, size), dtype=torch.float32).copy_(grid.transpose(1, 2))


def _to_row(by_head: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Comments x heads of width tokens -> (1, tokens, heads, size)."""
    cells = by_head.view(grid.comments, -1, grid.width, by_head.shape[-1]).transpose(1, 2)
    return grid.to_row(cells).contiguous().unsqueeze(0)
