"""From a batch to the logits of its comments, as the model does it or without padding."""

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from trainer.fast.attention import attends_to_few_tokens
from trainer.fast.batches import Batch, FlatBatch
from trainer.fast.pooling import pooled_tokens, reads_first_token


def can_flatten(model: PeftModel) -> bool:
    """Whether its attention knows where a comment begins."""
    return attends_to_few_tokens(model.get_base_model())


def logits_of(model: PeftModel, batch: Batch | FlatBatch) -> torch.Tensor:
    """Comments x labels."""
    logits: torch.Tensor
    if isinstance(batch, Batch):
        logits = model(input_ids=batch.ids, attention_mask=batch.mask).logits
    else:
        logits = _flat_logits(model.get_base_model(), batch)
    return logits


def _flat_logits(model: PreTrainedModel, batch: FlatBatch) -> torch.Tensor:
    """What the model's own forward does, but for the choice of the tokens that its head reads."""
    layout, is_first = batch.layout, reads_first_token(model)
    body = model.base_model(
        input_ids=batch.ids,
        attention_mask=layout.bias(is_causal=not is_first),  # transformers passes a mask of four dimensions on as it is
        position_ids=layout.positions,
        layout=layout,
    )
    pooled = body.last_hidden_state[0, pooled_tokens(layout, is_first)]
    logits: torch.Tensor
    if is_first:
        logits = model.classifier(model.dropout(model.base_model.pooler(pooled.unsqueeze(1))))
    else:
        logits = model.score(pooled)
    return logits
