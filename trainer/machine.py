"""The device that a cell runs on: its name, compute type and memory."""

import re
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import torch
import transformers

from contract.task import Task
from trainer.failures import GpuUnusable
from trainer.provenance import threads_for

_CGROUP = Path("/sys/fs/cgroup")
_MEMORY_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Bound and use, of version 2 and of version 1."""
_NO_GPU = ("Found no NVIDIA driver", "No CUDA GPUs are available")
_OLD_DRIVER = re.compile(r"driver on your system is too old \(found version (\d+)\)")


@dataclass(frozen=True)
class Precision:
    """The compute type in use. `fallback` says why it is not the one asked for."""

    name: Literal["bf16", "fp32"]
    fallback: str | None = None

    @property
    def dtype(self) -> torch.dtype:
        """The type as torch knows it."""
        return torch.bfloat16 if self.name == "bf16" else torch.float32


def prepare(task: Task) -> None:
    """Set the number of threads; keep the libraries' own progress bars out of the log. Raises GpuUnusable."""
    _refuse_unusable_gpu()
    torch.set_num_threads(threads_for(task))
    transformers.utils.logging.disable_progress_bar()


def _refuse_unusable_gpu() -> None:
    """A machine without a GPU trains on its CPU. One whose GPU does not answer would too, unnoticed and for days."""
    if torch.version.cuda is None or torch.cuda.is_available():
        return
    try:
        torch.cuda.current_device()  # unlike is_available(), says why not
    except RuntimeError as error:
        if not str(error).startswith(_NO_GPU):
            raise GpuUnusable(_why_unusable(str(error))) from error


def _why_unusable(told: str) -> str:
    """One line for torch's paragraph. It counts versions as CUDA does: 12080 is 12.8."""
    if (match := _OLD_DRIVER.search(told)) is None:
        return f"the GPU cannot be used: {told.splitlines()[0]}"
    major, minor = divmod(int(match[1]) // 10, 100)
    return (
        f"the NVIDIA driver is too old: it knows CUDA up to {major}.{minor}, this torch needs {torch.version.cuda}; "
        "update the driver, or use an image built for an older CUDA (image/README.md)"
    )


def choose_precision(wanted: Literal["bf16", "fp32"]) -> Precision:
    """bf16 where the device computes in it; else fp32, and never fp16, whose range loses small gradients."""
    if wanted == "fp32" or _has_bf16():
        return Precision(wanted)
    return Precision("fp32", fallback=f"{device_name()} does not compute in bf16; fp32 is used")


def _has_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def device_name() -> str:
    """The GPU's name, or `cpu`."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def free_memory_bytes() -> int:
    """What is left to be taken: on a GPU there, on a CPU of the machine's memory and of the container's share of it."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return min([psutil.virtual_memory().available, *_left_to_container()])


def _left_to_container() -> list[int]:
    """Of cgroups; nothing where there is no bound, which version 1 writes as a number larger than any machine."""
    for bound_file, taken_file in _MEMORY_FILES:
        try:
            bound, taken = (_CGROUP / bound_file).read_text().strip(), int((_CGROUP / taken_file).read_text())
        except OSError:
            continue
        return [] if bound == "max" else [int(bound) - taken]
    return []


def peak_memory_bytes() -> int:
    """Most memory in use so far: on a GPU what torch allocated there, on a CPU the process' resident set."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
