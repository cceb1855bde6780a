"""The statistics against published worked examples, scipy, and worlds whose truth is known."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aggregator.statistics.inference import crossed, holm, mcnemar, student
from aggregator.statistics.intervals import newcombe, over_seeds, wilson
from aggregator.statistics.resample import draw_comments, draw_seeds, percentiles

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def paired(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_first, only_second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


class TestMcNemar:
    @pytest.mark.parametrize(
        ("table", "p"),
        [
            # Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91, table 1: airway
            # hyper-responsiveness of 21 children before and after stem cell transplantation, exact conditional test.
            ((1, 1, 7, 12), 0.0703),
            # Armitage and Berry 1994, Statistical Methods in Medical Research, p. 127: two culture media.
            ((20, 12, 2, 16), 0.0129),
        ],
    )
    def test_published_examples(self, table: tuple[int, int, int, int], p: float):
        assert mcnemar(*paired(*table)) == pytest.approx(p, abs=5e-5)

    @given(st.integers(0, 400), st.integers(0, 400))
    def test_it_is_the_binomial_test_of_the_discordant_pairs(self, only_first: int, only_second: int):
        either = only_first + only_second
        expected = stats.binomtest(only_first, either).pvalue if either else 1.0
        assert mcnemar(*paired(9, only_first, only_second, 5)) == pytest.approx(expected, rel=1e-9)


class TestHolm:
    def test_published_example(self):
        """The four p-values with which the method is commonly taught; R's p.adjust gives the same."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    @given(P_VALUES, st.floats(0.001, 0.999))
    def test_it_rejects_what_holms_steps_reject(self, p_values: list[float], alpha: float):
        """Holm 1979: from the smallest on, reject while p(i) <= alpha / (n - i + 1), and stop at the first failure."""
        passed = (p * (len(p_values) - i) <= alpha for i, p in enumerate(sorted(p_values)))
        rejected = sum(accumulate(passed, lambda so_far, now: so_far and now))
        assert sum(p <= alpha for p in holm(p_values)) == rejected

    @given(P_VALUES)
    def test_a_smaller_p_value_stays_smaller(self, p_values: list[float]):
        order = np.argsort(p_values, kind="stable")
        adjusted = np.array(holm(p_values))[order]
        assert (np.diff(adjusted) >= 0).all()
        assert all(p <= q <= 1 for p, q in zip(p_values, holm(p_values), strict=True))


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=10, unique=True))
def test_student_is_scipys_one_sample_t(values: list[int]):
    expected = stats.ttest_1samp(values, 0)
    found = student(values)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)


class TestCrossed:
    def test_it_is_min_f(self):
        """Clark 1973: min F' = F1 F2 / (F1 + F2) on 1 and (F1 + F2)^2 / (F1^2 / n2 + F2^2 / n1) degrees of freedom."""
        rng = np.random.default_rng(3)
        scores = 0.4 + rng.normal(size=(5, 1)) + rng.normal(size=(1, 30)) + rng.normal(size=(5, 30))
        by_row = stats.ttest_1samp(scores.mean(axis=1), 0).statistic ** 2
        by_column = stats.ttest_1samp(scores.mean(axis=0), 0).statistic ** 2
        ratio = by_row * by_column / (by_row + by_column)
        degrees = (by_row + by_column) ** 2 / (by_row**2 / 29 + by_column**2 / 4)
        found = crossed(scores / 30)
        assert found.p == pytest.approx(stats.f.sf(ratio, 1, degrees))
        assert found.mean == pytest.approx(scores.mean())

    @pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.01, 0.0)])
    def test_no_spread_at_all(self, value: float, p: float):
        found = crossed(np.full((3, 100), value))
        assert (found.p, found.low, found.high) == (p, found.mean, found.mean)


def resampled_means(scores: np.ndarray) -> np.ndarray:
    """Of seeds x comments, both drawn anew."""
    return draw_seeds(np.array([draw_comments(row) for row in scores]))


