"""The build asks the index that this machine's pip asks, and no password gets into a layer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from image.pip_settings import pip_secrets

FILE = """
[global]
index-url = https://name:p%40ss@index.example/simple
timeout = 7
find-links = /opt/wheels
[install]
extra-index-url =
  https://one.example/simple
  https://two.example/simple
"""


def settings_of(file: Path) -> dict[str, str]:
    """As pip itself reads them."""
    environ = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(file)}
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in listed.splitlines() if line.startswith("global."))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine whose pip has FILE and nothing else."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / "machine.conf").write_text(FILE)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "machine.conf"))
    return monkeypatch


def test_what_concerns_the_network_arrives_as_it_was(tmp_path: Path, machine: pytest.MonkeyPatch):
    secrets = pip_secrets(tmp_path)
    read = settings_of(secrets["pip"])
    assert read["global.index-url"] == "'https://name:p%40ss@index.example/simple'"
    assert read["global.timeout"] == "'7'"
    assert "https://one.example/simple" in read["global.extra-index-url"]
    assert "https://two.example/simple" in read["global.extra-index-url"]
    assert "global.find-links" not in read  # a folder of this machine is not there in the build
    assert secrets["pip"].stat().st_mode & 0o077 == 0


def test_the_environment_wins_and_certificates_are_mounted(tmp_path: Path, machine: pytest.MonkeyPatch):
    machine.setenv("PIP_TIMEOUT", "9")
    machine.setenv("PIP_CERT", "/etc/own.pem")
    secrets = pip_secrets(tmp_path)
    assert settings_of(secrets["pip"])["global.timeout"] == "'9'"
    assert settings_of(secrets["pip"])["global.cert"] == "'/run/secrets/certificates.pem'"
    assert secrets["certificates"] == Path("/etc/own.pem")
