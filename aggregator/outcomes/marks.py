"""What must not be mistaken for a result of the study: cells with random weights or on generated comments."""

from collections.abc import Iterable
from dataclasses import dataclass

from contract.cell import MODELS
from contract.result import Success


@dataclass(frozen=True)
class Marks:
    """The models with a cell of random weights, and whether any cell saw generated comments."""

    random_models: frozenset[str] = frozenset()
    synthetic: bool = False

    def is_random(self, model: str) -> bool:
        """Whether the model's cells are plumbing."""
        return model in self.random_models

    def plumbing(self, model: str) -> str | None:
        """Why a number of this model is no result of the study; None when it may be one."""
        if self.is_random(model):
            return "random weights"
        return "synthetic data" if self.synthetic else None

    def title(self, model: str) -> str:
        """The model's title, with the mark it must carry."""
        return MODELS[model].title + (" (random weights)" if self.is_random(model) else "")

    def warnings(self) -> list[str]:
        """One line each, to stand on every picture and page."""
        found = []
        if self.random_models:
            found.append("RANDOM WEIGHTS - plumbing, not results: the models so marked were never pretrained")
        if self.synthetic:
            found.append("SYNTHETIC DATA - generated comments: no results on GoEmotions")
        return found


def marks_of(successes: Iterable[Success]) -> Marks:
    """What the finished cells say about themselves."""
    found = list(successes)
    random = frozenset(success.cell.model for success in found if success.random_weights)
    return Marks(random, any(success.synthetic_data for success in found))
