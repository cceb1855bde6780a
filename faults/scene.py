"""What goes on around one attempt while its store is disturbed: its parts, and what is still to come of them."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from faults.proxy import Exchange, Proxy
from faults.servers import Server


@dataclass
class Scene:
    """Who has a part in it while one cell is at work; `rng` decides what the kind leaves open.

    `faults` took place in it, which is certain once it is closed.
    """

    server: Server
    rng: random.Random
    race: Callable[[], None]
    """Another attempt, from its beginning to its end; at most once."""
    program: psutil.Process = field(init=False)
    proxy: Proxy = field(init=False)
    faults: int = 0
    _pool: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    _later: list[Future[None]] = field(default_factory=list)
    _racing: Future[None] | None = None
    _under_way: int = 0
    _is_over: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begins(self, program: psutil.Process) -> None:
        """The attempt is at work."""
        self.program = program

    def play(self, act: "Act", exchange: Exchange) -> None:
        """Do it; nothing where its attempt is over."""
        with self._changed:
            if self._is_over:
                return
            self._under_way += 1
        try:
            self._count(lambda: act(self, exchange))
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do it then; the scene waits for it. What returns True is a fault that took place."""

        def wait_and_act() -> None:
            time.sleep(seconds)
            self._count(act)

        self._later.append(self._pool.submit(wait_and_act))

    def overtake(self) -> None:
        """Let the other attempt work; whoever asks for it waits for its end."""
        with self._changed:
            self._racing = self._racing or self._pool.submit(self.race)
        self._racing.result()

    def close(self) -> None:
        """Return when nothing more will happen. Raises what an act that came later raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0)
            self._is_over = True
        self._pool.shutdown()
        for done in self._later:
            done.result()

    def _count(self, act: Callable[[], object]) -> None:
        """Do it; it took place if it says so, and not where the program was gone before it."""
        with suppress(psutil.NoSuchProcess):
            took_place = act() is True
            with self._changed:
                self.faults += took_place


Act = Callable[[Scene, Exchange], bool]
"""Whether the fault took place; False where it comes later."""
