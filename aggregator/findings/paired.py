"""Models compared on the identical test comments, subset by subset.

A family is all pairs of models on one subset. Its p-values are Holm's: of twenty families at most one is expected to
claim a difference where there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from aggregator.outcomes.boxes import Box, Boxes, Place, Subset, subsets_of
from aggregator.outcomes.marks import Marks
from aggregator.reading.predictions import Answers, Predictions, Refused
from aggregator.statistics.inference import ALPHA, crossed, holm, mcnemar
from aggregator.statistics.resample import draw_seeds, percentiles

BySeed = Mapping[int, Answers]


@dataclass(frozen=True)
class Pair:
    """Two models on the same comments under the same seeds."""

    first: str
    second: str
    difference: float
    """Accuracy of the first less that of the second, -1..1."""
    low: float
    high: float
    """95 % interval of the difference: paired bootstrap over seeds and comments."""
    p: float
    """One seed: McNemar's exact test. Several: Student's t over crossed seeds and comments."""
    seeds: int

    @property
    def loser(self) -> str:
        """The model with the lower accuracy on these comments."""
        return self.second if self.difference > 0 else self.first

    @property
    def told_apart(self) -> bool:
        """Whether the difference is more than luck."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Family:
    """All pairs of models on one subset, with p-values corrected for their number."""

    subset: Subset
    pairs: tuple[Pair, ...]
    left_out: Mapping[str, str]
    """Model -> why it, or one of its seeds, could not be compared."""
    best: tuple[str, ...]
    """The model with the highest mean accuracy of those compared, then all that cannot be told from it."""

    @property
    def seeds(self) -> int:
        """The fewest seeds that a pair rests on."""
        return min((pair.seeds for pair in self.pairs), default=0)


def families(test: Boxes, predictions: Predictions, marks: Marks) -> list[Family]:
    """One for each subset. Models of random weights are left out unless there are no others."""
    pretrained = {model for model, _ in test if not marks.is_random(model)}
    ranked = {place: box for place, box in test.items() if place[0] in pretrained} or test
    return [_family(subset, ranked, predictions) for subset in subsets_of(test)]


def best_places(found: Sequence[Family]) -> set[Place]:
    """The models and subsets that are best of their family, or not to be told from the best."""
    return {(model, family.subset) for family in found for model in family.best}


def _family(subset: Subset, test: Boxes, predictions: Predictions) -> Family:
    here = {model: box for (model, place), box in test.items() if place == subset and box.done}
    answers = {model: answers_of(box, predictions) for model, box in here.items()}
    found = (pair(first, second, answers[first], answers[second]) for first, second in combinations(here, 2))
    pairs = corrected([both for both in found if both])
    means = {model: box.mean or 0.0 for model, box in here.items()}
    return Family(subset, pairs, _left_out(here, pairs, predictions), _best(pairs, means))


def answers_of(box: Box, predictions: Predictions) -> BySeed:
    """Those of its finished seeds that can be used."""
    found = {success.cell.seed: predictions[success.fingerprint] for success in box.done}
    return {seed: answers for seed, answers in found.items() if isinstance(answers, Answers)}


def pair(first: str, second: str, of_first: BySeed, of_second: BySeed) -> Pair | None:
    """Before correction; None when the two have not answered the same comments under any seed."""
    alike = [seed for seed in of_first if seed in of_second and of_first[seed].ids == of_second[seed].ids]
    shared = [seed for seed in alike if of_first[seed].ids == of_first[alike[0]].ids]
    if not shared:
        return None
    left, right = (np.array([answers[seed].right for seed in shared]) for answers in (of_first, of_second))
    drawn = np.array([of_first[seed].resampled - of_second[seed].resampled for seed in shared])
    p = mcnemar(left[0], right[0]) if len(shared) == 1 else crossed((left - 1.0 * right) / left.shape[1]).p
    return Pair(first, second, float(left.mean() - right.mean()), *percentiles(draw_seeds(drawn)), p, len(shared))


def corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The same pairs with Holm's p-values."""
    adjusted = holm([pair.p for pair in pairs])
    return tuple(replace(pair, p=p) for pair, p in zip(pairs, adjusted, strict=True))


def _best(pairs: Sequence[Pair], means: Mapping[str, float]) -> tuple[str, ...]:
    compared = {model for pair in pairs for model in (pair.first, pair.second)}
    ranked = sorted((model for model in means if model in compared), key=lambda model: -means[model])
    beaten = {pair.loser for pair in pairs if pair.told_apart and ranked[0] in (pair.first, pair.second)}
    return tuple(model for model in ranked if model == ranked[0] or model not in beaten)


def _left_out(here: Mapping[str, Box], pairs: Sequence[Pair], predictions: Predictions) -> dict[str, str]:
    compared = {model for pair in pairs for model in (pair.first, pair.second)}
    alone = {model: "no other model answered the same comments" for model in here if model not in compared}
    refused = {
        model: found.reason
        for model, box in here.items()
        for success in box.done
        if isinstance(found := predictions[success.fingerprint], Refused)
    }
    return alone | refused if len(here) > 1 else {}
