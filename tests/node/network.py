"""The node's network: one bridge, on which pods and whoever serves them meet. Nothing leads out of it."""

import json
from pathlib import Path

from tests.node.images import ran

ADDRESS = "10.244.77.1"
"""Of the bridge, hence of the node and of the store that its pods reach: a kubelet may not live on loopback."""
_SUBNET = "10.244.77.0/24"
_BRIDGE = "emotion-grid0"


def make_bridge() -> None:
    """It goes with the enclosure."""
    ran("ip", "link", "add", _BRIDGE, "type", "bridge")
    ran("ip", "address", "add", f"{ADDRESS}/24", "dev", _BRIDGE)
    ran("ip", "link", "set", _BRIDGE, "up")


def write_configuration(folder: Path, data: Path) -> None:
    """For containerd: each pod gets an address of the bridge; which are taken is written into `data`."""
    folder.mkdir()
    ipam = {"type": "host-local", "ranges": [[{"subnet": _SUBNET, "gateway": ADDRESS}]], "dataDir": str(data)}
    plugin = {"type": "bridge", "bridge": _BRIDGE, "ipam": ipam}
    network = {"cniVersion": "1.0.0", "name": "emotion-grid", "plugins": [plugin]}
    (folder / "10-bridge.conflist").write_text(json.dumps(network))
