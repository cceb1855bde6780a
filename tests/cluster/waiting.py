"""Awaiting a condition."""

import time
from collections.abc import Callable
from typing import TypeVar

_LOOK_SECONDS = 0.05

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """What `condition` answers as soon as that is true. Raises TimeoutError, which names `what`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(_LOOK_SECONDS)
    return answer
