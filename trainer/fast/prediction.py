"""Probabilities for many comments, with nothing read back from the device until the last of them."""

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel

from trainer.encode import EncodedRow, softmax
from trainer.fast.batches import alike, by_length, collated, flattened
from trainer.fast.forward import can_flatten, logits_of
from trainer.fast.frozen import quantised_layers
from trainer.fast.passes import computing
from trainer.machine import Precision

_FLAT_TOKENS = 1024
_PADDED_TOKENS = {"cpu": 384, "cuda": 16384}
"""Of one forward pass, padding included. Where memory is too short for a copy of weights, a GPU is given as few."""


def predict(model: PeftModel, rows: list[EncodedRow], pad_id: int, precision: Precision) -> NDArray[np.float64]:
    """Probabilities, rows x labels, in the order of the rows."""
    device = model.device
    model.eval()
    with torch.inference_mode(), computing(device, precision):
        if can_flatten(model):
            batches = alike(rows, _FLAT_TOKENS)
            logits = [logits_of(model, flattened([rows[i] for i in batch])) for batch in batches]
        else:
            batches = by_length(rows, _PADDED_TOKENS["cpu" if quantised_layers(model) else device.type])
            logits = [logits_of(model, collated([rows[i] for i in batch], pad_id).to(device)) for batch in batches]
    positions = [i for batch in batches for i in batch]
    probabilities = softmax(torch.cat(logits).float().cpu().numpy())
    return probabilities[np.argsort(positions)]
