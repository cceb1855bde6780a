"""What a cluster's user decides about the Jobs: image, names, deadlines, resources."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from contract.cell import known_model
from contract.task import Settings
from launcher.command_line.reference import parse


def _form(pattern: str, expected: str) -> AfterValidator:
    """Text of this form, and `expected` to whoever writes another one."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise PydanticCustomError("form", "expected {expected}", {"expected": expected})
        return text

    return AfterValidator(check)


LabelValue = Annotated[
    str,
    _form(
        r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
        "at most 63 letters, digits, hyphens, underscores and dots, with a letter or digit at both ends",
    ),
]
"""A label's value, as Kubernetes defines it, but not empty."""
ObjectName = Annotated[
    str, _form(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", "a name of small letters, digits, hyphens and dots")
]
Namespace = Annotated[
    str, _form(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a name of at most 63 small letters, digits and hyphens")
]
QueueName = Annotated[
    str,
    _form(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", "a name of at most 63 small letters, digits, hyphens and dots"),
]
"""Of an object of Kueue, which a label of the Job names."""
Quantity = Annotated[str, _form(r"[0-9]+(\.[0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?", "an amount such as 500m, 4 or 16Gi")]
"""Of a resource."""


def _image(text: str) -> str:
    parse(text)
    return text


class ModelOptions(Settings):
    """What one model needs; unset is what job.yaml says. A resource is requested and limited by the same amount."""

    cpu: Quantity | None = None
    """Processors."""
    memory: Quantity | None = None
    """Bytes, those in /dev/shm included."""
    ephemeral_storage: Quantity | None = None
    """Bytes on the node's disk: /tmp, the caches with the model's weights, and the log."""
    node_selector: dict[str, LabelValue] = {}
    """Labels of the nodes for this model, in addition to those for all."""


class JobOptions(Settings):
    """How the cells of a run become Jobs. Image and owner have no default that would be right for anybody."""

    image: Annotated[str, AfterValidator(_image)] = Field(min_length=1)
    """The trainer's image, best by digest (`emotion-grid-trainer@sha256:...`), so that all attempts run the same; of a
    tag and a digest the digest counts."""
    owner: LabelValue
    """Who submits: a label that tells apart two people's runs in one namespace."""
    namespace: Namespace = "emotion-grid"
    image_pull_secrets: tuple[ObjectName, ...] = ()
    """Secrets for the image's registry, by name."""
    secrets: tuple[ObjectName, ...] = ("emotion-grid-store",)
    """Secrets whose keys become environment variables: the store's credentials. Cells that fetch gated models from the
    hub need HF_TOKEN in one too; prefetched, they need none."""
    hub_secret: ObjectName = "emotion-grid-hub"  # noqa: S105 (a name)
    """The same for prefetches alone: HF_TOKEN for gated models, HF_ENDPOINT of a mirror. It need not be there."""
    queue: QueueName | None = None
    """Kueue's LocalQueue, in the namespace, that decides when a Job starts; None: the scheduler alone does."""
    priority: QueueName | None = None
    """Kueue's WorkloadPriorityClass, by which Jobs overtake and preempt others in the queue; None is priority 0."""
    attempts: int = Field(default=3, ge=1, le=10)
    """Pods of a cell that may fail, each from the start, before its Job does; evictions do not count."""
    deadline_minutes: PositiveInt = 120
    """Time for one attempt on its node, pulling the image included. The longest cells of the study, 2,700 steps, take
    45 minutes at one step a second."""
    queue_allowance_minutes: PositiveInt = 2880
    """Time for waiting and for disrupted attempts, on top of all attempts' own. The sixty cells of the full grid, one
    after another on a single GPU at 45 minutes each, take 45 hours."""
    node_selector: dict[str, LabelValue] = {}
    """Labels of the nodes for cells, in addition to job.yaml's."""
    per_model: dict[Annotated[str, AfterValidator(known_model)], ModelOptions] = {}
    """Needs of single models, by registered name."""

    @model_validator(mode="after")
    def _has_a_queue_for_its_priority(self) -> Self:
        if self.priority is not None and self.queue is None:
            raise ValueError(f"priority {self.priority} is one in a queue: name that too (--queue or LAUNCHER_QUEUE)")
        return self

    @property
    def deadline_seconds(self) -> int:
        """Of one pod."""
        return 60 * self.deadline_minutes

    @property
    def job_deadline_seconds(self) -> int:
        """Of the Job, whose clock also runs while its pods wait for a GPU and while disrupted pods are replaced."""
        return 60 * (self.queue_allowance_minutes + self.attempts * self.deadline_minutes)