class TestBootstrap:
    def test_one_seed_is_the_plain_bootstrap(self):
        """scipy.stats.bootstrap of the same mean; both have sampling noise of a few thousandths."""
        right = np.random.default_rng(1).random((1, 200)) < 0.7
        plain = stats.bootstrap((right[0],), np.mean, method="percentile", n_resamples=20_000, rng=1)
        assert percentiles(resampled_means(right)) == pytest.approx(plain.confidence_interval, abs=0.008)

    def test_its_variance_is_that_of_both_ways_together(self):
        """Owen 2007, theorem 2: the pigeonhole variance of a crossed mean, exact given the data."""
        rng = np.random.default_rng(2)
        scores = rng.normal(size=(4, 1)) + rng.normal(size=(1, 50)) + rng.normal(size=(4, 50))
        seeds, comments = scores.shape
        centred = scores - scores.mean()
        by_seed, by_comment = centred.mean(axis=1), centred.mean(axis=0)
        rest = centred - by_seed[:, None] - by_comment
        expected = (by_seed**2).mean() / seeds + (by_comment**2).mean() / comments + (rest**2).mean() / scores.size
        assert resampled_means(scores).var() == pytest.approx(expected, rel=0.12)


class TestNewcombe:
    @pytest.mark.parametrize(
        ("first", "second", "low", "high"),
        [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((5, 56), (0, 29), -0.0381, 0.1926)],
    )
    def test_published_examples(self, first: tuple[int, int], second: tuple[int, int], low: float, high: float):
        """Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10."""
        (right, comments), (other_right, other_comments) = first, second
        found = newcombe(right / comments, comments, other_right / other_comments, other_comments)
        assert found == pytest.approx((low, high), abs=5e-5)


def world(rng: np.random.Generator, seeds: int, comments: int, *, of_seeds: float, of_comments: float) -> np.ndarray:
    """Right or wrong for seeds x comments, half right on average over all seeds and comments there are."""
    log_odds = of_seeds * rng.normal(size=(seeds, 1)) + of_comments * rng.normal(size=(1, comments))
    return rng.random((seeds, comments)) < 1 / (1 + np.exp(-log_odds))


class TestCoverage:
    """Where the truth is known, 95 % intervals hold it about that often."""

    def holds(self, low: float, high: float, truth: float) -> bool:
        return low <= truth <= high

    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_wilson(self, share: float):
        """Exact: summed over every number of right answers among 100."""
        held = sum(stats.binom.pmf(right, 100, share) for right in range(101) if self.holds(*wilson(right, 100), share))
        assert held == pytest.approx(0.95, abs=0.025)

    def test_the_highest_of_a_training_flatters_itself_but_not_its_difference_to_another(self):
        """Why validation accuracies get an interval side by side and none alone: 25 looks at 80 comments each."""
        rng, truth = np.random.default_rng(20261125), 0.55

        def highest_of_trainings() -> np.ndarray:
            luck = 0.9**0.5 * rng.normal(size=(400, 80, 1)) + 0.1**0.5 * rng.normal(size=(400, 80, 25))
            return (luck < stats.norm.ppf(truth)).mean(axis=1).max(axis=1)

        ours, theirs = highest_of_trainings(), highest_of_trainings()
        apart = [self.holds(*newcombe(one, 80, other, 80), 0) for one, other in zip(ours, theirs, strict=True)]
        alone = [self.holds(*wilson(one * 80, 80), truth) for one in ours]
        assert np.mean(apart) > 0.94
        assert np.mean(alone) < 0.9

    @pytest.mark.parametrize(("of_seeds", "of_comments"), [(0.8, 0.5), (0.05, 2.0)])
    def test_several_seeds(self, of_seeds: float, of_comments: float):
        """Three seeds, with the luck of the seed or that of the comments on top."""
        rng = np.random.default_rng(5)
        worlds = [world(rng, 3, 300, of_seeds=of_seeds, of_comments=of_comments) for _ in range(400)]
        by_t = [self.holds(*over_seeds(right.mean(axis=1).tolist()), 0.5) for right in worlds]
        estimates = [crossed((right - 0.5) / 300) for right in worlds]
        by_crossed = [self.holds(found.low, found.high, 0.0) for found in estimates]
        assert np.mean(by_crossed) >= 0.93
        if of_seeds > of_comments:
            assert np.mean(by_t) >= 0.92

    def test_many_seeds_make_the_bootstrap_hold_too(self):
        rng = np.random.default_rng(6)
        worlds = [world(rng, 20, 200, of_seeds=0.5, of_comments=1.0) for _ in range(100)]
        held = [self.holds(*percentiles(resampled_means(right)), 0.5) for right in worlds]
        assert 0.88 <= np.mean(held) <= 1
