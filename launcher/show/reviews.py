"""Plan and fact in words."""

from dataclasses import asdict
from typing import Any

from launcher.costs.review import Review
from launcher.show.words import counted, with_bounds


def review_text(review: Review) -> str:
    """Plan and fact of the latest submit, in one line."""
    expected = review.expected
    worked = f"{review.cell_hours:.2f} h of work, expected {with_bounds(expected.cell_hours, '{:.2f}')}"
    took = f"; {review.wall_hours:.2f} h from submit to last result"
    wall = "" if expected.wall_hours is None else f", expected {with_bounds(expected.wall_hours, '{:.2f}')}"
    return f"{counted(len(expected.cells), 'cell')} took {worked}{took}{wall}"


def review_document(review: Review | None) -> dict[str, Any] | None:
    """The same for machines."""
    if review is None:
        return None
    expected = review.expected
    return {
        "cells": len(expected.cells),
        "cell_hours": asdict(expected.cell_hours) | {"actual": review.cell_hours},
        "wall_hours": (asdict(expected.wall_hours) if expected.wall_hours else {}) | {"actual": review.wall_hours},
    }
