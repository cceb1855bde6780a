"""`python -m tests.node COMMAND...`: the command in an enclosure, where a real node can be."""

import sys
from signal import SIGTERM, signal

from tests.cluster.binaries import binaries
from tests.cluster.failure import ClusterFailed
from tests.node.enclosure import run_enclosed
from tests.node.firewall import firewall_binary
from tests.node.kubelet import kubelet_binary
from tests.node.needs import check_machine


def main() -> int:
    """The command's exit code; 1 where it could not be started."""
    signal(SIGTERM, lambda *_: sys.exit(128 + SIGTERM))
    try:
        check_machine()
        for built in (binaries, kubelet_binary, firewall_binary):
            built()  # here: what is enclosed has no way to the modules' proxy
        return run_enclosed(sys.argv[1:])
    except ClusterFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
