"""`make cluster`: the tests' cluster for a person, with GPU nodes, until Ctrl-C."""

import argparse
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from tests.cluster.binaries import binaries
from tests.cluster.failure import ClusterFailed
from tests.cluster.running import running_cluster, running_minio


def main() -> int:
    """Start, say how to reach it, wait, end everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--nodes", type=int, default=8, metavar="N", help="fake nodes of one GPU each (default: 8)")
    options = parser.parse_args()
    try:
        with _signals_as_interrupt():
            _serve(options.nodes)
    except KeyboardInterrupt:
        sys.stderr.write("ended\n")
    except ClusterFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _serve(nodes: int) -> None:
    programs = binaries()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emotion-grid-cluster-")))
        sys.stderr.write("starting the cluster\n")
        minio = stack.enter_context(running_minio(programs, folder / "minio"))
        cluster = stack.enter_context(running_cluster(programs, folder / "cluster"))
        cluster.add_gpu_nodes(nodes)
        bucket = minio.new_bucket("results")
        _print_exports(
            {
                "KUBECONFIG": str(cluster.kubeconfig),
                "LAUNCHER_RESULTS_URI": f"s3://{bucket}/grids",
                **minio.environment(),
            },
            programs["kubectl"].parent,
        )
        sys.stderr.write(f"{nodes} GPU nodes, object store at {minio.endpoint}, logs in {folder}; Ctrl-C ends it all\n")
        signal.pause()


def _print_exports(variables: Mapping[str, str], kubectl: Path) -> None:
    sys.stdout.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    sys.stdout.write(f"export PATH={shlex.quote(str(kubectl))}:$PATH\n")
    sys.stdout.flush()


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """SIGTERM as if it were Ctrl-C; and Ctrl-C too, which a shell's background job is born ignoring."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


if __name__ == "__main__":
    sys.exit(main())
