"""The programs that `make bench-report` compares: each reads every result of a store, parses it and says how many.

`python -m benchmarks.reading results URI` does it as a report does, `... loop URI` with one boto3 client, one request
after the other. The store's credentials come from the environment.
"""

import argparse
import sys
from collections.abc import Container, Iterator

from contract.keys import RESULTS
from contract.opening import open_store
from contract.result import Success, decode


def main() -> None:
    """Carry one verb out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("verb", choices=["results", "loop"])
    parser.add_argument("uri")
    args = parser.parse_args()
    found = list(_as_a_report(args.uri) if args.verb == "results" else _in_a_loop(args.uri))
    sys.stdout.write(f"{len(found)}\n")


def _as_a_report(uri: str) -> Iterator[Success]:
    from aggregator.reading.reader import open_reader
    from aggregator.reading.results import read_results

    found = read_results(_Everything(), open_reader(uri)).read
    return (result for result in found.values() if isinstance(result, Success))


class _Everything(Container[str]):
    def __contains__(self, key: object) -> bool:
        return True


def _in_a_loop(uri: str) -> Iterator[Success]:
    store = open_store(uri)
    for key in store.list(RESULTS):
        yield decode(store.get(key) or b"", Success)


if __name__ == "__main__":
    main()
