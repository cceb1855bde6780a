"""The command line of a campaign."""

import subprocess
import sys
from pathlib import Path

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


def test_records_of_another_campaign_are_told_in_a_line(tmp_path: Path):
    (tmp_path / "lives.jsonl").write_text('{"seed": 1, "code_version": "c0ffee"}\n')
    command = [sys.executable, "-m", "faults", "--part", "races", "--seed", "7", "--records", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path}/lives.jsonl" in line
