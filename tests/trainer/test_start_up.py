"""What a cell imports before its first step: time that every cell of a grid pays."""

import pytest

from tests.trainer.program import running

LATER = {"datasets", "evaluate", "pandas", "sklearn"}
"""What the first evaluation is the first to need."""
COMPILER = {"networkx", "torch._functorch.partitioners", "torch._inductor.compile_fx"}
"""What torch.compile needs, at each of bitsandbytes' functions that stand in for its library."""


@pytest.mark.parametrize(
    ("engine", "unneeded"), [("fast", LATER | COMPILER), ("reference", {"evaluate", "sklearn"} | COMPILER)]
)
def test_the_first_step_waits_for_nothing_that_it_does_not_need(engine: str, unneeded: set[str], tmp_path):
    """transformers' Trainer, which is the reference engine, imports datasets itself."""
    imported = set()
    with running(tmp_path, TRAIN_ENGINE=engine, PYTHONPROFILEIMPORTTIME="1") as process:
        for line in process.stdout:
            if line.startswith("import time:"):
                imported.add(line.split("|")[-1].strip())
            elif " first-step " in line:
                break
        else:
            pytest.fail("it ended before its first step")
    assert {"torch", "peft", "bitsandbytes"} <= imported
    assert not unneeded & imported
