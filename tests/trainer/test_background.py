"""A thread for which there is no memory ends no program, and holds none up."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract.folder import DirStore

PULSE_WITH_LITTLE_ROOM = """
import resource, sys, threading
from pathlib import Path
from contract.folder import DirStore
from tests.factories import task
from trainer.journal import Journal

journal = Journal(task(), "attempt", DirStore(Path(sys.argv[1])))
threading.stack_size(2**20)
pages_held = int(Path("/proc/self/statm").read_text().split()[0])
limit = (pages_held + 1) * resource.getpagesize() + 2**20 + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
with journal.pulse():
    journal.event("at-work")
"""


@pytest.mark.parametrize("room_bytes", [-4096, 0, 4096, 16384, 1_000_000])
def test_a_pulse_begins_and_ends_in_whatever_memory_is_left(tmp_path: Path, room_bytes: int):
    """Less than a thread's stack, just the stack and not its first lines, a little more."""
    command = [sys.executable, "-c", PULSE_WITH_LITTLE_ROOM, str(tmp_path), str(room_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "at-work" in done.stdout
    assert list(DirStore(tmp_path).list("attempts/")) != []
