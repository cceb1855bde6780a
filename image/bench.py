"""`make bench-image`: how large the image is, how long a rebuild takes, and how fast a cell of it starts.

One line a figure on stdout: `FIGURE name median low high goal <= bound`; then the image's largest parts. Exits with 0
when it could measure, whether or not a goal is met.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, alternately
from image.build import build_image
from image.failure import ImageFailed
from image.settings import ROOT, Settings, settings_from
from image.tool import Tool, find_tool
from tests.trainer.environment import SMALL

_IMPORTS = """
import time
start = time.perf_counter()
import torch, transformers, peft, bitsandbytes
print(time.perf_counter() - start)
"""
_FIRST_STEP = """
import json, os, pathlib, subprocess, sys, tempfile
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, "-m", "trainer"], env=os.environ | {"RESULTS_URI": folder}, check=True, stdout=2)
    (result,) = pathlib.Path(folder).glob("results/*/*.json")
    print(json.loads(result.read_text())["start_up_seconds"])
"""
_FORGET = """
import os, pathlib, sys
for path in pathlib.Path(sys.prefix).rglob("*"):
    if path.is_file():
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
"""
"""Takes the packages out of the page cache."""
_SIZES = """
import json, os
sizes = {}
for folder, folders, files in os.walk("/"):
    folders[:] = [each for each in folders if not os.path.ismount(os.path.join(folder, each))]
    for file in files:
        path = os.path.join(folder, file)
        sizes[path] = os.lstat(path).st_size
print(json.dumps(sizes))
"""
_PARTS = 12
_REBUILT = "emotion-grid-trainer:bench"


Part = Callable[[Tool, Settings, int], Iterator[Figure | str]]
"""From a number of repetitions to lines."""


def main() -> int:
    """Builds the image first where it is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m image.bench", description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this one; repeat for more")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="of each time (default: 3)")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat is at least 1")
    try:
        tool, settings = find_tool(), settings_from(os.environ)
        build_image(tool, settings)
        for part in options.part or PARTS:
            for line in PARTS[part](tool, settings, options.repeat):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    except ImageFailed as error:
        sys.stderr.write(f"image: error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def size(tool: Tool, settings: Settings, _: int) -> Iterator[Figure | str]:
    """Gigabytes; and the parts from the largest on."""
    sizes = files(tool, settings.image)
    yield Figure("image-unpacked-GB", [sum(sizes.values()) / 1e9], "<= 4.9")
    yield Figure("image-zstd-GB", [compressed_bytes(tool, settings.image) / 1e9], "<= 2.7")
    for part, part_bytes in largest_parts(sizes):
        yield f"{part_bytes / 1e6:7.0f} MB  {part}"


def files(tool: Tool, image: str) -> dict[str, int]:
    """Every file of the image, its size in bytes."""
    with tool.container(image) as inside:
        listed = subprocess.run([*inside, "python", "-c", _SIZES], capture_output=True, text=True, check=True).stdout
    sizes: dict[str, int] = json.loads(listed)
    return sizes


def largest_parts(sizes: dict[str, int]) -> list[tuple[str, int]]:
    """Packages by name, nvidia's by library, everything outside of the virtual environment together."""
    parts: dict[str, int] = {}
    for path, size in sizes.items():
        part = part_of(path)
        parts[part] = parts.get(part, 0) + size
    return sorted(parts.items(), key=lambda each: -each[1])[:_PARTS]


def part_of(path: str) -> str:
    """`.../site-packages/torch/x` is of `torch`, `.../nvidia/cu13/lib/libcufft.so.12` of `nvidia libcufft`."""
    _, found, inside = path.partition("/site-packages/")
    if not found:
        return "base image and project"
    package, _, rest = inside.partition("/")
    return f"nvidia {Path(rest).name.partition('.')[0]}" if package == "nvidia" else package


def compressed_bytes(tool: Tool, image: str) -> int:
    """What a registry would hold of it with zstd, the configuration included."""
    if tool.name == "docker":
        raise ImageFailed("docker compresses nothing without a registry; measure with podman or buildah")
    with tempfile.TemporaryDirectory() as folder:
        push = [tool.name, "push", "--compression-format", "zstd", image, f"oci:{folder}/image"]
        subprocess.run(push, check=True, capture_output=True)
        return sum(blob.stat().st_size for blob in Path(folder).rglob("blobs/sha256/*"))


def rebuilds(_: Tool, __: Settings, repeat: int) -> Iterator[Figure]:
    """Seconds of `make image` after a change of the project, each in a copy of it with another change."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        for name in ("contract", "trainer", "image", "requirements"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("Dockerfile", ".dockerignore", "LICENSE", "Makefile"):
            shutil.copy(ROOT / name, copy)
        yield Figure("image-rebuild-seconds", [rebuild(copy) for _ in range(repeat)], "<= 5")


def rebuild(copy: Path) -> float:
    """Change a module and build."""
    with (copy / "trainer/run.py").open("a") as module:
        module.write(f"# {time.time()}\n")
    environ = dict(os.environ) | {"IMAGE": _REBUILT, "CODE_VERSION": "bench"}
    start = time.perf_counter()
    subprocess.run(["make", "image"], cwd=copy, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def imports(tool: Tool, settings: Settings, repeat: int) -> Iterator[Figure]:
    """Of the training stack, in a fresh process."""
    yield from start("imports", _IMPORTS, "<= 5", tool, settings.image, repeat)


def first_step(tool: Tool, settings: Settings, repeat: int) -> Iterator[Figure]:
    """From the start of a small cell's process to its first training step."""
    yield from start("first-step", _FIRST_STEP, None, tool, settings.image, repeat)


def start(name: str, script: str, goal: str | None, tool: Tool, image: str, repeat: int) -> Iterator[Figure]:
    """In a container and, alternately, with this machine's own packages. The first warm ones do not count."""
    with tool.container(image) as container:
        cell = ["env", "CUDA_VISIBLE_DEVICES=", *(f"{name}={value}" for name, value in SMALL.items())]
        pythons = {"image": [*container, *cell, "python"], "machine": [*cell, sys.executable]}
        cold = alternately({place: partial(cold_seconds, python, script) for place, python in pythons.items()}, repeat)
        warm = alternately({place: partial(seconds, python, script) for place, python in pythons.items()}, repeat + 1)
    for place in pythons:
        yield Figure(f"{name}-{place}-cold-seconds", cold[place])
        yield Figure(f"{name}-{place}-warm-seconds", warm[place][1:], goal if place == "image" else None)


def cold_seconds(python: list[str], script: str) -> float:
    """As `seconds`, with nothing of the packages in memory."""
    subprocess.run([*python, "-c", _FORGET], check=True)
    return seconds(python, script)


def seconds(python: list[str], script: str) -> float:
    """What the script measured of itself."""
    done = subprocess.run([*python, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


PARTS: dict[str, Part] = {"size": size, "rebuild": rebuilds, "imports": imports, "first-step": first_step}

if __name__ == "__main__":
    sys.exit(main())
