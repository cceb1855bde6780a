"""What goes from the image's packages and what stays."""

from pathlib import Path

import pytest

from image import prune

USED = (
    "nvidia/cu13/lib/libcufft.so.12",
    "nvidia/cu13/lib/libnvrtc.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
    "nvidia/cudnn/lib/libcudnn.so.9",
    "triton/backends/nvidia/include/cuda.h",
    "triton/backends/nvidia/lib/libdevice.10.bc",
    "numpy/testing/__init__.py",
    "torch/testing/__init__.py",
    "bitsandbytes/libbitsandbytes_cpu.so",
    "bitsandbytes/libbitsandbytes_cuda130.so",
    "torch-2.13.0.dist-info/licenses/LICENSE",
)
UNUSED = (
    "nvidia/cu13/include/cuda.h",
    "nvidia/cu13/lib/libcudart_static.a",
    "nvidia/cu13/lib/libnvrtc.alt.so.13",
    "nvidia/cu13/lib/libcusolverMg.so.12",
    "nvidia/cu13/lib/libnvperf_host.so",
    "triton/backends/nvidia/lib/cupti/libcupti.so",
    "torch/include/torch/torch.h",
    "scipy/stats/tests/test_stats.py",
    "bitsandbytes/libbitsandbytes_cuda118.so",
    "bitsandbytes/libbitsandbytes_rocm72.so",
)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name in (*USED, *UNUSED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "torch/version.py").write_text("debug = False\ncuda: Optional[str] = '13.0'\n")
    return tmp_path


def test_what_a_cell_may_load_stays_and_the_rest_goes(packages: Path):
    prune.main(packages)
    assert [name for name in USED if not (packages / name).exists()] == []
    assert [name for name in UNUSED if (packages / name).exists()] == []


def test_a_bitsandbytes_that_does_not_fit_torch_stops_the_build(packages: Path):
    """Catches an image whose every cell fails at its first quantised layer."""
    (packages / "torch/version.py").write_text("cuda: Optional[str] = '14.1'\n")
    with pytest.raises(SystemExit, match=r"lacks libbitsandbytes_cuda141\.so"):
        prune.main(packages)
