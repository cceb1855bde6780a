"""Quantities that are not known exactly. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Range:
    """What is expected of a quantity, and the bounds between which it should lie."""

    low: float
    expected: float
    high: float

    @classmethod
    def of(cls, value: float) -> "Range":
        """What is known exactly."""
        return cls(value, value, value)

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __mul__(self, factor: float) -> "Range":
        return Range(self.low * factor, self.expected * factor, self.high * factor)

    def widened(self, factor: float) -> "Range":
        """With the lower bound divided by `factor`, at least 1, and the upper one multiplied by it."""
        return Range(self.low / factor, self.expected, self.high * factor)


NOTHING = Range.of(0.0)


def total(ranges: Iterable[Range]) -> Range:
    """Bounds add up too: cells that are misjudged are misjudged for the same reason, and do not even out."""
    low = expected = high = 0.0
    for each in ranges:
        low += each.low
        expected += each.expected
        high += each.high
    return Range(low, expected, high)


def united(ranges: Collection[Range]) -> Range:
    """What several say of one quantity: the median of what they expect, and the outermost bounds."""
    expected = median(each.expected for each in ranges)
    return Range(min(each.low for each in ranges), expected, max(each.high for each in ranges))
