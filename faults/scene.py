"""What goes on around one attempt while its store is disturbed: its parts, and what is still to come of them."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import psutil

from faults.proxy import Exchange, Proxy
from faults.servers import Server


@dataclass
class Scene:
    """Who has a part in it while one cell is at work; `rng` decides what the kind leaves open."""

    server: Server
    rng: random.Random
    race: Callable[[], None]
    """Another attempt, from its beginning to its end; at most once."""
    program: psutil.Process = field(init=False)
    proxy: Proxy = field(init=False)
    _pool: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    _later: list[Future[bool]] = field(default_factory=list)
    _racing: Future[None] | None = None
    _under_way: int = 0
    _is_over: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begins(self, program: psutil.Process) -> None:
        """The attempt is at work."""
        self.program = program

    def play(self, act: "Act", exchange: Exchange) -> bool:
        """Whether the fault took place; it does not where its attempt is over."""
        with self._changed:
            if self._is_over:
                return False
            self._under_way += 1
        try:
            return took_place(lambda: act(self, exchange))
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do it then; the scene waits for it. What returns True is a fault that took place."""

        def wait_and_act() -> bool:
            time.sleep(seconds)
            return took_place(act)

        self._later.append(self._pool.submit(wait_and_act))

    def overtake(self) -> None:
        """Let the other attempt work; whoever asks for it waits for its end."""
        with self._changed:
            self._racing = self._racing or self._pool.submit(self.race)
        self._racing.result()

    def close(self) -> int:
        """Return when nothing more will happen: how many faults took place later. Raises what such an act raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0)
            self._is_over = True
        self._pool.shutdown()
        return sum(done.result() for done in self._later)


def took_place(act: Callable[[], object]) -> bool:
    """Do it; not where the program was gone before it."""
    try:
        return act() is True
    except psutil.NoSuchProcess:
        return False


Act = Callable[[Scene, Exchange], bool]
"""Whether the fault took place; False where it comes later."""
