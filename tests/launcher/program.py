"""The launcher as a process, on stand-in trainers."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

GRID = """
name: tiny
models: [bert, gemma3]
labels: [2, 4]
samples: [80]
seeds: [{seeds}]
data: {{source: synthetic}}
model: {{weights: random}}
"""
TRAINER = f"{shlex.quote(sys.executable)} -m tests.launcher.standin"


class Launcher:
    """`python -m launcher` with a folder of its own; `grid(seeds)` writes a grid of four cells a seed."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        self.grid_file = folder / "tiny.yaml"
        self._book = folder / "lives"
        self._book.mkdir()
        self.grid(0)

    def grid(self, *seeds: int) -> None:
        self.grid_file.write_text(GRID.format(seeds=", ".join(map(str, seeds))))

    def command(self, verb: str, *options: str) -> list[str]:
        grid = [] if "--run" in options or verb in ("doctor", "gc") else ["--grid", str(self.grid_file)]
        return [sys.executable, "-m", "launcher", verb, *grid, "--results-uri", str(self.results), *options]

    def environment(self, seconds: float = 0.1) -> dict[str, str]:
        standin = {"STANDIN_SECONDS": str(seconds), "STANDIN_BOOK": str(self._book)}
        local = {"LAUNCHER_BACKEND": "local", "LAUNCHER_TRAINER_COMMAND": TRAINER}
        return dict(os.environ) | local | standin

    def __call__(self, verb: str, *options: str, seconds: float = 0.1) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(verb, *options),
            env=self.environment(seconds),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def states(self, *options: str) -> dict[str, str]:
        """Cell id -> state, as `status --json` tells them."""
        return {cell["cell"]: cell["state"] for cell in self.json("status", *options)["cells"]}

    def json(self, verb: str, *options: str) -> Any:
        """What the verb prints on stdout, which must be JSON and nothing else."""
        return json.loads(self(verb, "--json", *options).stdout)

    def lives(self) -> list[dict[str, Any]]:
        """Every trainer that was started: its cell, its GPU, when it began and ended, whether its result was first."""
        return [json.loads(path.read_text() or "{}") for path in sorted(self._book.iterdir())]

    def published(self) -> list[str]:
        """Every result there is, as cell/fingerprint."""
        return sorted(path.relative_to(self.results).as_posix() for path in self.results.glob("results/*/*.json"))
