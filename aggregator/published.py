"""The study's published validation accuracies, to be set beside ours."""

from dataclasses import dataclass

from aggregator.boxes import Boxes, Subset


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
    """A published figure beside ours, in 0..1; None where our cell is not done or was not asked for."""

    published: Published
    ours: float | None

    @property
    def difference(self) -> float | None:
        """Ours less the study's, in percentage points."""
        return None if self.ours is None else 100 * (self.ours - self.published.accuracy)


def compare(validation: Boxes) -> list[Comparison]:
    """Every published figure, in the order of FIGURES."""
    means = {place: box.mean for place, box in validation.items()}
    return [Comparison(figure, means.get((figure.model, figure.subset))) for figure in FIGURES]


def highest_at_16_labels(validation: Boxes) -> float | None:
    """Our best mean validation accuracy at 16 labels, 0..1; None without any."""
    means = [box.mean for (_, subset), box in validation.items() if subset.labels == 16 and box.mean is not None]
    return max(means, default=None)
