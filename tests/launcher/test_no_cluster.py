"""What the launcher says where there is no cluster to talk to. None of this needs one."""

import subprocess

from tests.launcher.program import Launcher

_QUIET = ("HTTP_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "KUBERNETES_SERVICE_HOST")


def run(launcher: Launcher, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """As a user who chose no backend."""
    kept = {name: value for name, value in launcher.environment().items() if name not in (*_QUIET, "LAUNCHER_BACKEND")}
    return subprocess.run(
        launcher.command(*options), env=kept | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_without_a_kubeconfig_the_way_to_run_on_this_machine_is_named(launcher: Launcher) -> None:
    waited = run(launcher, "wait", KUBECONFIG="/nonexistent/config")
    assert waited.returncode == 2
    assert len(waited.stderr.splitlines()) == 1
    assert "no usable kubeconfig" in waited.stderr
    assert "--backend local" in waited.stderr


def test_a_submit_into_a_folder_names_the_way_to_run_on_this_machine(launcher: Launcher) -> None:
    done = run(launcher, "submit", "--yes", LAUNCHER_IMAGE="trainer:dev")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    for words in ("folder inside each pod", "s3://", "--backend local"):
        assert words in done.stderr
