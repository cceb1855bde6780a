"""The launcher as a process of its own without its start-up, for tests that start a hundred of them.

A server process imports what a launcher imports, once; each launcher is a fork of it. Nothing else is different.
"""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["launcher.verbs.cluster.submit", "boto3", "kubernetes.client", "kubernetes.config"])


def fork_launcher(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> ForkServerProcess:
    """Start `python -m launcher` with these arguments; all that it says goes to `output`."""
    process = _CONTEXT.Process(target=_launch, args=(list(arguments), dict(environment), output), daemon=True)
    process.start()
    return process


def _launch(arguments: list[str], environment: dict[str, str], output: Path) -> None:
    from kubernetes.config import kube_config

    from launcher.cli import main

    os.environ.clear()
    os.environ.update(environment)
    importlib.reload(kube_config)  # it reads KUBECONFIG when it is imported
    with output.open("wb") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    sys.exit(main(arguments))
