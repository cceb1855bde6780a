"""The files of k8s/ that the program brings along."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def own_file(path: str) -> Traversable:
    """`path` inside k8s/. In a wheel the file lies in `launcher/` (pyproject.toml), in a checkout where it is."""
    packaged = resources.files("launcher") / Path(path).name
    return packaged if packaged.is_file() else Path(__file__).parents[2] / "k8s" / path
