"""The head reads one token of each comment, and no layer follows the last: there the others need not be computed."""

from transformers import PreTrainedModel

from trainer.fast.attention import attend_for_head, takes_flat_batches
from trainer.fast.attention_parts import attentions
from trainer.fast.feedforward import Feedforward
from trainer.fast.pooling import Poolable, Pooling


def compute_what_is_read(model: PreTrainedModel) -> None:
    """In the last layer of a model whose feed-forward blocks and LoRA have been fused."""
    blocks = [module for module in model.modules() if isinstance(module, Feedforward)]
    last: list[object] = [*blocks[-1:]]
    if takes_flat_batches(model):
        parts = attentions(model)[-1]
        attend_for_head(parts.module)
        last += [parts.query, parts.output]
    layers = [layer for layer in last if isinstance(layer, Poolable)]
    if any(layer.pooling is None for layer in layers):
        pooling = Pooling.of(model)
        for layer in layers:
            layer.pooling = pooling
