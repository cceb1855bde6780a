"""Somebody at a shell: the launcher's verbs for a grid of one cell, whose seed tells it from other tests' cells."""

import json
import os
import subprocess
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

from contract.result import Success, decode
from contract.store import open_store
from tests.cluster.minio import Minio

NAMESPACE = "emotion-grid"
_GRID = """
name: real-{seed}
models: [bert]
labels: [2]
samples: [{samples}]
seeds: [{seed}]
hyper: {{epochs: {epochs}}}
data: {{source: synthetic}}
model: {{weights: random}}
train: {{threads: 1}}
"""
_SMALL = {"cpu": "500m", "memory": "4Gi", "ephemeral_storage": "2Gi"}
_SECONDS = 540


class Person:
    """A long cell takes hundreds of steps. `resources` are its own, over what a node of the tests has room for."""

    def __init__(
        self, kubeconfig: Path, minio: Minio, folder: Path, seed: int, long: bool = False, **resources: str
    ) -> None:
        samples, epochs = (2400, 3) if long else (80, 1)
        self._folder = folder
        self._grid = folder / "grid.yaml"
        self._grid.write_text(_GRID.format(seed=seed, samples=samples, epochs=epochs))
        self._uri = f"s3://{minio.new_bucket('real')}/study"
        self.settings = {
            "KUBECONFIG": str(kubeconfig),
            "LAUNCHER_BACKEND": "kubernetes",
            "LAUNCHER_IMAGE": os.environ["BUILT_IMAGE"],
            "LAUNCHER_NAMESPACE": NAMESPACE,
            "LAUNCHER_OWNER": "somebody",
            "LAUNCHER_ATTEMPTS": "1",
            "LAUNCHER_PER_MODEL": json.dumps({"bert": _SMALL | resources}),
            "LAUNCHER_RESULTS_URI": self._uri,
            **minio.environment(),
        }

    def runs(self, verb: str, *options: str, codes: Container[int] = (0,), **settings: str) -> str:
        """What the launcher prints; `codes` are the exit codes that it may end with."""
        return self._program("launcher", verb, *options, codes=codes, **settings)

    def status(self, *options: str) -> str:
        """It ends with 3 as long as the cell is not done."""
        return self.runs("status", *options, codes=(0, 3))

    def report(self) -> Any:
        """The aggregator's summary."""
        options = ["--results-uri", self._uri, "--out", str(self._folder / "report"), "--json"]
        return json.loads(self._program("aggregator", "report", *options))

    def cell(self) -> dict[str, Any]:
        """What `status` says of the cell."""
        (cell,) = json.loads(self.status("--json"))["cells"]
        return dict(cell)

    def results(self) -> list[Success]:
        """Everything that was published."""
        store = open_store(self._uri)
        return [decode(store.get(key), Success) for key in store.list("results/")]

    def _program(self, program: str, verb: str, *options: str, codes: Container[int] = (0,), **settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", program, verb, "--grid", str(self._grid), *options],
            env=dict(os.environ) | self.settings | settings,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout
