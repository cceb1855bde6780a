"""What can go wrong while a cell is written: each kind as what it does at one request of the cell to its store."""

import random
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psutil

from faults.proxy import Answer, Exchange, Proxy, pass_on
from faults.servers import Kept, Server

_ALL = ("GET", "PUT", "DELETE")
_DATE = "%Y%m%dT%H%M%SZ"


@dataclass
class Scene:
    """Who has a part in it while one cell is at work; `rng` decides what the kind leaves open."""

    server: Server
    rng: random.Random
    race: Callable[[], None]
    """Another attempt, from its beginning to its end."""
    program: psutil.Process = field(init=False)
    proxy: Proxy = field(init=False)
    _later: list[threading.Timer] = field(default_factory=list)

    def begins(self, program: psutil.Process) -> None:
        """The attempt is at work."""
        self.program = program

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do it then; the scene waits for it."""
        timer = threading.Timer(seconds, act)
        timer.start()
        self._later.append(timer)

    def close(self) -> None:
        """Return when nothing more will happen."""
        for timer in self._later:
            timer.join()


Act = Callable[[Scene, Exchange], None]


@dataclass(frozen=True)
class Kind:
    """A kind of fault: which requests may meet it, how many in a row, and what it does to each."""

    name: str
    act: Act
    methods: tuple[str, ...] = _ALL
    places: tuple[str, ...] = (".probe-", "results/", "attempts/", "checkpoints/")
    times: tuple[int, ...] = (1,)
    kept: Kept = Kept.ALONE


def _refused(scene: Scene, exchange: Exchange) -> None:
    scene.proxy.refuse(scene.rng.choice((0.5, 5.0, 60.0)))
    exchange.reset()


def _reset_during_put(scene: Scene, exchange: Exchange) -> None:
    exchange.receive(scene.rng.random())
    exchange.reset()


def _reset_during_get(scene: Scene, exchange: Exchange) -> None:
    exchange.reply(exchange.forward(exchange.receive()), share=scene.rng.uniform(0.0, 0.99))
    exchange.reset()


def _answer_lost(scene: Scene, exchange: Exchange) -> None:
    exchange.forward(exchange.receive())
    exchange.reset()


def _executed_late(scene: Scene, exchange: Exchange) -> None:
    """The connection ends, and seconds later the request arrives at the store after all."""
    body = exchange.receive()
    scene.later(scene.rng.uniform(0.5, 4.0), lambda: exchange.forward(body))
    exchange.reset()


def _slow(scene: Scene, exchange: Exchange) -> None:
    exchange.reply(exchange.forward(exchange.receive()), seconds=scene.rng.uniform(2.0, 8.0))


def _stalled(scene: Scene, exchange: Exchange) -> None:
    exchange.receive()
    exchange.stall()


def _truncated(scene: Scene, exchange: Exchange) -> None:
    exchange.reply(exchange.forward(exchange.receive()), share=scene.rng.uniform(0.0, 0.99))


def _flipped_sending(scene: Scene, exchange: Exchange) -> None:
    exchange.reply(exchange.forward(_flipped(exchange.receive(), scene.rng)))


def _flipped_answering(scene: Scene, exchange: Exchange) -> None:
    answer = exchange.forward(exchange.receive())
    exchange.reply(Answer(answer.status, answer.headers, _flipped(answer.body, scene.rng)))


def _flipped(data: bytes, rng: random.Random) -> bytes:
    """One bit is another one."""
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _says(status: int, code: str) -> Act:
    """The store refuses, in S3's form (Amazon S3 API reference, error responses)."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'

    def say(scene: Scene, exchange: Exchange) -> None:
        exchange.receive()
        exchange.reply(Answer(status, (("Content-Type", "application/xml"),), body.encode()))

    return say


def _racer(scene: Scene, exchange: Exchange) -> None:
    scene.race()
    pass_on(exchange)


def _wrong_clock(scene: Scene, exchange: Exchange) -> None:
    """The date is all that a store sees of a client's clock; it looks at it before the signature."""
    wrong = datetime.now(UTC) + timedelta(minutes=scene.rng.choice((-1, 1)) * scene.rng.uniform(16, 600))
    exchange.headers["X-Amz-Date"] = wrong.strftime(_DATE)
    pass_on(exchange)


