"""What `make image` and its relatives take from the environment, where make puts the variables of its command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image.failure import ImageFailed

ROOT = Path(__file__).resolve().parent.parent
LOCAL_BASE = "localhost/emotion-grid/base:bookworm"


@dataclass(frozen=True)
class Settings:
    """One field a variable: IMAGE, BASE_IMAGE, PLATFORM (`linux/arm64`), LOCK, PRUNE, SOURCE (a label), MIRROR."""

    image: str = "emotion-grid-trainer:dev"
    base_image: str = "docker.io/library/python:3.11-slim-bookworm"
    platform: str = ""
    lock: str = "requirements/trainer.txt"
    prune: str = "yes"
    source: str = ""
    mirror: str | None = None
    """Of Debian's packages; None is debootstrap's own."""


def settings_from(environ: Mapping[str, str]) -> Settings:
    """An empty variable counts as unset. Raises ImageFailed for what cannot be used."""
    fields = {name: environ.get(name.upper()) for name in Settings.__dataclass_fields__}
    settings = Settings(**{name: value for name, value in fields.items() if value})
    if settings.prune not in ("yes", "no"):
        raise ImageFailed(f"PRUNE={settings.prune} is neither yes nor no")
    if not (ROOT / settings.lock).is_file():
        raise ImageFailed(f"LOCK={settings.lock} is not a file of this repository; `make lock` writes the default")
    return settings
