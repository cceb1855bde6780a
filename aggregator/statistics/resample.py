"""The two-way bootstrap: seeds and comments are drawn anew, independently of each other, for they are crossed.

Every seed answers the same comments, so a draw of comments holds for all seeds and for both models of a pair (Owen
2007, Annals of Applied Statistics 1:386-411, calls it the pigeonhole bootstrap). Draws are seeded: the same results
give the same report.
"""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
_STREAMS = {"seeds": 1, "comments": 2}
_TAILS = (0.025, 0.975)

Values = NDArray[np.float32]


def draw_comments(scores: NDArray[Any]) -> Values:
    """The mean of one cell's scores of its comments, in each of RESAMPLES draws."""
    return np.asarray(_counts("comments", len(scores)) @ scores.astype(np.float32) / len(scores))


def draw_seeds(means: Values) -> Values:
    """Of seeds x RESAMPLES from `draw_comments` the mean over seeds, these being drawn too; a difference will do."""
    return np.asarray((_counts("seeds", len(means)) * means.T).mean(axis=1))


def percentiles(means: Values) -> tuple[float, float]:
    """The 95 % percentile interval (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.quantile(means, _TAILS)
    return float(low), float(high)


@lru_cache(maxsize=8)  # 11 MB for 1,360 comments; a report has one size for each number of labels
def _counts(of: Literal["seeds", "comments"], size: int) -> Values:
    """How often each of `size` things is drawn: RESAMPLES x size, each row sums to `size`."""
    drawn = np.random.default_rng([_STREAMS[of], size]).integers(size, size=(RESAMPLES, size))
    row_starts = size * np.arange(RESAMPLES)[:, None]
    counts = np.bincount((drawn + row_starts).ravel(), minlength=RESAMPLES * size)
    return counts.reshape(RESAMPLES, size).astype(np.float32)
