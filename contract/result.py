"""What a cell leaves behind: a `Success` once, or a `Failure` for each attempt that ended without one.

Of an attempt that was ended from outside, whoever saw its pod leaves a `PodFailure`. All are versioned. A reader
refuses a newer schema by name, and a result whose bytes were cut or edited: each carries the digest of its own content.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from contract.cell import Cell
from contract.keys import is_inside

SCHEMA = 1
"""Raised when a reader of the previous schema would misunderstand a document."""

Stop = Literal["completed", "early_stopping"]
T = TypeVar("T", bound="Document")


class Unreadable(Exception):
    """A stored document that cannot be trusted; the message says why."""

    way_out = "delete it, then submit again"


class NewerSchema(Unreadable):
    """A document that a newer program wrote."""

    way_out = "use a program as new as the one that wrote it"


class Record(BaseModel):
    """A part of a document. Names that a newer minor writer added are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """Precision, recall and F1 of one label, each in 0..1; support is its number of comments."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class Metrics(Record):
    """Scores of one split. Precision, recall and F1 are macro averages in 0..1.

    `confusion[t][p]` counts the comments of true label t that were predicted as p, in the order of `per_label`.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    loss: float
    per_label: list[LabelMetrics]
    confusion: list[list[int]]


@dataclass(frozen=True, slots=True)  # a report holds hundreds of thousands
class Evaluation:
    """One look at the validation split during training. `train_loss` is the mean since the look before."""

    step: int
    epoch: float
    loss: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    train_loss: float
    learning_rate: float


class Split(Record):
    """The comments of one split: how many, and a sha256 over their ids and labels in order."""

    comments: int
    sha256: str

    @classmethod
    def of(cls, comments: Iterable[tuple[str, int]]) -> "Split":
        """The record of `comments`: id and label position of each, in order."""
        lines = [f"{comment_id}\t{label}\n" for comment_id, label in comments]
        return cls(comments=len(lines), sha256=hashlib.sha256("".join(lines).encode()).hexdigest())


class Splits(Record):
    """What the cell was trained, validated and tested on."""

    train: Split
    validation: Split
    test: Split


class Training(Record):
    """How the training went."""

    best_step: int
    last_step: int
    planned_steps: int
    stop: Stop
    resumed_from_step: int | None = None
    """The step at which this attempt took over from a stopped one; None when it trained from the start."""
    tokens_seen: int
    """Tokens of training comments that went through the model, padding left out."""
    longest_comment: int
    """Tokens of the longest comment, before any was cut to max_length."""
    trainable_parameters: int
    quantized_parameters: int
    total_parameters: int
    trainable_modules: list[str]
    quantized_modules: list[str]
    dtype: Literal["bf16", "fp32"]
    """The compute type in use, after a fallback."""
    dtype_fallback: str | None = None
    """Why it is not the one that was asked for."""
    peak_memory_bytes: int
    """CUDA: most memory allocated on the device; CPU: the process' resident peak."""


class Provenance(Record):
    """Where a document comes from. Nothing in here can change a result's meaning."""

    attempt: str
    code_version: str
    versions: dict[str, str]
    device: str | None
    """The GPU's name or `cpu`; None when the attempt ended before it looked."""
    threads: int
    image: str | None = None
    """The container image, by digest where it was known; None outside a Job."""
    four_bit_copy: str | None = None
    """sha256 of the weights in four bits that were read; None when the full weights were read, and quantised."""
    started_at: datetime
    finished_at: datetime

    @property
    def seconds(self) -> float:
        """Wall time from the process' start to its document."""
        return (self.finished_at - self.started_at).total_seconds()


def _inside(key: str) -> str:
    if not is_inside(key):
        raise ValueError(f"{key!r} leads out of the store")
    return key


class Artifact(Record):
    """A file of the attempt, under its store key."""

    key: Annotated[str, AfterValidator(_inside)]
    bytes: int
    sha256: str


