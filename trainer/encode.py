"""Comments to token ids, and a model's probabilities for them."""

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase

from trainer.data import Comment
from trainer.machine import Precision

EVALUATION_BATCH = 64
"""Comments per forward pass where no gradient is taken."""


class EncodedRow(TypedDict):
    """One comment, unpadded: its batch pads it."""

    input_ids: list[int]
    attention_mask: list[int]
    labels: int


def encode(comments: list[Comment], tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[EncodedRow]:
    """Token ids with the family's special tokens, cut to `max_length`."""
    batch = tokenizer([comment.text for comment in comments], truncation=True, max_length=max_length)
    return [
        EncodedRow(input_ids=ids, attention_mask=mask, labels=comment.label)
        for ids, mask, comment in zip(batch["input_ids"], batch["attention_mask"], comments, strict=True)
    ]


def longest(comments: list[Comment], tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens of the longest comment, uncut."""
    return max(len(ids) for ids in tokenizer([comment.text for comment in comments])["input_ids"])


def predict(
    model: PeftModel, rows: list[EncodedRow], tokenizer: PreTrainedTokenizerBase, precision: Precision
) -> NDArray[np.float64]:
    """Probabilities, rows x labels, computed in batches as the training's own evaluations are."""
    collate = DataCollatorWithPadding(tokenizer)
    device = model.device
    model.eval()
    logits = []
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision.name == "bf16"):
        for begin in range(0, len(rows), EVALUATION_BATCH):
            batch = collate(rows[begin : begin + EVALUATION_BATCH]).to(device)
            logits.append(model(**batch).logits.float().cpu().numpy())
    return softmax(np.concatenate(logits))


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities over the last axis, in double precision whatever the logits' own."""
    exponents = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    normalised: NDArray[np.float64] = exponents / exponents.sum(axis=-1, keepdims=True)
    return normalised
