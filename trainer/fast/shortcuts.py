"""Which shortcuts the fast engine takes on this machine, and what a model becomes by them."""

from dataclasses import dataclass
from typing import Literal

from peft import PeftModel

from trainer.fast.attention import attend_to_few_tokens, round_projections
from trainer.fast.feedforward import fuse_feedforward
from trainer.fast.frozen import can_pack, copy_bytes, freeze, freeze_packed
from trainer.fast.gated import fuse_gated_blocks
from trainer.fast.last_layer import compute_what_is_read
from trainer.fast.lora import fuse_lora
from trainer.fast.norms import fuse_norms
from trainer.fast.randomness import Stream, replace_dropout
from trainer.fast.rotary import fuse_rotary_attention
from trainer.machine import Precision, free_memory_bytes

Weights = Literal["packed", "dequantised", "quantised"]
"""How frozen weights are kept: dequantised and laid out for the CPU's kernels, dequantised, as they were loaded."""
Wish = Literal["auto", "yes", "no"]

_SHARE = 0.5
"""Of the free memory that copies of weights may take; activations and the optimizer need the rest."""
_TOKENS = 96
"""Of a batch of 4 comments: the size of product for which oneDNN lays weights out."""

_OWN_ATTENTION = {"gemma3_text"}
"""Whose loss would differ from the reference's by more than 2e-3 at single steps."""


@dataclass(frozen=True)
class Shortcuts:
    """What is done otherwise than in the reference engine."""

    weights: Weights
    fused: bool
    """Whether attention, LoRA and feed-forward blocks over dequantised weights are fewer and larger operations."""
    stream_dropout: bool
    multiple: int
    """To which the lengths of training batches are padded."""
    graphs: bool
    """Whether forward and backward pass are replayed as a CUDA graph, one for each shape."""

    def __post_init__(self) -> None:
        if self.fused and not self.stream_dropout:
            raise ValueError("fused layers draw their masks from the stream: stream_dropout goes with fused")


@dataclass(frozen=True)
class Choice:
    """The shortcuts, and in words what could not be had."""

    shortcuts: Shortcuts
    without: list[str]


def choose(model: PeftModel, precision: Precision, cached_weights: Wish) -> Choice:
    """What this device and its free memory allow."""
    on_gpu = model.device.type == "cuda"
    packable = not on_gpu and precision.name == "bf16" and can_pack(precision.dtype)
    weights = affordable(cached_weights, copy_bytes(model, precision.dtype), free_memory_bytes(), packable)
    without = []
    if weights == "quantised" and cached_weights == "auto":
        without.append("not enough free memory for dequantised weights; they are dequantised at each pass")
    graphs = on_gpu and weights != "quantised"
    shortcuts = Shortcuts(weights, fused=True, stream_dropout=True, multiple=32 if graphs else 1, graphs=graphs)
    return Choice(shortcuts, without)


def fuse(model: PeftModel) -> None:
    """Fewer and larger operations. A layer that is still quantised stays as it is."""
    base = model.get_base_model()
    base.config.use_cache = False
    if base.device.type == "cuda":
        fuse_norms(base)
        fuse_gated_blocks(base)
        if fuse_rotary_attention(base):
            return
    elif base.config.model_type not in _OWN_ATTENTION:
        attend_to_few_tokens(base)
        round_projections(base)
    fuse_feedforward(base)
    fuse_lora(base)
    compute_what_is_read(base)


def _spare_memory(model: PeftModel) -> None:
    """On a GPU compute activations again instead of keeping them. A CPU's stream would draw other masks for that."""
    if model.device.type == "cuda":
        model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})


def affordable(wish: Wish, copy: int, free: int, packable: bool) -> Weights:
    """The fastest way to keep weights of which a copy takes so many bytes."""
    match wish:
        case "no":
            return "quantised"
        case "auto" if copy > free * _SHARE:
            return "quantised"
        case _:
            return "packed" if packable and 2 * copy <= free * _SHARE else "dequantised"


def lighten(model: PeftModel, precision: Precision, shortcuts: Shortcuts, stream: Stream) -> None:
    """Change the model in place. Weights that were changed before stay as they are; dropout follows the new stream."""
    match shortcuts.weights:
        case "packed":
            freeze_packed(model, precision.dtype, _TOKENS)
        case "dequantised":
            freeze(model, precision.dtype)
        case "quantised":
            _spare_memory(model)
    if shortcuts.stream_dropout:
        replace_dropout(model, stream)
    if shortcuts.fused:
        fuse(model)
