"""kubectl, as a person runs it, with the server's warnings in sight."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kubectl:
    """The built binary with an administrator's kubeconfig."""

    binary: Path
    kubeconfig: Path

    def kustomize(self, folder: Path) -> str:
        """The folder's objects as YAML."""
        return self._run("kustomize", str(folder))

    def apply(self, objects: str, *options: str) -> str:
        """Server-side apply: what it did, a line for each object. An error or a warning fails the test."""
        return self._run("apply", "--server-side", *options, "-f", "-", objects=objects)

    def dry_run(self, objects: str) -> str:
        """As `apply`, through every admission check, but nothing is stored."""
        return self.apply(objects, "--dry-run=server")

    def get(self, path: str) -> Any:
        """What the API server answers at a path of its own, as JSON."""
        return json.loads(self._run("get", f"--raw={path}"))

    def _run(self, *arguments: str, objects: str | None = None) -> str:
        command = [str(self.binary), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=objects, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout
