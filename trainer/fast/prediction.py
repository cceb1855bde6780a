"""Probabilities for many comments, with nothing read back from the device until the last of them."""

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel

from trainer.encode import EncodedRow, softmax
from trainer.fast.attention import takes_flat_batches
from trainer.fast.batches import alike, by_length
from trainer.fast.forward import collator, logits_of
from trainer.fast.frozen import quantised_layers
from trainer.fast.passes import computing
from trainer.machine import Precision

_FLAT_TOKENS = 1024
_PADDED_TOKENS = {"cpu": 384, "cuda": 16384}
"""Of one forward pass, padding included: the fastest of those tried on a CPU. A GPU too has its 384 where there was no
room for a copy of the weights."""


def predict(model: PeftModel, rows: list[EncodedRow], pad_id: int, precision: Precision) -> NDArray[np.float64]:
    """Probabilities, rows x labels, in the order of the rows. Leaves the model in evaluation mode."""
    device = model.device
    quantised = bool(quantised_layers(model))
    if takes_flat_batches(model):
        batches = alike(rows, _FLAT_TOKENS)
    else:
        batches = by_length(rows, _PADDED_TOKENS["cpu" if quantised else device.type])
    collate = collator(model, pad_id)
    model.eval()
    without_gradients = torch.no_grad() if quantised else torch.inference_mode()  # bitsandbytes keeps what it converts
    with without_gradients, computing(device, precision):
        logits = [logits_of(model, collate([rows[i] for i in batch])) for batch in batches]
    positions = [i for batch in batches for i in batch]
    probabilities = softmax(torch.cat(logits).float().cpu().numpy())
    return probabilities[np.argsort(positions)]
