"""Probabilities for many comments, with nothing read back from the device until the last of them."""

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel

from trainer.encode import EncodedRow, softmax
from trainer.fast.batches import by_length, collated
from trainer.fast.frozen import quantised_layers
from trainer.fast.passes import computing
from trainer.machine import Precision

_TOKENS = {"cpu": 384, "cuda": 16384}
"""Of one forward pass, padding included. Where memory is too short for a copy of weights, a GPU is given as few."""


def predict(model: PeftModel, rows: list[EncodedRow], pad_id: int, precision: Precision) -> NDArray[np.float64]:
    """Probabilities, rows x labels, in the order of the rows."""
    device = model.device
    batches = by_length(rows, _TOKENS["cpu" if quantised_layers(model) else device.type])
    model.eval()
    with torch.no_grad(), computing(device, precision):
        logits = [_logits(model, [rows[i] for i in batch], pad_id) for batch in batches]
    positions = [i for batch in batches for i in batch]
    probabilities = softmax(torch.cat(logits).cpu().numpy())
    return probabilities[np.argsort(positions)]


def _logits(model: PeftModel, rows: list[EncodedRow], pad_id: int) -> torch.Tensor:
    batch = collated(rows, pad_id).to(model.device)
    logits: torch.Tensor = model(input_ids=batch.ids, attention_mask=batch.mask).logits
    return logits.float()
