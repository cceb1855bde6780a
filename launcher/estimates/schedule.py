"""When a list of cells is done. Pure."""

import heapq
from collections.abc import Sequence

from launcher.estimates.range import Range


def makespan(cells: Sequence[Range], places: int) -> Range:
    """Seconds until all are done, each begun in turn where a place is free first.

    List scheduling (Graham 1966, Bounds for certain multiprocessing anomalies): what the local runner does, and a
    scheduler of Jobs that all ask for one GPU.
    """
    low, expected, high = [each.low for each in cells], [each.expected for each in cells], [each.high for each in cells]
    return Range(_makespan(low, places), _makespan(expected, places), _makespan(high, places))


def _makespan(seconds: Sequence[float], places: int) -> float:
    free_at = [0.0] * max(1, min(places, len(seconds)))
    for each in seconds:
        heapq.heapreplace(free_at, free_at[0] + each)
    return max(free_at)
