"""The recipe that the documentation of PEFT and bitsandbytes gives, as a user would write it down, for one cell.

NF4 with double quantisation, `prepare_model_for_kbit_training`, `get_peft_model`, transformers' Trainer with
adamw_bnb_8bit and bf16, accuracy every N steps, `EarlyStoppingCallback` and `load_best_model_at_end`. Only comments,
encoding, LoRA's settings and the metric are the project's. One line departs from the documentation: without
`keep_gradients_exact` it raises, or trains on wrong gradients, after the first evaluation on a CPU with AVX512-BF16.

`python -m benchmarks.stock` trains the cell of its environment, scores it, and prints one line of JSON.
"""

import json
import math
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import transformers
from peft import LoraConfig, PeftModel, TaskType, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from contract.cell import MODELS
from contract.revision import resolve
from contract.task import Hyper, Task
from trainer.data import load
from trainer.encode import EncodedRow, encode
from trainer.model import HEADS, Checkpoint, checkpoint, keep_gradients_exact, load_tokenizer
from trainer.provenance import process_started_at, threads_for
from trainer.settings import task_from_environment
from trainer.work import steps_between_evaluations


def load_model(
    source: Checkpoint, labels: int, tokenizer: PreTrainedTokenizerBase, targets: tuple[str, ...], hyper: Hyper
) -> PeftModel:
    """Gradient checkpointing is on: that is the default of `prepare_model_for_kbit_training`."""
    model = AutoModelForSequenceClassification.from_pretrained(
        source.path,
        revision=source.revision,
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=HEADS,
        ),
    )
    keep_gradients_exact(model)
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=hyper.lora_r,
        lora_alpha=hyper.lora_alpha,
        lora_dropout=hyper.lora_dropout,
        target_modules=list(targets),
    )
    return get_peft_model(prepare_model_for_kbit_training(model), config)


def trainer_of(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    train: list[EncodedRow],
    validation: list[EncodedRow],
    hyper: Hyper,
    seed: int,
    folder: str,
    *callbacks: TrainerCallback,
) -> Trainer:
    """What is not named here is transformers' default, such as evaluation in batches of 8."""
    every = steps_between_evaluations(hyper, len(train))
    steps = math.ceil(len(train) / (hyper.batch_size * hyper.gradient_accumulation_steps)) * hyper.epochs
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=hyper.epochs,
        per_device_train_batch_size=hyper.batch_size,
        gradient_accumulation_steps=hyper.gradient_accumulation_steps,
        learning_rate=hyper.learning_rate,
        lr_scheduler_type=hyper.lr_scheduler,
        warmup_steps=math.ceil(steps * hyper.warmup_ratio),
        optim="adamw_bnb_8bit",
        bf16=True,
        seed=seed,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        report_to=[],
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=_accuracy,
        callbacks=[EarlyStoppingCallback(hyper.early_stopping_patience), *callbacks],
    )


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


class _FirstStep(TrainerCallback):
    def __init__(self) -> None:
        self.at = 0.0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self.at = self.at or time.time()


def main() -> int:
    """The cell of the environment, from its comments to its adapter and scores."""
    (task,) = resolve([task_from_environment(os.environ)])
    torch.set_num_threads(threads_for(task))
    transformers.utils.logging.set_verbosity_error()
    transformers.set_seed(task.cell.seed)
    with TemporaryDirectory(prefix="stock-") as folder:
        sys.stdout.write(f"{json.dumps(_train(task, folder))}\n")
    return 0


def _train(task: Task, folder: str) -> dict[str, float]:
    spec, dataset, first = MODELS[task.cell.model], load(task), _FirstStep()
    with checkpoint(task, spec) as source:
        tokenizer = load_tokenizer(source)
        model = load_model(source, len(task.labels), tokenizer, spec.lora_targets, task.hyper)
    splits = (dataset.train, dataset.validation, dataset.test)
    train, validation, test = (encode(rows, tokenizer, task.hyper.max_length) for rows in splits)
    trainer = trainer_of(model, tokenizer, train, validation, task.hyper, task.cell.seed, folder, first)
    trainer.train()
    tested = trainer.evaluate(test)
    model.save_pretrained(str(Path(folder) / "adapter"), save_embedding_layers=False)
    return {
        "test": tested["eval_accuracy"],
        "last_step": trainer.state.global_step,
        "start_up_seconds": first.at - process_started_at().timestamp(),
    }


if __name__ == "__main__":
    sys.exit(main())
