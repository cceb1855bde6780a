"""containerd with a state of its own, beside whatever else runs containers on the machine."""

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.processes import Processes
from tests.cluster.waiting import until
from tests.node.images import PAUSE, archive, archive_pause, ran
from tests.node.needs import PLUGINS
from tests.node.network import write_configuration

# restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE may not lower a score, and every sandbox would die of it.
_CONFIGURATION = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{folder}/cni"
"""


@dataclass(frozen=True)
class Runtime:
    """A containerd that answers on `socket`."""

    folder: Path

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "containerd.sock"

    def take_in(self, image: str) -> None:
        """Unpack an image of buildah's."""
        file = self.folder / "image.tar"
        archive(image, file)
        self.take_in_archive(file)
        file.unlink()

    def take_in_archive(self, file: Path) -> None:
        """Unpack the image in it."""
        self.ctr("images", "import", str(file))

    def ctr(self, *arguments: str) -> str:
        """What containerd's own client says, in the namespace of Kubernetes."""
        return ran("ctr", "--address", str(self.socket), "--namespace", "k8s.io", *arguments)


def start_containerd(folder: Path, processes: Processes) -> Runtime:
    """Return when it answers and has the sandbox's image. A socket's path is short, so must be the folder's."""
    write_configuration(folder / "cni", folder / "addresses")
    (folder / "config.toml").write_text(_CONFIGURATION.format(folder=folder, pause=PAUSE, plugins=PLUGINS))
    process = processes.start(Path("containerd"), "--config", str(folder / "config.toml"))
    runtime = Runtime(folder)
    process.await_ready(runtime.socket.exists)
    until(lambda: runtime.ctr("version"), "containerd to answer")
    runtime.take_in_archive(archive_pause(folder / "pause"))
    return runtime
