"""Attention of Qwen, Llama and Gemma for a GPU, where what surrounds the products costs as much as they do.

Queries, keys and values are one product, their LoRA is batched, and what a product gives stays in the compute type
until it is needed in another. Rounding differs from the reference's, the arithmetic does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch.nn import functional
from torch.nn.attention import SDPBackend
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from trainer.fast.frozen import FrozenLinear
from trainer.fast.halves import Halves

_NAME = "rotary"


@dataclass(frozen=True)
class Lora:
    """Of the targets of one attention layer: A, targets x rank x features, and B, each features x rank."""

    a: torch.Tensor
    b: Sequence[torch.Tensor]


class RotaryAttention(torch.nn.Module):
    """Takes the place of a model's self-attention, whose layers and parameters keep their names."""

    values: Lora
    gradients: Lora
    """LoRA in the compute type and where its gradients are written, in a training pass; share_halves sets both."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = attention.q_proj, attention.k_proj, attention.v_proj
        self.o_proj: FrozenLinear = attention.o_proj
        self.q_norm, self.k_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
        self._size: int = attention.head_dim
        self._scale: float = attention.scaling
        self._groups: int = attention.num_key_value_groups
        self._dropout: float = attention.attention_dropout
        layers = _projections(attention)[:3]
        self.is_target = [isinstance(layer, LoraLayer) for layer in layers]
        self.targets = [layer for layer in layers if isinstance(layer, LoraLayer)]
        self.widths = [_base(layer).out_features for layer in layers]
        self.weight, self.bias = _joined([_base(layer) for layer in layers])
        (self._adapter,) = self.targets[0].active_adapters
        self.lora_scale: float = self.targets[0].scaling[self._adapter]

    @property
    def parameters_of_lora(self) -> list[torch.nn.Parameter]:
        """A of each target, then B of each."""
        return [getattr(layer, part)[self._adapter].weight for part in ("lora_A", "lora_B") for layer in self.targets]

    @property
    def lora_dropout(self) -> float:
        """The share of its input that LoRA does not see."""
        return getattr(self.targets[0].lora_dropout[self._adapter], "p", 0.0) if self.training else 0.0

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor,
        **_: object,
    ) -> tuple[torch.Tensor, None]:
        """As transformers' layers have it; `position_embeddings` are SignedRotary's, the mask is what to add."""
        comments, tokens, _features = hidden_states.shape
        cos, sin = (table.unsqueeze(2) for table in position_embeddings)
        turning, value = (part.view(comments, tokens, -1, self._size) for part in self.project(hidden_states))
        shared = value.shape[2]
        if self.q_norm is not None and self.k_norm is not None:
            query, key = torch.split(turning, [turning.shape[2] - shared, shared], 2)
            turning = torch.cat([self.q_norm(query), self.k_norm(key)], 2)
        query, key = _Turned.apply(turning, cos, sin, shared, value.dtype)  # type: ignore[no-untyped-call]
        dropout = self._dropout if self.training else 0.0
        value = value.transpose(1, 2)
        shares = self._groups > 1 and _can_share(query, key, value, attention_mask, dropout)
        if not shares:
            key, value = _repeated(key, self._groups), _repeated(value, self._groups)
        attended = functional.scaled_dot_product_attention(
            query, key, value, attention_mask, dropout, scale=self._scale, enable_gqa=shares
        )
        return self.o_proj.multiply(attended.transpose(1, 2).reshape(comments, tokens, -1)), None

    def project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`x` (comments, tokens, features) -> queries and keys side by side in the type of `x`, and values."""
        parameters = self.parameters_of_lora
        values = self.values if torch.is_grad_enabled() else self._as_they_are(parameters)
        projected: tuple[torch.Tensor, torch.Tensor] = _Projected.apply(  # type: ignore[no-untyped-call]
            x, self, values, *parameters
        )
        return projected

    def _as_they_are(self, parameters: Sequence[torch.nn.Parameter]) -> Lora:
        """Now; copies are those of the last training pass."""
        now = [p.detach().to(self.weight.dtype) for p in parameters]
        return Lora(torch.stack(now[: len(self.targets)]), now[len(self.targets) :])


