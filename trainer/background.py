"""Work beside the main thread, begun and ended without waiting for what may never come.

`threading.Thread.start` waits until the new thread says that it runs. One that finds no memory for its first lines ends
without a word, and the program waits for ever (CPython 3.11, `Thread.start`).
"""

import _thread
from collections.abc import Callable


class Background:
    """A thread that may fail to begin, which ends no program and holds none up."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._running = _thread.allocate_lock()

    def start(self) -> None:
        """Returns at once. Raises MemoryError or RuntimeError where no thread can be had."""
        _thread.start_new_thread(self._run, ())

    def join(self) -> None:
        """Return when the work is over; at once where it has not begun, which it may do later."""
        with self._running:
            return

    def _run(self) -> None:
        with self._running:
            self._work()
