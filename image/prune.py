"""Remove from a folder of installed packages what no cell uses: `python prune.py SITE_PACKAGES`.

Runs inside the image's build stage, so it needs the standard library and `strip` only. Nothing here was proved on every
GPU there is: `make image PRUNE=no` leaves everything in place.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

UNUSED = {
    "headers": ("torch/include", "nvidia/**/include", "pyarrow/include", "numpy/_core/include"),
    "static libraries": ("nvidia/**/*.a", "triton/**/*.a"),
    "tests": ("numpy/**/tests", "pandas/tests", "pyarrow/tests", "scipy/**/tests", "sklearn/**/tests"),
    "triton's profilers": ("triton/backends/nvidia/lib/cupti", "triton/_C/libproton.so", "triton/instrumentation"),
    "CUDA's profilers": ("nvidia/**/libnvperf_*.so*", "nvidia/**/libpcsamplingutil.so*"),
    "second copies of the run-time compiler": ("nvidia/**/libnvrtc*.alt.so*",),
    "solvers over several GPUs": ("nvidia/**/libcusolverMg.so*",),
}
"""What it is -> where it lies. libtorch links cuFFT, cuSPARSELt, NCCL, NVSHMEM, cuFile, cuRAND and CUPTI: they stay."""

SYMBOLS = ("triton/_C/libtriton.so", "torch/lib/libtorch*.so")
"""Libraries with hundreds of megabytes of symbols that only a debugger reads."""


def main(packages: Path) -> None:
    """Prune, and say how much each kind was worth."""
    before = size(packages)
    for kind, patterns in (*UNUSED.items(), ("bitsandbytes for other devices", other_devices(packages))):
        remove([path for pattern in patterns for path in packages.glob(pattern)])
        before = told(kind, before, packages)
    strip([path for pattern in SYMBOLS for path in packages.glob(pattern)])
    told("symbols", before, packages)


def other_devices(packages: Path) -> tuple[str, ...]:
    """The libraries of bitsandbytes that match neither torch's CUDA nor a CPU."""
    kept = {"libbitsandbytes_cpu.so", f"libbitsandbytes_cuda{cuda_of_torch(packages).replace('.', '')}.so"}
    found = {path.name for path in packages.glob("bitsandbytes/libbitsandbytes_*.so")}
    if not kept <= found:
        raise SystemExit(
            f"prune.py: bitsandbytes lacks {', '.join(sorted(kept - found))}; its build does not fit torch's"
        )
    return tuple(f"bitsandbytes/{name}" for name in sorted(found - kept))


def cuda_of_torch(packages: Path) -> str:
    """Such as `13.0`, read from the file that torch's build wrote: importing torch takes seconds."""
    match = re.search(r"^cuda\b.*= '([\d.]+)'", (packages / "torch/version.py").read_text(), re.MULTILINE)
    if match is None:
        raise SystemExit("prune.py: torch was built without CUDA; build with PRUNE=no")
    return match[1]


def remove(paths: list[Path]) -> None:
    """Files, or folders with all that is in them."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def strip(libraries: list[Path]) -> None:
    """Remove the symbols that neither the loader nor a linker needs."""
    if libraries:
        subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def told(kind: str, before: int, packages: Path) -> int:
    """Say what went since; returns what is left, in bytes."""
    left = size(packages)
    sys.stdout.write(f"pruned {(before - left) / 1e6:5.0f} MB of {kind}\n")
    return left


if __name__ == "__main__":
    main(Path(sys.argv[1]))