def _server_killed(scene: Scene, exchange: Exchange) -> None:
    if scene.rng.random() < 0.5:  # in the middle of the request
        scene.later(scene.rng.uniform(0.0, 0.01), lambda: scene.server.crash(scene.rng.uniform(0.0, 5.0)))
    else:
        scene.server.crash(scene.rng.uniform(0.0, 5.0))
    pass_on(exchange)


def _store_full(scene: Scene, exchange: Exchange) -> None:
    scene.server.fill()
    scene.later(scene.rng.choice((0.5, 5.0, 60.0)), scene.server.free)
    pass_on(exchange)


def _signal(number: signal.Signals) -> Act:
    """Sent before the request is executed, after it, or a little later."""

    def send(scene: Scene, exchange: Exchange) -> None:
        program = scene.program
        match scene.rng.choice(("before", "after", "later")):
            case "before":
                program.send_signal(number)
                pass_on(exchange)
            case "after":
                answer = exchange.forward(exchange.receive())
                program.send_signal(number)
                exchange.reply(answer)
            case _:
                pass_on(exchange)
                scene.later(scene.rng.uniform(0.0, 0.2), lambda: _send_if_there(program, number))

    return send


def _send_if_there(program: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        program.send_signal(number)


def _out_of_memory(scene: Scene, exchange: Exchange) -> None:
    """From now on the program gets no more memory than it has, give or take a little."""
    held = scene.program.memory_info().vms
    limit = held + scene.rng.choice((0, 100_000, 10_000_000))
    scene.program.rlimit(resource.RLIMIT_AS, (limit, limit))
    pass_on(exchange)


def _local_disk_full(scene: Scene, exchange: Exchange) -> None:
    """A limit on the size of files stands for the full disk: a write fails in its middle just the same."""
    limit = scene.rng.randrange(500)
    scene.program.rlimit(resource.RLIMIT_FSIZE, (limit, limit))
    pass_on(exchange)


_BRIEF_OR_LONG = (1, 3, 20)
"""Times in a row; the client asks ten times."""

KINDS = (
    Kind("connection refused", _refused),
    Kind("reset during PUT", _reset_during_put, ("PUT",), times=_BRIEF_OR_LONG),
    Kind("reset during GET", _reset_during_get, ("GET",), times=_BRIEF_OR_LONG),
    Kind("response lost after the PUT was executed", _answer_lost, ("PUT",), times=(1, 2)),
    Kind("PUT executed late, after the connection ended", _executed_late, ("PUT",), times=(1, 2)),
    Kind("slow", _slow, times=(1, 2)),
    Kind("stalled", _stalled),
    Kind("body cut short", _truncated, ("GET",), times=_BRIEF_OR_LONG),
    Kind("bit flipped in a PUT", _flipped_sending, ("PUT",), times=(1, 3)),
    Kind("bit flipped in a GET", _flipped_answering, ("GET",), times=(1, 3)),
    Kind("500 InternalError", _says(500, "InternalError"), times=_BRIEF_OR_LONG),
    Kind("503 SlowDown", _says(503, "SlowDown"), times=_BRIEF_OR_LONG),
    Kind("409 ConditionalRequestConflict", _says(409, "ConditionalRequestConflict"), ("PUT",), times=_BRIEF_OR_LONG),
    Kind("412 by a racer", _racer, ("PUT",), places=("results/",)),
    Kind("wrong clock", _wrong_clock, times=_BRIEF_OR_LONG),
    Kind("expired credentials", _says(400, "ExpiredToken"), times=_BRIEF_OR_LONG),
    Kind("store killed and started again", _server_killed, kept=Kept.KILLED),
    Kind("store's disk full", _store_full, ("PUT",), kept=Kept.FILLED),
    Kind("local disk full", _local_disk_full),
    Kind("SIGTERM", _signal(signal.SIGTERM)),
    Kind("SIGKILL", _signal(signal.SIGKILL)),
    Kind("out of memory", _out_of_memory),
)
