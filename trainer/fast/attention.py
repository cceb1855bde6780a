"""Attention over comments of some twenty tokens, with the roundings of torch's fused kernel but not its cost there.

That kernel splits its work as long sequences want it: it takes three times as long on a CPU at these lengths.
"""

from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from trainer.fast.randomness import StreamDropout

_NAME = "few-tokens"


def attend_to_few_tokens(model: PreTrainedModel) -> None:
    """Let the model attend by this module."""
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, eager_mask)
    model.set_attn_implementation(_NAME)


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers' interface has it. Query (comments, heads, tokens, size) -> (comments, tokens, heads, size)."""
    device = query.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else query.dtype
    comments, heads, tokens, _size = query.shape
    kept = _kept(module, (comments, heads, tokens, key.shape[2]), dropout, query.device) if dropout else None
    with torch.autocast(device, enabled=False):
        attended: torch.Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
            query, key, value, attention_mask, kept, scaling, dtype
        )
    return attended, None


def _kept(module: torch.nn.Module, shape: tuple[int, ...], dropout: float, device: torch.device) -> torch.Tensor | None:
    """From the stream, where the module has a layer for its dropout."""
    for child in module.children():
        if isinstance(child, StreamDropout):
            return child.mask(shape, device)
    return functional.dropout(torch.ones(shape, device=device), dropout)


class _Attention(torch.autograd.Function):
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
    ) -> torch.Tensor:
        comments, heads, tokens, size = query.shape
        q, k, v = (_rounded(tensor, dtype).view(comments * key.shape[1], -1, size) for tensor in (query, key, value))
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(scaling).view(comments, heads, tokens, -1)
        if bias is not None:
            scores.add_(bias)
        weights = torch.softmax(scores, -1)
        used = weights if kept is None else weights * kept
        used = used.to(dtype).float().view(*q.shape[:2], -1)
        ctx.save_for_backward(q, k, v, weights, used, kept)
        ctx.scaling, ctx.dtype, ctx.shapes = scaling, dtype, (query.shape, key.shape)
        attended = torch.bmm(used, v).view(query.shape).transpose(1, 2)
        return attended.to(dtype).contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v, weights, used, kept = ctx.saved_tensors
        of_query, of_key = ctx.shapes
        gradient = gradients[0].transpose(1, 2).to(q.dtype).contiguous().view(q.shape)
        to_value = torch.bmm(used.transpose(1, 2), gradient)
        to_weights = torch.bmm(gradient, v.transpose(1, 2)).view(weights.shape)
        if kept is not None:
            to_weights.mul_(kept)
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype).mul_(ctx.scaling)
        to_scores = _rounded(to_scores, ctx.dtype).view(used.shape)
        to_query, to_key = torch.bmm(to_scores, k), torch.bmm(to_scores.transpose(1, 2), q)
        return to_query.view(of_query), to_key.view(of_key), to_value.view(of_key), None, None, None, None


def _rounded(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The values that the type can hold, in fp32 and in order."""
    return tensor.to(dtype).float().contiguous()
