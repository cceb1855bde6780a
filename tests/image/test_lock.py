"""What the image installs: the trainer's part of what the tests ran with, and nothing else."""

import re
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def pins(name: str) -> set[str]:
    """Lines such as `numpy==2.4.6 ; python_full_version < '3.12'`."""
    return set(re.findall(r"^[a-z0-9].*?==.*?(?= \\$)", (REQUIREMENTS / name).read_text(), re.MULTILINE))


def test_the_image_holds_the_versions_that_were_tested():
    """Catches a lock file that was resolved anew without the other."""
    assert pins("trainer.txt") - pins("lock.txt") == set()
    assert any(pin.startswith("torch==") for pin in pins("trainer.txt"))


def test_the_image_holds_no_client_of_a_cluster_and_no_tests():
    installed = {pin.partition("==")[0] for pin in pins("trainer.txt")}
    assert not installed & {"kubernetes", "matplotlib", "pytest", "uv", "ruff", "mypy"}