class SignedRotary(torch.nn.Module):
    """A model's rotary tables, where the half of the sines that is subtracted is negative."""

    def __init__(self, rotary: torch.nn.Module) -> None:
        super().__init__()
        self.rotary = rotary

    def forward(self, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines, each 1 or comments x tokens x size of a head."""
        cos, sin = self.rotary(*args, **kwargs)
        half = sin.shape[-1] // 2
        return cos, torch.cat([-sin[..., :half], sin[..., half:]], -1)


def fuse_rotary_attention(model: PreTrainedModel) -> bool:
    """Replace the attention of every layer, or of none: they share the tables of their positions.

    Returns whether the model attends by this module.
    """
    layers = {name: module for name, module in model.named_modules() if name.endswith("self_attn")}
    if layers and all(isinstance(layer, RotaryAttention) for layer in layers.values()):
        return True
    tables = [name for name, _ in model.named_modules() if name.endswith("rotary_emb")]
    if len(tables) != 1 or not all(_can_be_fused(layer) for layer in layers.values()):
        return False
    for name, layer in layers.items():
        model.set_submodule(name, RotaryAttention(layer))
    AttentionInterface.register(_NAME, sdpa_attention_forward)
    AttentionMaskInterface.register(_NAME, _bias)
    model.set_attn_implementation(_NAME)
    model.set_submodule(tables[0], SignedRotary(model.get_submodule(tables[0])))
    return True


def share_halves(model: torch.nn.Module) -> Halves:
    """LoRA of all fused attention in the compute type, which each layer reads from now on when it is trained.

    Halves of the same model from before are no longer read.
    """
    layers = [module for module in model.modules() if isinstance(module, RotaryAttention)]
    parameters = [p for layer in layers for p in layer.parameters_of_lora]
    halves = Halves(parameters, layers[0].weight.dtype if layers else torch.float32)
    begin = 0
    for layer in layers:
        shapes = [p.shape for p in layer.parameters_of_lora]
        end = begin + sum(shape.numel() for shape in shapes)
        layer.values, layer.gradients = (_lora(flat[begin:end], shapes) for flat in (halves.values, halves.gradients))
        begin = end
    return halves


def _lora(flat: torch.Tensor, shapes: Sequence[torch.Size]) -> Lora:
    parts = zip(torch.split(flat, [shape.numel() for shape in shapes]), shapes, strict=True)
    count = len(shapes) // 2
    of_a = count * shapes[0].numel()
    return Lora(flat[:of_a].view(count, *shapes[0]), [part.view(shape) for part, shape in parts][count:])


def _projections(layer: torch.nn.Module) -> list[Any]:
    return [getattr(layer, name, None) for name in ("q_proj", "k_proj", "v_proj", "o_proj")]


def _base(layer: Any) -> Any:
    return layer.base_layer if isinstance(layer, LoraLayer) else layer


def _can_be_fused(layer: torch.nn.Module) -> bool:
    *targets, output = _projections(layer)
    bases = [_base(each) for each in targets]
    return (
        any(isinstance(each, LoraLayer) for each in targets)
        and all(isinstance(each, FrozenLinear) for each in (*bases, output))
        and len({base.bias is None for base in bases}) == 1
        and getattr(layer, "attn_logit_softcapping", None) is None
    )


class _Projected(torch.autograd.Function):
    """Gradients of LoRA are written where they belong; its parameters are arguments so that backward is called."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, attention: RotaryAttention, lora: Lora, *_: torch.nn.Parameter
    ) -> tuple[torch.Tensor, torch.Tensor]:
        queries, keys, values = attention.widths
        rounded = x.to(attention.weight.dtype).flatten(0, -2)
        product = functional.linear(rounded, attention.weight, attention.bias)
        turning, value = torch.split(product, [queries + keys, values], 1)
        turning = turning.to(x.dtype)
        seen, kept = rounded.expand(len(lora.b), -1, -1), None
        if dropout := attention.lora_dropout:
            seen, kept = torch.native_dropout(seen, dropout, train=True)
        inner = torch.bmm(seen, lora.a.transpose(1, 2))
        parts = (*torch.split(turning, [queries, keys], 1), value)
        for part, low, b in zip(compress(parts, attention.is_target), inner, lora.b, strict=True):
            part.add_(low @ b.t(), alpha=attention.lora_scale)
        ctx.save_for_backward(kept, seen, inner)
        ctx.attention, ctx.lora, ctx.dropout, ctx.shape, ctx.dtype = attention, lora, dropout, x.shape, x.dtype
        return turning, value

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        attention, lora, (kept, seen, inner) = ctx.attention, ctx.lora, ctx.saved_tensors
        scale, to_inner, blank = attention.lora_scale, torch.empty_like(inner), inner.new_empty(())
        gradient = torch.cat([part.to(inner.dtype) for part in upstream], 1)
        for i, part in enumerate(compress(torch.split(gradient, attention.widths, 1), attention.is_target)):
            torch.addmm(blank, part, lora.b[i], beta=0, alpha=scale, out=to_inner[i])
            torch.addmm(blank, part.t(), inner[i], beta=0, alpha=scale, out=attention.gradients.b[i])
        torch.bmm(to_inner.transpose(1, 2), seen, out=attention.gradients.a)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_seen = torch.bmm(to_inner, lora.a)
            if kept is not None:
                to_seen = torch.ops.aten.native_dropout_backward(to_seen, kept, 1 / (1 - ctx.dropout))
            to_x = gradient @ attention.weight
            for part in to_seen:
                to_x.add_(part)
            to_x = to_x.to(ctx.dtype).view(ctx.shape)
        return to_x, None, None, *(None for _ in 2 * lora.b)


