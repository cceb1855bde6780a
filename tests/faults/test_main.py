"""The command line of a campaign."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--lanes", "0", "give 1 or more"), ("--lanes", "many", "invalid"), ("--part", "all", "publisher")],
)
def test_a_wrong_option_is_told_in_a_line(option: str, value: str, words: str):
    done = subprocess.run([sys.executable, "-m", "faults", option, value], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert words in done.stderr.splitlines()[-1]
