"""Somebody at a shell, with the rights of the Role `launcher` and no other: the verbs, for one grid."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

import yaml

from contract.cell import MODELS
from contract.keys import RESULTS
from contract.opening import open_store
from contract.result import Success, decode
from tests.cluster.minio import Minio
from tests.node.images import full_name
from tests.node.namespace import NAMESPACE, PERSON

_NEEDS = {"cpu": "1", "memory": "4Gi", "ephemeral_storage": "2Gi"}
"""Of a cell, so that two of them fit on the node of a small machine."""
_SECONDS = 540


class Person:
    """`grid` is a name, or the text of a grid file; `resources` are those of a cell where it needs other ones."""

    def __init__(
        self, grid: str, kubeconfig: Path, kubectl: Path, minio: Minio, folder: Path, **resources: str
    ) -> None:
        self.run = grid if grid.isalnum() else str(yaml.safe_load(grid)["name"])
        self._grid = grid if grid.isalnum() else _written(grid, folder)
        self._kubectl = kubectl
        self._report = folder / "report"
        self._uri = f"s3://{minio.new_bucket('real')}/study"
        self.store = open_store(self._uri)
        self.settings = {
            "KUBECONFIG": str(kubeconfig),
            "LAUNCHER_BACKEND": "kubernetes",
            "LAUNCHER_IMAGE": full_name(os.environ["BUILT_IMAGE"]),
            "LAUNCHER_NAMESPACE": NAMESPACE,
            "LAUNCHER_OWNER": PERSON,
            "LAUNCHER_ATTEMPTS": "1",
            "LAUNCHER_PER_MODEL": json.dumps(dict.fromkeys(MODELS, _NEEDS | resources)),
            "LAUNCHER_RESULTS_URI": self._uri,
            **minio.environment(),
        }

    def runs(self, verb: str, *options: str, codes: Container[int] = (0,), **settings: str) -> str:
        """What the launcher prints; `codes` are the exit codes that it may end with."""
        grid = [] if verb == "doctor" else ["--grid", self._grid]
        return self._ran([sys.executable, "-m", "launcher", verb, *grid, *options], codes, settings)

    def status(self, *options: str) -> str:
        """It ends with 3 as long as not all cells are done."""
        return self.runs("status", *options, codes=(0, 3))

    def cells(self) -> list[dict[str, Any]]:
        """What `status` says of each cell."""
        return list(json.loads(self.status("--json"))["cells"])

    def cell(self) -> dict[str, Any]:
        """The same of the only one."""
        (cell,) = self.cells()
        return cell

    def kubectl_logs(self, cell: str) -> str:
        """Of the cell's pods. By label: the Role lets nobody get a pod by its name."""
        selector = f"emotion-grid/run={self.run},emotion-grid/cell={cell}"
        command = [str(self._kubectl), "--namespace", NAMESPACE, "logs", "--selector", selector, "--tail=-1"]
        return self._ran(command)

    def report(self, codes: Container[int] = (0,)) -> list[dict[str, str]]:
        """The rows of results.csv."""
        options = ["--grid", self._grid, "--results-uri", self._uri, "--out", str(self._report)]
        self._ran([sys.executable, "-m", "aggregator", "report", *options], codes)
        with (self._report / "results.csv").open() as file:
            return list(csv.DictReader(file))

    def heatmap(self) -> str:
        """The text of the last report's heatmap, which its SVG draws as words."""
        return (self._report / "heatmap.svg").read_text()

    def results(self) -> list[Success]:
        """Everything that was published."""
        return [decode(self.store.get(key) or b"", Success) for key in self.store.list(RESULTS)]

    def _ran(self, command: list[str], codes: Container[int] = (0,), settings: dict[str, str] | None = None) -> str:
        environment = dict(os.environ) | self.settings | (settings or {})
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS)
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout


def _written(grid: str, folder: Path) -> str:
    file = folder / "grid.yaml"
    file.write_text(grid)
    return str(file)
