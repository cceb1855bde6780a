"""What differs between the cells is said first; each check is shown a cell that it must not miss."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from aggregator.outcomes.audit import audit
from contract.result import Success
from tests.aggregator import study
from tests.aggregator.desk import Desk

Change = Callable[[Success], Success]


def within(part: str, **changes: Any) -> Change:
    """The cell with fields of one of its parts (`training`, `splits.test`) changed."""

    def change(model: BaseModel, path: list[str]) -> BaseModel:
        update = {path[0]: change(getattr(model, path[0]), path[1:])} if path else changes
        return model.model_copy(update=update)

    return lambda success: Success.model_validate(change(success, part.split(".") if part else []).model_dump())


def field(name: str, value: object) -> Change:
    return lambda success: success.model_copy(update={"fingerprint_fields": success.fingerprint_fields | {name: value}})


CHANGES: dict[str, tuple[Change, str, str]] = {
    "other test comments": (
        within("splits.test", sha256="f" * 64),
        "Test comments",
        "4 labels: 333333333333 in 3 of 4 cells, such as gemma3-l4-n800-s0; ffffffffffff in bert-l4-n1600-s0",
    ),
    "other training comments": (
        within("splits.train", sha256="f" * 64),
        "Training comments",
        "4 labels x 1600, seed 0: 111111111111 in Gemma 3 (1B); ffffffffffff in BERT (110M)",
    ),
    "another corpus": (field("data.revision", "sha256:abc"), "Draw", "data.revision sha256:abc"),
    "another draw": (field("numerics_version", 2), "Draw", "numerics_version 2 in bert-l4-n1600-s0"),
    "a lopsided test set": (
        within("test", confusion=[[9, 0, 0, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]]),
        "Label balance",
        "Each label has as many comments as any other, but not in bert-l4-n1600-s0",
    ),
    "other labels of the same number": (
        within("", labels=["joy", "fear", "love", "grief"]),
        "Labels",
        "joy, fear, love, grief in bert-l4-n1600-s0",
    ),
    "labels that are not nested": (
        within("", labels=["joy", "fear", "love", "grief"]),
        "Label sets",
        "Smaller label sets are parts of larger ones, but not in bert-l4-n1600-s0",
    ),
    "another learning rate": (
        field("hyper.learning_rate", 1e-3),
        "Settings",
        "hyper.learning_rate 0.0001 in 7 of 8 cells, such as gemma3-l2-n800-s0; "
        "hyper.learning_rate 0.001 in bert-l4-n1600-s0",
    ),
    "other weights of a model": (field("model.revision", "sha256:abc"), "Weights", "BERT (110M): hub:google-bert"),
    "weights from a folder": (
        field("model.revision", "sha256:abc"),
        "Origin of the weights",
        "a folder in bert-l4-n1600-s0",
    ),
    "nothing quantised": (
        within("training", quantized_parameters=0, quantized_modules=[]),
        "Quantisation",
        "Every module that LoRA adapts is quantised, but not in bert-l4-n1600-s0",
    ),
    "a LoRA target left out": (within("training", quantized_modules=["encoder.query"]), "Quantisation", "but not in"),
    "fewer quantised parameters": (
        within("training", quantized_parameters=7),
        "Quantised parameters",
        "BERT (110M): 10000000 in 3 of 4 cells, such as bert-l2-n800-s0; 7 in bert-l4-n1600-s0",
    ),
    "other trainable parameters": (
        within("training", trainable_parameters=7),
        "Trainable parameters",
        "BERT (110M) at 4 labels: 100000 in bert-l4-n800-s0; 7 in bert-l4-n1600-s0",
    ),
    "a fallback of the compute type": (
        within("training", dtype="fp32", dtype_fallback="cpu does not compute in bf16; fp32 is used"),
        "Compute type",
        "fp32 (cpu does not compute in bf16; fp32 is used) in bert-l4-n1600-s0",
    ),
    "another engine": (field("train.engine", "reference"), "Engine", "reference in bert-l4-n1600-s0"),
    "another commit": (within("provenance", code_version="1" * 40), "Code", "1" * 12 + " in bert-l4-n1600-s0"),
    "another library": (
        within("provenance", versions={"torch": "2.12.0"}),
        "Libraries",
        "torch 2.13.0 in 7 of 8 cells, such as gemma3-l2-n800-s0; torch 2.12.0 in bert-l4-n1600-s0",
    ),
    "a GPU": (within("provenance", device="NVIDIA L4"), "Device", "NVIDIA L4 in bert-l4-n1600-s0"),
    "a training that was resumed": (
        within("training", resumed_from_step=300),
        "Course of the training",
        "in one go in 7 of 8 cells, such as gemma3-l2-n800-s0; resumed from a checkpoint in bert-l4-n1600-s0",
    ),
    "a training that learnt nothing": (
        within("test", confusion=[[25] * 4] * 4),
        "Learning",
        "Each pretrained cell tells its test comments apart better than guessing, but not in bert-l4-n1600-s0",
    ),
    "a store without conditional writes": (
        lambda success: success.model_copy(update={"unsafe_store": True}),
        "Publication",
        "Each result was published once and could not be overwritten, but not in bert-l4-n1600-s0",
    ),
    "an early stop": (
        within("training", stop="early_stopping"),
        "End of the training",
        "early_stopping in bert-l4-n1600-s0",
    ),
}


def findings(desk: Desk) -> dict[str, str]:
    """Subject -> words, of what differs."""
    section = desk.text("results.md").split("## What differs between the cells")[1].split("## Accuracy")[0]
    return dict(re.findall(r"^- \*\*(.*?)\.\*\* (.*)\.$", section, re.MULTILINE))


@pytest.mark.parametrize(("change", "subject", "words"), CHANGES.values(), ids=CHANGES)
def test_one_cell_that_is_not_like_the_others_is_found(desk: Desk, change: Change, subject: str, words: str):
    *alike, other = [study.finished(task) for task in desk.tasks]
    (found,) = [finding for finding in audit([*alike, change(other)]) if finding.subject.split(",")[0] == subject]
    assert found.differs
    assert words in found.words


def test_differences_come_first(desk: Desk):
    *alike, other = [study.finished(task) for task in desk.tasks]
    differs = [finding.differs for finding in audit([*alike, CHANGES["a GPU"][0](other)])]
    assert differs == [True] + [False] * (len(differs) - 1)


def test_cells_that_are_alike_differ_in_nothing(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    assert findings(desk) == {}
    assert "Nothing of what was looked at." in desk.text("results.md")


def test_it_stands_above_the_heatmap(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    page = desk.text("report.html")
    assert page.index('id="differences"') < page.index('id="heatmap"') < page.index("<svg")


def test_a_whole_model_is_named_by_its_name(desk: Desk):
    desk.grid(per_model={"bert": {"model": {"weights": "random"}}})
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    assert findings(desk) == {
        "Origin of the weights": "the hub in Gemma 3 (1B); random, never pretrained in BERT (110M)"
    }


@pytest.mark.parametrize("finished", [0, 1])
def test_there_is_nothing_to_compare_with_less_than_two_cells(desk: Desk, finished: int):
    study.fill(desk.store, desk.tasks[:finished], damage=False)
    assert desk.report() == 3
    assert "What differs" not in desk.text("results.md") + desk.text("report.html")
