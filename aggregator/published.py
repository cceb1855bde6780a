"""The study's published validation accuracies, to be set beside ours."""

from dataclasses import dataclass

from aggregator.boxes import Boxes, Subset
from aggregator.marks import Marks


@dataclass(frozen=True)
class Published:
    """A figure of the study: validation accuracy in 0..1."""

    model: str
    subset: Subset
    accuracy: float


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

    @property
    def difference(self) -> float | None:
        """Ours less the study's, in percentage points."""
        return None if self.ours is None else 100 * (self.ours - self.published.accuracy)


def compare(validation: Boxes, marks: Marks) -> list[Comparison]:
    """Every published figure, in the order of FIGURES. Plumbing is not set beside a result."""
    return [_compare(figure, validation, marks) for figure in FIGURES]


def _compare(figure: Published, validation: Boxes, marks: Marks) -> Comparison:
    box = validation.get((figure.model, figure.subset))
    if box is None or box.mean is None:
        return Comparison(figure, None, "not run")
    if plumbing := marks.plumbing(figure.model):
        return Comparison(figure, None, plumbing)
    return Comparison(figure, box.mean)


def highest_at_16_labels(validation: Boxes, marks: Marks) -> float | None:
    """Our best mean validation accuracy at 16 labels, 0..1, plumbing left out; None without any."""
    at_16 = (
        box.mean for (model, subset), box in validation.items() if subset.labels == 16 and not marks.plumbing(model)
    )
    return max((mean for mean in at_16 if mean is not None), default=None)
