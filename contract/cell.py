"""One cell of the study: a model, fine-tuned on a balanced subset of so many labels and samples, under one seed."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Family = Literal["qwen2", "llama", "gpt2", "gemma3", "bert"]

EMOTIONS: tuple[str, ...] = (
    "admiration",
    "gratitude",
    "approval",
    "amusement",
    "annoyance",
    "disapproval",
    "love",
    "curiosity",
    "anger",
    "optimism",
    "confusion",
    "joy",
    "sadness",
    "surprise",
    "disappointment",
    "caring",
    "realization",
    "disgust",
    "excitement",
    "fear",
    "desire",
    "remorse",
    "embarrassment",
    "nervousness",
    "relief",
    "pride",
    "grief",
)
"""GoEmotions' 27 emotions by their number of single-label comments in the whole corpus, most frequent first.

A label set of k labels is the first k, so label sets are nested. `neutral` is no emotion and not among them.
"""


@dataclass(frozen=True)
class ModelSpec:
    """A pretrained model of the study and the modules that LoRA adapts in it."""

    name: str
    title: str
    family: Family
    hub_id: str
    hub_revision: str
    lora_targets: tuple[str, ...]


_ROTARY_ATTENTION = ("q_proj", "v_proj")

MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "qwen2.5",
            "Qwen 2.5 (1.5B)",
            "qwen2",
            "Qwen/Qwen2.5-1.5B",
            "8faed761d45a263340a0528343f099c05c9a4323",
            _ROTARY_ATTENTION,
        ),
        ModelSpec(
            "llama3.2",
            "LLaMA 3.2 (1B)",
            "llama",
            "meta-llama/Llama-3.2-1B",
            "4e20de362430cd3b72f300e6b0f18e50e7166e08",
            _ROTARY_ATTENTION,
        ),
        ModelSpec(
            "gpt2-xl",
            "GPT-2 XL (1.5B)",
            "gpt2",
            "openai-community/gpt2-xl",
            "15ea56dee5df4983c59b2538573817e1667135e2",
            ("c_attn",),
        ),
        ModelSpec(
            "gemma3",
            "Gemma 3 (1B)",
            "gemma3",
            "google/gemma-3-1b-pt",
            "fcf18a2a879aab110ca39f8bffbccd5d49d8eb29",
            _ROTARY_ATTENTION,
        ),
        ModelSpec(
            "bert",
            "BERT (110M)",
            "bert",
            "google-bert/bert-base-uncased",
            "86b5e0934494bd15c9632b12f734a8a67f723594",
            ("query", "value"),
        ),
        ModelSpec(
            "minilm",
            "MiniLM (22M)",
            "bert",
            "sentence-transformers/all-MiniLM-L6-v2",
            "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
            ("query", "value"),
        ),
    )
}


def known_model(name: str) -> str:
    """`name`, if it is registered. Raises ValueError with the registered names otherwise."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known models: {', '.join(MODELS)}")
    return name


def id_prefix(model: str) -> str:
    """How the ids of a model's cells begin; another model's may begin so too."""
    return f"{re.sub(r'[^a-z0-9]+', '-', model)}-"


class Cell(BaseModel):
    """A coordinate of the study. Two equal cells ask for the same fine-tune, save for its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: Annotated[str, AfterValidator(known_model)]
    """Registered name, such as bert or qwen2.5."""
    labels: int = Field(ge=2, le=len(EMOTIONS))
    """Number of labels, 2 to 27."""
    samples: int = Field(gt=0, le=1_000_000)  # beyond any corpus; keeps the id a DNS label
    """Comments of the balanced subset, training and validation together."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the draw, the head, LoRA, dropout and the order of the comments."""

    @property
    def id(self) -> str:
        """A DNS label that names the cell in keys, Jobs and logs; it is printed and never parsed back."""
        return f"{id_prefix(self.model)}l{self.labels}-n{self.samples}-s{self.seed}"

    def __str__(self) -> str:
        return f"{self.model} {self.labels} labels x {self.samples} samples, seed {self.seed}"
