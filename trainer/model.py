"""The model of a cell: a frozen 4-bit base, LoRA on its attention, a classification head in full precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bitsandbytes.nn import Linear4bit
from peft import LoraConfig, PeftModel, TaskType, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from contract.cell import MODELS, ModelSpec
from contract.exits import BadInput
from contract.task import Hyper, Task
from trainer.hub import hub_errors
from trainer.machine import Precision
from trainer.random_weights import write_checkpoint
from trainer.synthetic import comments_for_tokenizers

HEADS = ["score", "classifier"]
"""Names of the classification head over all families; PEFT trains and saves it, bitsandbytes must not quantise it."""
_LLAMA3_PAD = "<|finetune_right_pad_id|>"


@dataclass(frozen=True)
class Checkpoint:
    """Pretrained files: a folder, or a repository of the hub at a pinned commit."""

    path: str
    revision: str | None = None
    four_bit: bool = False
    """Whether its weights are quantised already."""


def load_qlora(
    task: Task, precision: Precision, copy: Checkpoint | None = None
) -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """The trainable model and its tokenizer. The head and LoRA's A are drawn from torch's global generator.

    The base comes from `copy` where there is one (trainer/four_bit.py), which on a CPU changes no bit.
    Raises SourceUnavailable when the hub does not deliver, BadInput when it wants a licence accepted first.
    """
    spec = MODELS[task.cell.model]
    with checkpoint(task, spec) as source:
        tokenizer = load_tokenizer(source)
        base = load_base(copy or source, len(task.labels), tokenizer, precision, double_quant=task.model.double_quant)
    # The adapter names its base for whoever loads it later; a temporary folder would mean nothing to them.
    base.name_or_path = "random-weights" if task.model.weights == "random" else spec.hub_id
    return add_lora(base, spec, task.hyper), tokenizer


@contextmanager
def checkpoint(task: Task, spec: ModelSpec) -> Iterator[Checkpoint]:
    """Where the task's weights lie, for as long as they are being read."""
    match task.model.weights:
        case "hub":
            with hub_errors(spec.hub_id, spec.hub_revision):
                yield Checkpoint(spec.hub_id, spec.hub_revision)
        case "random":
            with TemporaryDirectory(prefix="random-weights-") as folder:
                write_checkpoint(spec.family, comments_for_tokenizers(), Path(folder))
                yield Checkpoint(folder)
        case folder:
            yield Checkpoint(str(Path(folder) / spec.name))


def load_tokenizer(source: Checkpoint) -> PreTrainedTokenizerBase:
    """The checkpoint's tokenizer, padding on the right.

    With absolute positions (BERT, GPT-2) padding on the left would shift every comment by its batch.
    """
    tokenizer = AutoTokenizer.from_pretrained(source.path, revision=source.revision, trust_remote_code=False)
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = _LLAMA3_PAD if _LLAMA3_PAD in tokenizer.get_vocab() else tokenizer.eos_token
    return tokenizer


def load_base(
    source: Checkpoint,
    labels: int,
    tokenizer: PreTrainedTokenizerBase,
    precision: Precision,
    *,
    double_quant: bool,
    device: str | None = None,
) -> PreTrainedModel:
    """The base with its linear layers in NF4 and everything else in fp32, ready for adapters.

    Without a `device` it is on the GPU where there is one.
    Raises BadInput when the checkpoint lacks more than the head: transformers would fill the gap with noise.
    """
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        source.path,
        revision=source.revision,
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id,
        dtype=torch.float32,
        device_map=device and {"": device},
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        **({} if source.four_bit else {"quantization_config": _nf4(precision, double_quant=double_quant)}),
    )
    if absent := sorted(name for name in loading["missing_keys"] if name.split(".")[0] not in HEADS):
        raise BadInput(f"{source.path} lacks {len(absent)} of the model's weights, such as {absent[0]}")
    compute_in(model, precision.dtype)
    keep_gradients_exact(model)
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def _nf4(precision: Precision, *, double_quant: bool) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double_quant,
        bnb_4bit_compute_dtype=precision.dtype,
        llm_int8_skip_modules=HEADS,
    )


def compute_in(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Of weights that were read in four bits the file says in which type their writer computed."""
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.compute_dtype = dtype


def keep_gradients_exact(model: torch.nn.Module) -> None:
    """Stop bitsandbytes from repacking weights at the first evaluation on a CPU with AVX512-BF16.

    The repacked layout has no autograd: layers without a bias would go on with wrong gradients, silently.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def add_lora(base: PreTrainedModel, spec: ModelSpec, hyper: Hyper) -> PeftModel:
    """LoRA on the model's attention modules; for sequence classification PEFT trains and saves the head too."""
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=hyper.lora_r,
        lora_alpha=hyper.lora_alpha,
        lora_dropout=hyper.lora_dropout,
        target_modules=list(spec.lora_targets),
    )
    return get_peft_model(base, config)


@dataclass(frozen=True)
class Anatomy:
    """What of a model is trained and what is quantised, by parameter count and module name."""

    trainable_parameters: int
    quantized_parameters: int
    total_parameters: int
    trainable_modules: list[str]
    quantized_modules: list[str]


def anatomy(model: PeftModel) -> Anatomy:
    """Count parameters; a quantised weight counts as its unpacked elements."""
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    quantized = [(name, m) for name, m in model.named_modules() if isinstance(m, Linear4bit)]
    packed = sum(m.weight.numel() for _, m in quantized)
    unpacked = sum(m.in_features * m.out_features for _, m in quantized)
    return Anatomy(
        trainable_parameters=sum(p.numel() for _, p in trainable),
        quantized_parameters=unpacked,
        total_parameters=sum(p.numel() for p in model.parameters()) - packed + unpacked,
        trainable_modules=[name for name, _ in trainable],
        quantized_modules=[name for name, _ in quantized],
    )
