"""How fast the API server is asked, and when it is asked again."""

import random
import threading
import time

TRIES = 8
"""Of a request that is refused for the moment. With the delays below they span 13 to 26 s."""
OUTAGE_SECONDS = 120.0
"""How long a server that has answered before may be away. One that is asked to end takes no new connection while it
waits a minute for its watches, unless its kubelet kills it before; then it starts."""
_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 10.0
_LONGEST_ORDERED_SECONDS = 60.0
"""A server that wants a longer pause is asked again after this one."""


class Throttle:
    """At most `per_second` requests a second, evenly spaced, over all threads; None lets every request through."""

    def __init__(self, per_second: float | None) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def take_turn(self) -> None:
        """Return when it is this request's turn."""
        if not self._interval:
            return
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - time.monotonic()))


def delay_seconds(tried: int, ordered: str | None) -> float:
    """How long to wait after `tried` attempts.

    At least what the server ordered in Retry-After (seconds), and a random part on top: clients that were turned away
    together do not come back together.
    """
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** (tried - 1))
    backoff = random.uniform(longest / 2, longest)  # noqa: S311
    if ordered is None or not ordered.isdecimal():
        return backoff
    return min(float(ordered), _LONGEST_ORDERED_SECONDS) + random.uniform(0, _FIRST_SECONDS)  # noqa: S311
