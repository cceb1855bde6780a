"""`python -m benchmarks.start_up`: from the start of a cell's process to its first training step, by phase.

One line a figure on stdout: `FIGURE name median low high`, in seconds. `--beside FOLDER` measures another checkout
alternately, in the same environment. MiniLM, 2 labels x 800; the process is killed after its first step.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, alternately, ratios
from contract.task import Task


@dataclass(frozen=True)
class StartUp:
    """Seconds of each phase; `store` is all before the comments are read."""

    store: float
    data: float
    imports: float
    model: float
    first_step: float
    processor: float
    """Processor time, of the whole."""

    @property
    def seconds(self) -> float:
        """Wall time, of the whole."""
        return self.store + self.data + self.imports + self.model + self.first_step


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.start_up", description=__doc__)
    parser.add_argument("--engine", default="reference", choices=("reference", "fast"))
    parser.add_argument("--weights", type=Path, default=Path(".venv/weights"), help="folder that holds minilm")
    parser.add_argument("--source", default="synthetic", help="synthetic, or a folder with the corpus")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--beside", type=Path, help="folder of another checkout")
    args = parser.parse_args()
    checkouts = {"": Path.cwd()} | ({"beside_": args.beside} if args.beside else {})
    environment = _environment(args.engine, args.weights.absolute(), args.source)
    measured: dict[str, list[StartUp]] = {name: [] for name in checkouts}

    def contender(name: str) -> Callable[[], float]:
        def timed() -> float:
            measured[name].append(start_up(checkouts[name], environment))
            return measured[name][-1].seconds

        return timed

    seconds = alternately({name: contender(name) for name in checkouts}, args.repeat)
    for name, found in measured.items():
        for figure in _figures(name, found):
            sys.stdout.write(f"{figure}\n")
    if args.beside:
        sys.stdout.write(f"{Figure('start_up_beside_to_this', ratios(seconds['beside_'], seconds['']))}\n")
    return 0


def start_up(checkout: Path, environment: dict[str, str]) -> StartUp:
    """Run the checkout's trainer until its first step."""
    with TemporaryDirectory(prefix="bench-start-up-") as folder:
        started = time.time()
        process = subprocess.Popen(
            [sys.executable, "-m", "trainer"],
            cwd=checkout,
            env=environment | {"HOME": folder, "RESULTS_URI": f"{folder}/results"},
            stdout=subprocess.PIPE,
            text=True,
        )
        at, took = _events(process)
        process.kill()
        _, _, usage = os.wait4(process.pid, 0)
    data_began, model_began = at["data-ready"] - took["data-ready"], at["model-ready"] - took["model-ready"]
    return StartUp(
        store=data_began - started,
        data=took["data-ready"],
        imports=model_began - at["data-ready"],
        model=took["model-ready"],
        first_step=at["first-step"] - at["model-ready"],
        processor=usage.ru_utime + usage.ru_stime,
    )


def _events(process: subprocess.Popen[str]) -> tuple[dict[str, float], dict[str, float]]:
    """When the trainer said each of its lines, up to the first step, and the seconds that it names."""
    at, took = {}, {}
    for line in process.stdout or ():
        told = json.loads(line)
        at[told["event"]] = datetime.fromisoformat(told["time"]).timestamp()
        took[told["event"]] = told.get("seconds", 0.0)
        if told["event"] == "first-step":
            return at, took
    raise SystemExit("the trainer ended before its first step")


def _environment(engine: str, weights: Path, source: str) -> dict[str, str]:
    content = {
        "cell": {"model": "minilm", "labels": 2, "samples": 800},
        "data": {"source": source},
        "model": {"weights": str(weights)},
        "train": {"engine": engine, "threads": 1},
        "results": {"uri": "results"},
        "log": {"format": "json"},
    }
    return {"PATH": os.environ["PATH"]} | Task.model_validate(content).to_env()


def _figures(prefix: str, found: list[StartUp]) -> Iterator[Figure]:
    for name in (*[field.name for field in fields(StartUp)], "seconds"):
        yield Figure(f"start_up_{prefix}{name}", [getattr(one, name) for one in found])


if __name__ == "__main__":
    sys.exit(main())
