"""The study's published validation accuracies, to be set beside ours.

Theirs and ours are each the highest of a training, so neither has an interval of its own. Their difference has: what
flatters one flatters the other (docs/decisions/0012-statistics.md).
"""

from dataclasses import dataclass

from aggregator.outcomes.boxes import Box, Boxes, Subset
from aggregator.outcomes.marks import Marks
from aggregator.outcomes.settings import study_models
from aggregator.statistics.intervals import newcombe


@dataclass(frozen=True)
class Published:
    """A figure of the study: validation accuracy in 0..1."""

    model: str
    subset: Subset
    accuracy: float

    @property
    def comments(self) -> int:
        """The study validates on a tenth of a subset."""
        return self.subset.samples // 10


FIGURES: tuple[Published, ...] = (
    Published("llama3.2", Subset(2, 2400), 1.0),
    Published("llama3.2", Subset(4, 1600), 0.9313),
    Published("llama3.2", Subset(16, 800), 0.30),
    Published("qwen2.5", Subset(16, 800), 0.4375),
    Published("qwen2.5", Subset(16, 2400), 0.5667),
    Published("bert", Subset(2, 2400), 0.9917),
    Published("bert", Subset(16, 800), 0.0875),
)

CEILING_AT_16_LABELS = 0.60
"""The study: every model stays under this at 16 labels."""


@dataclass(frozen=True)
class Comparison:
    """A published figure beside ours, in 0..1; `why_not` says why there is none of ours."""

    published: Published
    ours: float | None
    why_not: str = ""
    interval: tuple[float, float] | None = None
    """95 % interval of the difference, -1..1, over the comments of both; the luck of the seed is not in it."""

    @property
    def difference(self) -> float | None:
        """Ours less the study's, -1..1."""
        return None if self.ours is None else self.ours - self.published.accuracy


def compare(validation: Boxes, marks: Marks) -> list[Comparison]:
    """Every published figure, in the order of FIGURES; none for other models than the study's.

    Plumbing is not set beside a result.
    """
    if study_models().isdisjoint(model for model, _ in validation):
        return []
    return [_compare(figure, validation, marks) for figure in FIGURES]


def _compare(figure: Published, validation: Boxes, marks: Marks) -> Comparison:
    box = validation.get((figure.model, figure.subset))
    if box is None or box.mean is None:
        return Comparison(figure, None, _why_not(box))
    if plumbing := marks.plumbing(figure.model):
        return Comparison(figure, None, plumbing)
    # The mean over our seeds counts as one of them: theirs is one.
    return Comparison(figure, box.mean, interval=newcombe(box.mean, box.comments, figure.accuracy, figure.comments))


@dataclass(frozen=True)
class Highest:
    """Our best mean validation accuracy at 16 labels, 0..1, over so many of the boxes that were asked for."""

    accuracy: float | None
    finished: int
    asked: int

    def __str__(self) -> str:
        if self.accuracy is None:
            return "not run"
        return f"at most {100 * self.accuracy:.2f} ({self.finished} of {self.asked})"


def highest_at_16_labels(validation: Boxes, marks: Marks) -> Highest:
    """Of the study's models; plumbing is asked for and not finished."""
    study = study_models()
    at_16 = [(model, box) for (model, subset), box in validation.items() if subset.labels == 16 and model in study]
    means = [box.mean for model, box in at_16 if box.mean is not None and not marks.plumbing(model)]
    return Highest(max(means, default=None), len(means), len(at_16))


def _why_not(box: Box | None) -> str:
    return "not run" if box is None or box.pending in (None, "missing") else box.pending
