"""What can go wrong while a cell is written: each kind as what it does at one request of the cell to its store."""

import random
import re
import resource
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from contract.exits import OK
from contract.s3_client import TRIES
from faults.attempts import Ended
from faults.proxy import Answer, Exchange, Target, pass_on
from faults.scene import Act, Scene
from faults.servers import Kept

_ALL = ("GET", "PUT", "DELETE")
_DATE = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Kind:
    """A kind of fault: which requests may meet it, how many in a row, and what it does to each.

    What takes something from a program hits it only when the program wants it: `sign` is what it then says, or its
    attempt ends without a result.
    """

    name: str
    act: Act
    methods: tuple[str, ...] = _ALL
    places: tuple[str, ...] = (".probe-", "results/", "attempts/", "checkpoints/")
    times: tuple[int, ...] = (1,)
    kept: Kept = Kept.ALONE
    sign: str | None = None

    def may_meet(self, target: Target, found: str) -> bool:
        """Whether it can be aimed at such a request; one that takes something strikes only before some work."""
        return (
            target.method in self.methods and target.place in self.places and (self.sign is None or found != "result")
        )

    def shows(self, ended: Ended) -> bool:
        """Whether the attempt tells that it was hit."""
        return self.sign is None or ended.code != OK.number or re.search(self.sign, ended.words) is not None


def _refused(scene: Scene, exchange: Exchange) -> bool:
    scene.proxy.refuse(scene.rng.choice((0.5, 5.0, 60.0)))
    exchange.reset()
    return True


def _reset_during_put(scene: Scene, exchange: Exchange) -> bool:
    exchange.receive(scene.rng.random())
    exchange.reset()
    return True


def _reset_during_get(scene: Scene, exchange: Exchange) -> bool:
    exchange.reply(exchange.forward(exchange.receive()), share=scene.rng.uniform(0.0, 0.99))
    exchange.reset()
    return True


def _answer_lost(scene: Scene, exchange: Exchange) -> bool:
    exchange.forward(exchange.receive())
    exchange.reset()
    return True


def _executed_late(scene: Scene, exchange: Exchange) -> bool:
    """The connection ends, and seconds later the request arrives at the store after all."""
    body = exchange.receive()
    scene.later(scene.rng.uniform(0.5, 4.0), lambda: bool(exchange.forward(body)))
    exchange.reset()
    return False


def _slow(scene: Scene, exchange: Exchange) -> bool:
    exchange.reply(exchange.forward(exchange.receive()), seconds=scene.rng.uniform(2.0, 8.0))
    return True


def _stalled(scene: Scene, exchange: Exchange) -> bool:
    exchange.receive()
    exchange.stall()
    return True


def _truncated(scene: Scene, exchange: Exchange) -> bool:
    answer = exchange.forward(exchange.receive())
    exchange.reply(answer, share=scene.rng.uniform(0.0, 0.99))
    return bool(answer.body)


def _flipped_sending(scene: Scene, exchange: Exchange) -> bool:
    body = exchange.receive()
    exchange.reply(exchange.forward(_flipped(body, scene.rng)))
    return bool(body)


def _flipped_answering(scene: Scene, exchange: Exchange) -> bool:
    answer = exchange.forward(exchange.receive())
    exchange.reply(Answer(answer.status, answer.headers, _flipped(answer.body, scene.rng)))
    return bool(answer.body)


def _flipped(data: bytes, rng: random.Random) -> bytes:
    """One bit is another one."""
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _says(status: int, code: str) -> Act:
    """The store refuses, in S3's form (Amazon S3 API reference, error responses)."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'

    def say(scene: Scene, exchange: Exchange) -> bool:
        exchange.receive()
        exchange.reply(Answer(status, (("Content-Type", "application/xml"),), body.encode()))
        return True

    return say


def _racer(scene: Scene, exchange: Exchange) -> bool:
    """A client that has waited too long, and asks again, waits for the same racer."""
    scene.overtake()
    return _refuses(exchange)


def _refuses(exchange: Exchange) -> bool:
    """Whether the store, asked after what was done to it or to the request, says no."""
    answer = exchange.forward(exchange.receive())
    exchange.reply(answer)
    return answer.status >= HTTPStatus.BAD_REQUEST


def _wrong_clock(scene: Scene, exchange: Exchange) -> bool:
    """The date is all that a store sees of a client's clock; it looks at it before the signature."""
    wrong = datetime.now(UTC) + timedelta(minutes=scene.rng.choice((-1, 1)) * scene.rng.uniform(16, 600))
    exchange.headers["X-Amz-Date"] = wrong.strftime(_DATE)
    return _refuses(exchange)


def _server_killed(scene: Scene, exchange: Exchange) -> bool:
    down = scene.rng.uniform(0.0, 5.0)
    if scene.rng.random() < 0.5:
        scene.server.crash(down)
    else:  # in the middle of the request
        scene.later(scene.rng.uniform(0.0, 0.01), lambda: scene.server.crash(down))
    pass_on(exchange)
    return True


def _store_full(scene: Scene, exchange: Exchange) -> bool:
    scene.server.fill()
    scene.later(scene.rng.choice((0.5, 5.0, 60.0)), scene.server.free)
    return _refuses(exchange)


def _signal(number: signal.Signals) -> Act:
    """Sent before the request is executed, after it, or a little later."""

    def send(scene: Scene, exchange: Exchange) -> bool:
        program = scene.program
        match scene.rng.choice(("before", "after", "later")):
            case "before":
                program.send_signal(number)
                pass_on(exchange)
                return True
            case "after":
                answer = exchange.forward(exchange.receive())
                program.send_signal(number)
                exchange.reply(answer)
                return True
            case _:
                pass_on(exchange)
                scene.later(scene.rng.uniform(0.0, 0.2), lambda: program.send_signal(number) is None)
                return False

    return send


def _out_of_memory(scene: Scene, exchange: Exchange) -> bool:
    """From now on the program gets no more memory than it has, give or take a little."""
    limit = scene.program.memory_info().vms + scene.rng.choice((0, 100_000, 10_000_000))
    scene.program.rlimit(resource.RLIMIT_AS, (limit, limit))
    pass_on(exchange)
    return True


def _local_disk_full(scene: Scene, exchange: Exchange) -> bool:
    """A limit on the size of files stands for the full disk: a write fails in its middle just the same."""
    limit = scene.rng.randrange(500)
    scene.program.rlimit(resource.RLIMIT_FSIZE, (limit, limit))
    pass_on(exchange)
    return True


_BRIEF_OR_LONG = (1, 3, 2 * TRIES)
"""Times in a row; the client asks TRIES times."""

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
    Kind("412 by a racer", _racer, ("PUT",), places=("results/",), times=(TRIES,)),
    Kind("wrong clock", _wrong_clock, times=_BRIEF_OR_LONG),
    Kind("expired credentials", _says(400, "ExpiredToken"), times=_BRIEF_OR_LONG),
    Kind("store killed and started again", _server_killed, kept=Kept.KILLED),
    Kind("store's disk full", _store_full, ("PUT",), kept=Kept.FILLED),
    Kind("local disk full", _local_disk_full, sign="disk-failed"),
    Kind("SIGTERM", _signal(signal.SIGTERM)),
    Kind("SIGKILL", _signal(signal.SIGKILL)),
    Kind("out of memory", _out_of_memory, sign="MemoryError|can't start new thread|can't allocate"),
)
