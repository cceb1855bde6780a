"""Training and prediction by the engine that the task names.

trainer/fast/ is the default; trainer/reference.py is transformers' Trainer, and its oracle.
"""

import numpy as np
from numpy.typing import NDArray
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from contract.task import Engine, Train
from trainer import encode
from trainer.encode import EncodedRow
from trainer.fast import engine, prediction
from trainer.fast.shortcuts import choose
from trainer.machine import Precision
from trainer.work import Fitted, Work


def fit(work: Work, how: Train) -> Fitted:
    """Train the model in place and leave it with the weights of its best evaluation.

    With `work.resume` the training goes on from there, and ends as if it had never been stopped.
    Raises NonFiniteLoss at the first evaluation or snapshot that sees a loss which is no number.
    """
    match how.engine:
        case "reference":
            from trainer import reference  # transformers' Trainer takes its time to import

            return reference.fit(work)
        case "fast":
            choice = choose(work.model, work.precision, how.cached_weights)
            for reason in choice.without:
                work.watchers.on_fallback(reason)
            return engine.fit(work, choice.shortcuts)


def predict(
    model: PeftModel, rows: list[EncodedRow], tokenizer: PreTrainedTokenizerBase, precision: Precision, by: Engine
) -> NDArray[np.float64]:
    """Probabilities, rows x labels, computed as the engine's own evaluations are."""
    match by:
        case "reference":
            return encode.predict(model, rows, tokenizer, precision)
        case "fast":
            return prediction.predict(model, rows, tokenizer.pad_token_id, precision)
