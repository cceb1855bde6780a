"""A program run to its end: how long it took and how much memory it held. Linux only."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from contract.exits import INCOMPLETE, OK
from launcher.machine.children import die_with_parent

_LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Measured:
    """`began` is in seconds since the epoch, `seconds` those of the whole process, its start-up included."""

    began: float
    seconds: float
    peak_bytes: int
    output: str


def run(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Raises subprocess.CalledProcessError, after the program's own words, unless it exits with 0 or 3.

    3 is how a launcher says that cells are missing.
    """
    with TemporaryFile("w+") as output, TemporaryFile("w+") as words:
        began, clock = time.time(), time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 (its caller says which)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=words,
            preexec_fn=die_with_parent(),
        )
        peak_bytes = 0
        while process.poll() is None:
            peak_bytes = max(peak_bytes, _peak_bytes(process.pid))
            time.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - clock
        if process.returncode not in (OK.number, INCOMPLETE.number):
            words.seek(0)
            sys.stderr.write(words.read())
            raise subprocess.CalledProcessError(process.returncode, command)
        output.seek(0)
        return Measured(began, seconds, peak_bytes, output.read())


def _peak_bytes(pid: int) -> int:
    """The most memory that the program has held since it was started; 0 when it is gone.

    The kernel's figure in rusage also counts what its parent held before the program took its place.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0
