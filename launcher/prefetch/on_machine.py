"""Prefetches as processes of this machine, one after the other: the disk and the network are shared."""

import os
import subprocess
from collections.abc import Sequence

from contract.exits import OK
from contract.prefetch import Prefetch
from launcher.command_line.talk import say
from launcher.machine.children import die_with_parent
from launcher.prefetch.orders import Ended


def carry_out(orders: Sequence[Prefetch], trainer: Sequence[str]) -> list[Ended]:
    """What they say is passed on. Ctrl-C ends the one at work, which says so, and is raised then."""
    return [_carry_out(order, [*trainer[:-1], f"{trainer[-1]}.prefetch"]) for order in orders]


def _carry_out(order: Prefetch, command: Sequence[str]) -> Ended:
    with subprocess.Popen(  # noqa: S603
        command,
        env=os.environ | order.to_env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C is for this process
        preexec_fn=die_with_parent(),
    ) as process:
        try:
            last = _pass_on(process)
        except KeyboardInterrupt:
            process.terminate()
            _pass_on(process)
            process.wait()
            raise
    return Ended(order, process.returncode == OK.number, last)


def _pass_on(process: subprocess.Popen[str]) -> str:
    """All that it says until it ends; the last line."""
    line = ""
    for line in process.stdout or ():
        say(line.rstrip("\n"))
    return line.rstrip("\n")
