"""Spaces of valid values that properties are checked over."""

from hypothesis import strategies as st

from contract.cell import EMOTIONS, MODELS, Cell
from contract.task import Hyper, Task
from tests.factories import task

cells = st.builds(
    Cell,
    model=st.sampled_from(sorted(MODELS)),
    labels=st.integers(2, len(EMOTIONS)),
    samples=st.integers(1, 10**6),
    seed=st.integers(0, 2**32 - 1),
)

hypers = st.builds(
    Hyper,
    learning_rate=st.floats(1e-9, 1),
    epochs=st.integers(1, 100),
    eval_steps=st.none() | st.integers(1, 1000),
    lora_dropout=st.floats(0, 1, exclude_max=True),
    precision=st.sampled_from(["bf16", "fp32"]),
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Resolved tasks, with or without labels of their own."""
    names = draw(st.lists(st.sampled_from(EMOTIONS), min_size=2, unique=True))
    return task(
        cell={
            "model": draw(st.sampled_from(sorted(MODELS))),
            "labels": len(names),
            "samples": len(names) * draw(st.integers(2, 1000)),
            "seed": draw(st.integers(0, 2**32 - 1)),
        },
        hyper=draw(hypers),
        data={"source": "synthetic", "labels": draw(st.sampled_from([None, names]))},
        model={"weights": "random", "double_quant": draw(st.booleans())},
        train={"threads": draw(st.none() | st.integers(1, 64))},
    )