def artifact(key: str, data: bytes) -> Artifact:
    """The record of `data` under `key`."""
    return Artifact(key=key, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


class Document(Record):
    """What every stored document says about itself."""

    schema_version: int = SCHEMA
    cell: Cell
    fingerprint: str


class Success(Document):
    """A finished cell. Its presence in the store means that every artifact it lists is there."""

    status: Literal["success"] = "success"
    fingerprint_fields: dict[str, Any]
    labels: list[str]
    synthetic_data: bool
    random_weights: bool
    validation: Metrics
    """Scores at the best checkpoint, which was chosen by this very accuracy."""
    test: Metrics
    history: list[Evaluation]
    training: Training
    splits: Splits
    seconds: dict[str, float]
    """Wall time by phase, in the order they ran; of the attempt that published, without those before it."""
    start_up_seconds: float
    """From process start to the attempt's first optimizer step."""
    provenance: Provenance
    unsafe_store: bool = False
    """Whether it was published under RESULTS_UNSAFE, without conditional writes: it may have replaced another's."""
    artifacts: dict[str, Artifact]
    """By file name: adapter, predictions, log."""


class Failure(Document):
    """An attempt that ended without a result, under its exit code."""

    status: Literal["failure"] = "failure"
    error: str
    """The exit code's name."""
    exit_code: int
    message: str
    traceback_tail: list[str]
    last_step: int
    provenance: Provenance


class PodFailure(Document):
    """A pod that ended without a result, as the launcher saw it: the trainer of a killed pod says nothing itself.

    A Job that ended when it had no pod left has one too, under its own uid.
    """

    status: Literal["pod-failure"] = "pod-failure"
    uid: str
    pod: str | None
    node: str | None
    error: str
    """The cause in a word: an exit code's name, OOMKilled, evicted, node-lost (docs/failure-contract.md)."""
    message: str
    """The cause in a sentence."""
    exit_code: int | None
    retriable: bool
    ended_at: datetime
    """By the cluster's clock, whose times are whole seconds, cut."""

    def is_followed_by(self, report: datetime) -> bool:
        """Whether an attempt that reported then began after this pod's end."""
        return report >= self.ended_at + timedelta(seconds=1)


class Progress(Document):
    """Where a running attempt is; overwritten as it goes on, left behind when it is killed."""

    status: Literal["progress"] = "progress"
    attempt: str
    phase: str
    step: int
    planned_steps: int
    accuracy: float | None
    """Latest validation accuracy in 0..1."""
    steps_per_second: float | None
    eta_seconds: float | None
    updated_at: datetime
    interval_seconds: float
    """Time until the next update, if the attempt is still alive."""
    log_tail: list[str]

    def is_alive(self, now: datetime) -> bool:
        """Whether the attempt may still be running: it missed at most two updates, give or take five seconds."""
        return (now - self.updated_at).total_seconds() < 3 * self.interval_seconds + 5


def encode(document: Document) -> bytes:
    """JSON with the digest of its own content, so that an edit or a cut shows."""
    content = document.model_dump(mode="json")
    return json.dumps(content | {"digest": _digest(content)}, indent=1).encode()


def decode(data: bytes, kind: type[T]) -> T:
    """Raises Unreadable for bytes that are cut, edited, of another kind or of a newer schema."""
    try:
        content = from_json(data)  # twice as fast as json.loads
    except ValueError as error:
        raise Unreadable(f"not JSON, probably cut short: {error}") from error
    if not isinstance(content, dict):
        raise Unreadable("not a document")
    version = content.get("schema_version")
    if not isinstance(version, int):
        raise Unreadable("it does not say its schema version")
    if version > SCHEMA:
        raise NewerSchema(f"schema version {version} is newer than {SCHEMA}, the newest this program reads")
    if content.pop("digest", None) != _digest(content):
        raise Unreadable("its content does not match its digest: it was edited or damaged")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        raise Unreadable(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def _digest(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
