"""Which code runs: baked into an image, else asked of git. Needs the standard library only."""

import os
import subprocess
from pathlib import Path


def code_version() -> str:
    """`CODE_VERSION` (set in the image), else the checkout's commit, `+dirty` where files differ from it."""
    if baked := os.environ.get("CODE_VERSION"):
        return baked
    root = Path(__file__).resolve().parent.parent
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty=+dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(describe, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
