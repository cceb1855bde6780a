"""`make bench-report`: thousands of results in a bucket, read as a report reads them and as others would.

One line a figure on stdout: `FIGURE name median low high goal <= bound`. What is compared, and what the figures were,
stands in docs/benchmarks.md. Exits with 0 when it could measure, whether or not a goal is met.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.awscli import awscli
from benchmarks.figures import Figure, alternately, ratios
from benchmarks.latency import delayed
from benchmarks.measured import Measured, run
from contract.keys import RESULTS, result_key
from contract.opening import open_store
from contract.result import encode
from tests import factories
from tests.cluster.binaries import binaries
from tests.cluster.failure import ClusterFailed
from tests.cluster.minio import Minio
from tests.cluster.running import running_minio

_LATENCY_SECONDS = 0.02
_LOOP_SHARE = 10
"""A loop pays the latency for each result: a tenth of them says as much."""
_MODELS = ("bert", "gemma3", "gpt2-xl", "llama3.2", "qwen2.5")
_LABELS = (2, 4, 8, 16)
_WRITERS = 32
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Desk:
    """A bucket with `count` results, and programs that see nothing else of this machine than `folder`."""

    minio: Minio
    bucket: str
    folder: Path
    count: int

    def python(self, *arguments: str, cache: Path, endpoint: str | None = None) -> Measured:
        """A module of this project's, with its cache in a folder of its own; `endpoint` is another way to the store."""
        changes = {"XDG_CACHE_HOME": str(cache)} | ({"AWS_ENDPOINT_URL_S3": endpoint} if endpoint else {})
        return run([sys.executable, "-m", *arguments], self._environment() | changes)

    def read(
        self, uri: str, count: int, *, verb: str = "results", cache: Path, endpoint: str | None = None
    ) -> Measured:
        """A program of benchmarks/reading.py. Raises ClusterFailed unless it read every result."""
        measured = self.python("benchmarks.reading", verb, uri, cache=cache, endpoint=endpoint)
        if int(measured.output) != count:
            raise ClusterFailed(f"{int(measured.output)} of {count} results were read; no figure")
        return measured

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def sync(self, aws: Sequence[str], uri: str, into: Path) -> float:
        """Seconds of `aws s3 sync` of the results."""
        command = [*aws, "s3", "sync", "--only-show-errors", f"{uri}/{RESULTS}", str(into / RESULTS)]
        return run(command, self._environment()).seconds

    def fill(self, prefix: str, count: int) -> str:
        """Publish so many results; the URI of their store."""
        uri = f"s3://{self.bucket}/{prefix}"
        os.environ |= self.minio.environment()
        store = open_store(uri)

        def publish(number: int) -> None:
            model, labels = _MODELS[number % 5], _LABELS[number // 5 % 4]
            task = factories.task(cell={"model": model, "labels": labels, "samples": 800, "seed": number // 20})
            store.put(result_key(task.cell.id, task.fingerprint()), encode(factories.success(task)))

        with ThreadPoolExecutor(_WRITERS) as threads:
            list(threads.map(publish, range(count)))
        return uri

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | self.minio.environment()


Part = Callable[[Desk, int], Iterator[Figure]]
"""From a number of repetitions to figures."""


def main() -> int:
    """Start everything, measure, print, end everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this one; repeat for more")
    parser.add_argument("--results", type=int, default=10_000, metavar="N", help="in the bucket (default: 10000)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="of each comparison (default: 3)")
    options = parser.parse_args()
    if options.results < _LOOP_SHARE or options.repeat < 1:
        parser.error(f"--results is at least {_LOOP_SHARE}, --repeat at least 1")
    try:
        _measure([PARTS[name] for name in options.part or PARTS], options.results, options.repeat)
    except ClusterFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _measure(parts: Sequence[Part], count: int, repeat: int) -> None:
    programs = binaries()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emotion-grid-bench-")))
        minio = stack.enter_context(running_minio(programs, folder / "minio"))
        desk = Desk(minio, minio.new_bucket("bench"), folder, count)
        for figure in (figure for part in parts for figure in part(desk, repeat)):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()


def cold_and_warm(desk: Desk, repeat: int) -> Iterator[Figure]:
    """Whole programs: one that reads, beside `aws s3 sync` and one that reads the folder; then with a warm cache."""
    aws = awscli()
    uri = desk.fill("many", desk.count)
    desk.read(uri, desk.count, cache=(warm := desk.fresh("warm")))  # Python compiles a module when it first runs
    colds: list[Measured] = []
    warms: list[Measured] = []

    def cold() -> float:
        colds.append(desk.read(uri, desk.count, cache=desk.fresh("cold")))
        return colds[-1].seconds

    def again() -> float:
        warms.append(desk.read(uri, desk.count, cache=warm))
        return warms[-1].seconds

    def synced() -> float:
        into = desk.fresh("synced")
        return desk.sync(aws, uri, into) + desk.read(str(into), desk.count, cache=desk.fresh("cold")).seconds

    def bare() -> float:
        return desk.python("benchmarks.bare", "list", uri, cache=warm).seconds

    seconds = alternately({"read": cold, "sync, then read": synced, "read again": again, "bare LIST": bare}, repeat)
    yield Figure("sync-then-read-to-read", ratios(seconds["sync, then read"], seconds["read"]), ">= 5")
    yield Figure("read-again-to-bare-list", ratios(seconds["read again"], seconds["bare LIST"]), "<= 1.5")
    peaks = [measured.peak_bytes / _MEGABYTE for measured in (*colds, *warms)]
    yield Figure("read-peak-megabytes", peaks, "<= 1000")


def latency(desk: Desk, repeat: int) -> Iterator[Figure]:
    """Whole programs, of which one sends one request after the other."""
    count = desk.count // _LOOP_SHARE
    uri = desk.fill("few", count)
    with delayed(desk.minio.endpoint, _LATENCY_SECONDS) as endpoint:

        def ours() -> float:
            return desk.read(uri, count, cache=desk.fresh("cold"), endpoint=endpoint).seconds

        def loop() -> float:
            return desk.read(uri, count, verb="loop", cache=desk.fresh("cold"), endpoint=endpoint).seconds

        seconds = alternately({"read": ours, "loop": loop}, repeat)
    yield Figure("loop-to-read-at-20-ms", ratios(seconds["loop"], seconds["read"]), ">= 10")


PARTS: dict[str, Part] = {"many": cold_and_warm, "latency": latency}


if __name__ == "__main__":
    sys.exit(main())
