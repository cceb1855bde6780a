"""From a batch to the logits of its comments, as the model does it or without padding."""

from collections.abc import Callable
from functools import partial

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from trainer.encode import EncodedRow
from trainer.fast.attention import takes_flat_batches
from trainer.fast.batches import Batch, FlatBatch, collated, flattened
from trainer.fast.pooling import reads_first_token


def collator(model: PeftModel, pad_id: int, multiple: int = 1) -> Callable[[list[EncodedRow]], Batch | FlatBatch]:
    """What makes comments a batch that the model takes; `multiple` is what lengths are padded to, if at all."""
    base = model.get_base_model()
    if takes_flat_batches(base):
        return partial(flattened, reads_first=reads_first_token(base))
    return lambda rows: collated(rows, pad_id, multiple).to(model.device)


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
    layout, is_bert = batch.layout, reads_first_token(model)
    body = model.base_model(
        input_ids=batch.ids,
        attention_mask=layout.bias(is_causal=not is_bert),  # transformers passes a mask of four dimensions on as it is
        position_ids=layout.positions,
        layout=layout,
    )
    read = body.last_hidden_state[0, layout.read]
    logits: torch.Tensor
    if is_bert:
        logits = model.classifier(model.dropout(model.base_model.pooler(read.unsqueeze(1))))
    else:
        logits = model.score(read)
    return logits
