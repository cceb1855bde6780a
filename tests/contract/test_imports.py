"""What a fresh interpreter loads: light programs stay light."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "peft", "bitsandbytes", "datasets", "evaluate"}
PROGRAM = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(package: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, package]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


def test_the_contract_needs_pydantic_yaml_and_the_standard_library():
    loaded = loaded_by("contract")
    assert {"pydantic", "yaml"} <= loaded
    assert not loaded & (HEAVY | {"numpy", "pandas", "matplotlib", "boto3", "kubernetes", "rich", "pydantic_settings"})


@pytest.mark.parametrize("program", ["launcher", "aggregator"])
def test_programs_that_train_nothing_load_no_training_stack(program: str):
    assert not loaded_by(program) & (HEAVY | {"trainer"})


@pytest.mark.parametrize("program", ["contract", "launcher", "aggregator"])
def test_a_client_of_a_cluster_is_loaded_where_one_is_talked_to(program: str):
    assert "kubernetes" not in loaded_by(program)


def test_planning_loads_no_pandas_and_no_terminal_library():
    program = "import sys; from launcher.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program, "plan", "--grid", "full", "--results-uri", "/nonexistent"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "60 cells" in done.stdout
    assert not set(done.stderr.split()) & (HEAVY | {"pandas", "matplotlib", "rich.progress", "numpy"})
