"""`make bench-launcher`: a grid of thousands of cells on a real API server, beside the bare requests.

One line a figure on stdout: `FIGURE name median low high goal <= bound`. What is compared, and what the figures were,
stands in docs/benchmarks.md. Exits with 0 when it could measure, whether or not a goal is met.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.bench import Bench, Call
from benchmarks.figures import Figure, alternately, ratios
from benchmarks.witness import witness_of
from tests.cluster.binaries import binaries
from tests.cluster.failure import ClusterFailed
from tests.cluster.running import running_minio

Part = Callable[[Bench, int], Iterator[Figure]]
"""From a number of repetitions to figures."""

_CELLS_A_SEED = 20
_MEGABYTE = 1e6


def main() -> int:
    """Start everything, measure, print, end everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launcher", description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this one; repeat for more")
    parser.add_argument("--cells", type=int, default=5000, metavar="N", help="a multiple of 20 (default: 5000)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="of each comparison (default: 3)")
    options = parser.parse_args()
    if options.cells < _CELLS_A_SEED or options.cells % _CELLS_A_SEED or options.repeat < 1:
        parser.error(f"--cells is a multiple of {_CELLS_A_SEED}, --repeat at least 1")
    try:
        _measure([PARTS[name] for name in options.part or PARTS], options.cells, options.repeat)
    except ClusterFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _measure(parts: Sequence[Part], cells: int, repeat: int) -> None:
    programs = binaries()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emotion-grid-bench-")))
        minio = stack.enter_context(running_minio(programs, folder / "minio"))
        bench = Bench(programs, minio, folder, cells)
        _warm_up(bench)
        for figure in (figure for part in parts for figure in part(bench, repeat)):
            sys.stdout.write(f"{figure}\n")
            sys.stdout.flush()


def _warm_up(bench: Bench) -> None:
    """Python compiles a module when it is first imported, once for all."""
    with bench.place() as place:
        bench.launcher(place, "status")
        bench.bare(place, "read", bench.selector, place.namespace, place.uri)


def submit(bench: Bench, repeat: int) -> Iterator[Figure]:
    """The whole launcher, beside the POSTs alone and the whole kubectl.

    The controllers rest: what they do with each Job would take more of the API server's time than its POST, and the
    launcher's own time would not show.
    """
    calls: list[Call] = []

    def ours() -> float:
        with bench.place() as place, place.cluster.at_rest():
            calls.append(bench.submit(place))
        _expect(calls[-1].count("create", "jobs") == bench.cells, "a submit makes a POST for each cell")
        return calls[-1].measured.seconds

    def bare() -> float:
        with bench.place() as place, place.cluster.at_rest():
            return bench.bare_post(place)

    def kubectl() -> float:
        with bench.place() as place, place.cluster.at_rest():
            return bench.kubectl_create(place)

    seconds = alternately({"submit": ours, "bare POSTs": bare, "kubectl create": kubectl}, repeat)
    yield Figure("submit-to-bare-posts", ratios(seconds["submit"], seconds["bare POSTs"]), "<= 1.3")
    yield Figure("kubectl-create-to-submit", ratios(seconds["kubectl create"], seconds["submit"]), ">= 2")
    shares = [call.seconds_to_first_post / call.measured.seconds for call in calls]
    yield Figure("submit-share-before-first-post", shares)
    yield _memory("submit", calls)


def status(bench: Bench, repeat: int) -> Iterator[Figure]:
    """The whole launcher, beside the same LISTs alone, of Jobs and pods that wait and of a store without a result."""
    calls: list[Call] = []
    with bench.place() as place:
        bench.submit(place)
        bench.await_pods(place)

        def ours() -> float:
            calls.append(bench.launcher(place, "status"))
            return calls[-1].measured.seconds

        def bare() -> float:
            return float(bench.bare(place, "read", bench.selector, place.namespace, place.uri).output)

        with place.cluster.at_rest():
            seconds = alternately({"status": ours, "bare reads": bare}, repeat)
    yield Figure("status-to-bare-reads", ratios(seconds["status"], seconds["bare reads"]), "<= 2")
    for resource in ("jobs", "pods"):
        pages = [call.count("list", resource) for call in calls]
        yield Figure(f"status-pages-of-{resource}", pages, f"<= {-(-bench.cells // 500)}")
    yield _memory("status", calls)


def second_submit(bench: Bench, repeat: int) -> Iterator[Figure]:
    """The whole launcher on a finished grid, beside a whole program that lists the results."""
    calls: list[Call] = []
    with bench.place() as place:
        bench.submit(place, "--only", "seed=0")  # the run is on record, as after any submit
        bench.publish_all(place)

        def ours() -> float:
            calls.append(bench.submit(place))
            return calls[-1].measured.seconds

        def bare() -> float:
            return bench.bare(place, "list", place.uri).seconds

        seconds = alternately({"second submit": ours, "listing": bare}, repeat)
        with witness_of(bench.minio.endpoint) as witness:
            bench.submit(place, store=witness.endpoint)
    reads = [each for each in witness.requests if each.startswith("GET ")]
    _expect(any("list-type=2" in each for each in reads), "a proxy before the store sees what is asked of it")
    yield Figure("second-submit-to-listing", ratios(seconds["second submit"], seconds["listing"]), "<= 2")
    yield Figure("second-submit-posts", [call.count("create", "jobs") for call in calls], "<= 0")
    yield Figure("second-submit-gets-of-results", [sum("/results/" in each for each in reads)], "<= 0")


PARTS: dict[str, Part] = {"submit": submit, "status": status, "second-submit": second_submit}


def _memory(verb: str, calls: list[Call]) -> Figure:
    return Figure(f"{verb}-peak-megabytes", [call.measured.peak_bytes / _MEGABYTE for call in calls], "<= 300")


def _expect(is_so: bool, what: str) -> None:
    """A figure of something else would be worse than none."""
    if not is_so:
        raise ClusterFailed(f"this is not so: {what}; no figure")


if __name__ == "__main__":
    sys.exit(main())
