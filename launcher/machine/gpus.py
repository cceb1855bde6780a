"""The GPUs of this machine, without the seconds that a training stack takes to count them."""

from collections.abc import Mapping
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = Path("/proc/driver/nvidia/gpus")
"""NVIDIA's kernel driver has a folder here for each of its GPUs."""


def visible_gpus(environ: Mapping[str, str], driver: Path = _DRIVER) -> list[str]:
    """A value of CUDA_VISIBLE_DEVICES for each GPU that a cell may have; none on a machine without."""
    if VISIBLE in environ:
        return [name.strip() for name in environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    return [str(i) for i, _ in enumerate(driver.iterdir())] if driver.is_dir() else []
