"""When a list of cells is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.estimates.range import Range
from launcher.estimates.schedule import makespan

SECONDS = st.lists(st.floats(0.1, 1e4), min_size=1, max_size=40)
PLACES = st.integers(1, 12)


def done_after(seconds: list[float], places: int) -> float:
    return makespan([Range.of(each) for each in seconds], places).expected


@given(SECONDS, PLACES)
def test_no_place_idles_while_a_cell_waits(seconds: list[float], places: int) -> None:
    """Graham's bound, and the two that no schedule can beat."""
    span, even, longest = done_after(seconds, places), sum(seconds) / places, max(seconds)
    assert max(even, longest) <= span * (1 + 1e-9)
    assert span <= (even + (1 - 1 / places) * longest) * (1 + 1e-9)


@pytest.mark.parametrize(("places", "span"), [(1, 9), (2, 7), (3, 6), (9, 5)])
def test_each_is_begun_in_turn_where_a_place_is_free_first(places: int, span: float) -> None:
    assert done_after([1, 2, 1, 5], places) == span


def test_the_bounds_are_scheduled_like_what_is_expected() -> None:
    assert makespan([Range(1, 2, 3)] * 4, 2) == Range(2, 4, 6)


def test_more_places_than_cells_cost_nothing() -> None:
    assert done_after([1, 2], 10**12) == 2


def test_nothing_takes_no_time() -> None:
    assert makespan([], 4) == Range.of(0)
