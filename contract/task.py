"""A task: everything that one cell's program needs to know, and nothing else.

The launcher writes a task as environment variables (`to_env`), the trainer reads the same variables back.
What can change a result goes into `fingerprint()`; what cannot (threads, checkpoints, the store, the log) does not.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from pydantic.fields import FieldInfo

from contract.cell import EMOTIONS, Cell

NUMERICS_VERSION = 1
"""Raised by hand when the code changes what a cell computes, so that older results count as stale."""
FAST_NUMERICS_VERSION = 4
"""The same for what the fast engine alone computes."""


Engine = Literal["fast", "reference"]
"""Which program trains a cell."""


class Settings(BaseModel):
    """A group of settings: immutable, finite, and closed against names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Hyper(Settings):
    """How a cell is trained. Defaults are the study's; docs/decisions/0002-defaults.md gives the source of each."""

    learning_rate: PositiveFloat = 1e-4
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 4
    """Comments of one forward and backward pass."""
    gradient_accumulation_steps: PositiveInt = 1
    """Such passes for one optimizer step."""
    eval_steps: PositiveInt | None = None
    """Optimizer steps between evaluations; unset: a fifth of an epoch."""
    early_stopping_patience: PositiveInt = 10
    """Evaluations without a better validation accuracy before the training stops."""
    warmup_ratio: float = Field(default=0.06, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from zero."""
    lr_scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    optimizer: Literal["adamw_bnb_8bit", "adamw_torch"] = "adamw_bnb_8bit"
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: PositiveFloat = 1.0
    lora_r: PositiveInt = 16
    lora_alpha: PositiveInt = 32
    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    max_length: int = Field(default=128, ge=8)
    """Tokens of a comment, special tokens included; longer comments are cut."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Compute type. A device without bf16 falls back to fp32 and the result says so; fp16 is never used."""


def _label_names(value: Any) -> Any:
    if value is None:
        return None
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise ValueError(f"{value!r} is not a list of label names")
    names = tuple(str(name).strip() for name in names)
    for name in names:
        if name not in EMOTIONS:
            raise ValueError(f"unknown label {name!r}; known labels: {', '.join(EMOTIONS)}")
    if len(set(names)) != len(names):
        raise ValueError(f"a label stands twice in {','.join(names)}")
    return names


class Data(Settings):
    """Where the comments come from and how they are drawn."""

    source: str = "hub"
    """`hub`, `synthetic`, a folder with the authors' TSV files or the hub's parquet files, or one of a bucket that was
    prefetched: `s3://bucket/prefix/go_emotions`."""
    revision: str | None = None
    """Identity of the source's content, as the launcher found it; the cell refuses another (contract/revision.py)."""
    labels: Annotated[tuple[str, ...] | None, BeforeValidator(_label_names)] = None
    """Names, comma separated, in place of the k most frequent emotions."""
    balance: Literal["total", "per_label"] = "total"
    """Whether `samples` counts the whole subset (as in the study) or each label."""


class Model(Settings):
    """Where the pretrained weights come from and how they are quantised."""

    weights: str = "hub"
    """`hub`, `random`, a folder that holds one folder per model name, or such a `s3://bucket/prefix` that was
    prefetched."""
    revision: str | None = None
    """Identity of the weights, as the launcher found them; the cell refuses others (contract/revision.py)."""
    double_quant: bool = True
    """Quantise the quantisation constants too (QLoRA, Dettmers et al. 2023, section 3)."""
    four_bit_cache: str | None = None
    """Folder for copies of the weights in four bits, which a cell writes where it finds none; unset: a copy is read
    that lies beside a folder of weights, and none is written."""


class Train(Settings):
    """How the work is carried out on the machine."""

    engine: Engine = "fast"
    """`reference` is transformers' Trainer, `fast` the same with less work: docs/decisions/0018-fast-engine.md."""
    cached_weights: Literal["auto", "yes", "no"] = "auto"
    """Whether the fast engine dequantises the frozen weights once and keeps them; auto: where memory allows."""
    threads: PositiveInt | None = None
    """CPU threads; unset: every processor that the process may use."""


class Checkpoint(Settings):
    """How a training is saved, so that another attempt goes on where it was stopped."""

    minutes: NonNegativeFloat = 10.0
    """Time between two checkpoints: what a killed cell loses at most; 0: saved only when SIGTERM stops it."""
    grace_seconds: PositiveFloat = 90.0
    """Time after SIGTERM to save a checkpoint or to publish; less than whoever sent it waits before SIGKILL."""


class Results(Settings):
    """Where results go."""

    uri: str
    """A folder (`/path`, `file:///path`) or `s3://bucket/prefix`."""
    unsafe: bool = False
    """Use a bucket whose store has no conditional writes; every result then says so."""


class Log(Settings):
    """How a cell reports while it runs."""

    format: Literal["text", "json"] = "text"
    progress_seconds: PositiveFloat = 15.0
    """Least time between two progress objects in the store."""


class Task(Settings):
    """One cell with all of its settings."""

    cell: Cell
    hyper: Hyper = Hyper()
    data: Data = Data()
    model: Model = Model()
    train: Train = Train()
    checkpoint: Checkpoint = Checkpoint()
    results: Results
    log: Log = Log()

    @model_validator(mode="after")
    def _cell_fits_data(self) -> "Task":
        labels, samples = self.cell.labels, self.cell.samples
        if self.data.labels is not None and len(self.data.labels) != labels:
            raise ValueError(f"labels={labels}, but data.labels names {len(self.data.labels)}")
        if self.data.balance == "total" and samples % labels:
            below, above = samples - samples % labels, samples + labels - samples % labels
            near = f"{below} or {above}" if below else str(above)
            raise ValueError(f"samples={samples} cannot be balanced over {labels} labels; nearest: {near}")
        if self.samples_per_label < 2:
            raise ValueError(f"samples={samples} leaves fewer than 2 comments for each of {labels} labels")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the cell's labels; a label's id is its position here."""
        return self.data.labels or EMOTIONS[: self.cell.labels]

    @property
    def samples_per_label(self) -> int:
        """Comments drawn for each label, training and validation together."""
        return self.cell.samples // self.cell.labels if self.data.balance == "total" else self.cell.samples

    @property
    def needs_hub(self) -> bool:
        """Whether its cell fetches weights or corpus from the hub."""
        return "hub" in (self.model.weights, self.data.source)

    def fingerprint_fields(self) -> dict[str, Any]:
        """What can change the cell's result, flat: dotted name -> JSON value.

        Raises ValueError while the revision of data or weights is not resolved.
        """
        if self.data.revision is None or self.model.revision is None:
            raise ValueError("a task has a fingerprint only once its revisions are resolved")
        groups: dict[str, dict[str, Any]] = {
            "cell": self.cell.model_dump(mode="json"),
            "hyper": self.hyper.model_dump(mode="json"),
            "data": self.data.model_dump(mode="json", include={"revision", "balance"}) | {"labels": list(self.labels)},
            "model": self.model.model_dump(mode="json", include={"revision", "double_quant"}),
            "train": self.train.model_dump(mode="json", include={"engine"}),
        }
        flat = {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
        of_engine = {"fast_numerics_version": FAST_NUMERICS_VERSION} if self.train.engine == "fast" else {}
        return flat | {"numerics_version": NUMERICS_VERSION} | of_engine

    def fingerprint(self) -> str:
        """16 hex digits that are equal for two tasks exactly when their results may be exchanged."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        canonical = json.dumps(self.fingerprint_fields(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Pydantic's own would keep the fingerprint of the original."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("_fingerprint", None)
        return copied

    def to_env(self) -> dict[str, str]:
        """The task as environment variables: `CELL_MODEL`, `HYPER_LEARNING_RATE`, ...; unset values are left out."""
        groups = self.model_dump(mode="json", exclude_none=True)
        return {
            env_name(group, name): ",".join(value) if isinstance(value, list) else str(value)
            for group, values in groups.items()
            for name, value in values.items()
        }


def env_name(*path: str) -> str:
    """`("hyper", "learning_rate")` -> `HYPER_LEARNING_RATE`."""
    return "_".join(path).upper()


def setting_fields() -> dict[tuple[str, str], FieldInfo]:
    """Every setting of a task by (group, name), in order."""
    return {
        (group, name): field
        for group, info in Task.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
        for name, field in info.annotation.model_fields.items()
    }
