"""A folder with a grid file, a results store and a report, as the aggregator's users have them."""

import csv
import json
from pathlib import Path
from typing import Any

from aggregator.command_line.cli import main
from contract.grid import load_grid
from contract.opening import open_store
from contract.revision import resolve
from contract.run import Run, record_run
from contract.task import Task

GRID: dict[str, Any] = {"name": "small", "models": ["gemma3", "bert"], "labels": [2, 4], "samples": [800, 1600]}
"""Eight cells on hub data and hub weights: nothing in it is plumbing."""
PLUMBING: dict[str, Any] = {"data": {"source": "synthetic"}, "model": {"weights": "random"}}


class Desk:
    """`grid(...)` changes what is asked for, `report()` runs the program, the rest reads what it wrote."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.store = open_store(str(folder / "results"))
        self.out = folder / "report"
        self._grid_file = folder / "grid.yaml"
        self.grid()

    def grid(self, **changes: Any) -> None:
        self._grid_file.write_text(json.dumps(GRID | changes))  # JSON is YAML

    @property
    def tasks(self) -> list[Task]:
        return resolve(load_grid(str(self._grid_file)).tasks(self.store.uri))

    def record(self, *settings: str, run: str = "small") -> list[Task]:
        """What `submit --set SETTING... --run RUN` would record."""
        grid = load_grid(str(self._grid_file))
        for setting in settings:
            grid = grid.with_setting(setting)
        tasks = resolve(grid.tasks(self.store.uri))
        record_run(self.store, Run.of(run, tasks))
        return tasks

    def report(self, *options: str, grid: bool = True) -> int:
        """The exit code."""
        which = ["--grid", str(self._grid_file)] if grid else []
        return main(["report", *which, "--results-uri", self.store.uri, "--out", str(self.out), *options])

    def run(self, verb: str, *arguments: str) -> int:
        """The exit code of another verb."""
        return main([verb, *arguments, "--results-uri", self.store.uri])

    @property
    def grid_file(self) -> str:
        return str(self._grid_file)

    def rows(self) -> list[dict[str, str]]:
        with (self.out / "results.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def statuses(self) -> list[str]:
        return [row["status"] for row in self.rows()]

    def text(self, name: str) -> str:
        return (self.out / name).read_text()