class _Turned(torch.autograd.Function):
    """Rotary positions for queries and keys at once, in fp32 (Su et al. 2021, arXiv:2104.09864)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, keys: int, dtype: torch.dtype
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.save_for_backward(cos, sin)
        ctx.dtype = x.dtype
        query, key = torch.split(_turned(x, cos, sin, 1).to(dtype).transpose(1, 2), [x.shape[2] - keys, keys], 1)
        return query, key

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        gradient = torch.cat([gradient.transpose(1, 2) for gradient in gradients], 2).to(cos.dtype)
        return _turned(gradient, cos, sin, -1).to(ctx.dtype), None, None, None, None


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, direction: int) -> torch.Tensor:
    return (x * cos).addcmul_(x.roll(x.shape[-1] // 2, -1), sin, value=direction)


def _bias(*args: Any, device: torch.device, dtype: torch.dtype, **kwargs: Any) -> torch.Tensor:
    """What to add to scores, once for all layers and in the type in which they attend.

    transformers' `eager_mask` copies a number from the host, which no graph can record.
    """
    if torch.is_autocast_enabled(device.type):
        dtype = torch.get_autocast_dtype(device.type)
    allowed: torch.Tensor = sdpa_mask(*args, device=device, **kwargs | {"allow_is_causal_skip": False})
    return torch.zeros(allowed.shape, dtype=dtype, device=device).masked_fill_(~allowed, torch.finfo(dtype).min)


def _can_share(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor, dropout: float) -> bool:
    """Whether torch would choose a fused kernel for queries that share a key: its plain one repeats the keys anyway."""
    choice: int = torch._fused_sdp_choice(query, key, value, bias, dropout, enable_gqa=True)
    return choice != SDPBackend.MATH.value


def _repeated(heads: torch.Tensor, times: int) -> torch.Tensor:
    """A key or value (comments, heads, tokens, size) for each query that shares it."""
    if times == 1:
        return heads
    comments, count, tokens, size = heads.shape
    return heads.unsqueeze(2).expand(-1, -1, times, -1, -1).reshape(comments, count * times, tokens, size)


def _joined(layers: Sequence[FrozenLinear]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weights and biases of all; each layer's own become views of them, as long as the model stays where it is."""
    weight = torch.cat([layer.weight for layer in layers])
    for layer, part in zip(layers, torch.split(weight, [layer.out_features for layer in layers]), strict=True):
        layer.weight = part
    biases = [layer.bias for layer in layers if layer.bias is not None]
    return weight, torch.cat(biases) if biases else None
