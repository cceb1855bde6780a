"""Tasks: what they refuse, their environment and their fingerprints."""

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from contract.explain import one_line
from contract.task import Task, env_name, setting_fields
from tests.contract.strategies import tasks
from tests.factories import task

ANOTHER_VALUE: dict[tuple[str, str], Any] = {
    ("cell", "model"): "minilm",
    ("cell", "labels"): 4,
    ("cell", "samples"): 1600,
    ("cell", "seed"): 1,
    ("hyper", "learning_rate"): 2e-4,
    ("hyper", "epochs"): 6,
    ("hyper", "batch_size"): 8,
    ("hyper", "gradient_accumulation_steps"): 2,
    ("hyper", "eval_steps"): 36,
    ("hyper", "early_stopping_patience"): 11,
    ("hyper", "warmup_ratio"): 0.1,
    ("hyper", "lr_scheduler"): "linear",
    ("hyper", "optimizer"): "adamw_torch",
    ("hyper", "weight_decay"): 0.01,
    ("hyper", "max_grad_norm"): 2.0,
    ("hyper", "lora_r"): 8,
    ("hyper", "lora_alpha"): 16,
    ("hyper", "lora_dropout"): 0.1,
    ("hyper", "max_length"): 64,
    ("hyper", "precision"): "fp32",
    ("data", "source"): "/another/folder",
    ("data", "revision"): "synthetic:0",
    ("data", "labels"): ("joy", "fear"),
    ("data", "balance"): "per_label",
    ("model", "weights"): "/another/folder",
    ("model", "revision"): "random:0",
    ("model", "double_quant"): False,
    ("model", "four_bit_cache"): "/copies",
    ("train", "engine"): "reference",
    ("train", "cached_weights"): "no",
    ("train", "threads"): 7,
    ("checkpoint", "minutes"): 0.0,
    ("checkpoint", "grace_seconds"): 5.0,
    ("results", "uri"): "s3://elsewhere/x",
    ("results", "unsafe"): True,
    ("log", "format"): "json",
    ("log", "progress_seconds"): 1.0,
}
"""For each setting one that differs from the default."""

CANNOT_CHANGE_A_RESULT = {
    ("data", "source"),  # a folder is known by its revision
    ("model", "weights"),
    ("model", "four_bit_cache"),
    ("train", "cached_weights"),
    ("train", "threads"),
    ("checkpoint", "minutes"),
    ("checkpoint", "grace_seconds"),
    ("results", "uri"),
    ("results", "unsafe"),
    ("log", "format"),
    ("log", "progress_seconds"),
}


@pytest.mark.parametrize("setting", setting_fields(), ids=".".join)
def test_a_setting_changes_the_fingerprint_exactly_if_it_can_change_a_result(setting: tuple[str, str]):
    """A new setting fails here until it stands in one of the tables above."""
    group, name = setting
    before = task()
    values = getattr(before, group).model_copy(update={name: ANOTHER_VALUE[setting]})
    after = before.model_copy(update={group: values})
    assert (after.fingerprint() == before.fingerprint()) == (setting in CANNOT_CHANGE_A_RESULT)


def test_a_copy_with_another_cell_has_another_fingerprint():
    original = task()
    known = original.fingerprint()
    copied = original.model_copy(update={"cell": original.cell.model_copy(update={"seed": 7})})
    assert copied.fingerprint() == Task.model_validate(copied.model_dump()).fingerprint() != known


@given(tasks(), tasks())
def test_fingerprints_are_equal_exactly_if_their_fields_are(one: Task, other: Task):
    same = one.fingerprint_fields() == other.fingerprint_fields()
    assert (one.fingerprint() == other.fingerprint()) == same
    assert one.fingerprint() == Task.model_validate(one.model_dump()).fingerprint()


@pytest.mark.parametrize(
    "spelling",
    [
        {"data": {"source": "synthetic", "labels": ["admiration", "gratitude"]}},
        {"data": {"source": "synthetic", "labels": "admiration, gratitude"}},
        {"hyper": {"learning_rate": "1e-4", "epochs": "5"}},
    ],
)
def test_another_spelling_of_the_same_request_has_the_same_fingerprint(spelling: dict):
    assert task(**spelling).fingerprint() == task().fingerprint()


def test_the_order_of_labels_matters():
    """A label's id is its position, and the predictions are ids."""
    turned = task(data={"source": "synthetic", "labels": ["gratitude", "admiration"]})
    assert turned.fingerprint() != task().fingerprint()


def test_fingerprints_stay_what_they_are():
    """Every published result is found by this value: if it changes, every stored cell is stale.

    Where the code computes something else now, raise NUMERICS_VERSION, pin the new value here and say so in the
    changelog. Otherwise restore what changed it.
    """
    assert task().fingerprint() == "118fe142c009afb9"
    assert task(train={"engine": "reference"}).fingerprint() == "3fe2e482f1b3e2a8"


@pytest.mark.parametrize("unresolved", [{"data": {"source": "hub"}}, {"model": {"weights": "hub"}}])
def test_a_fingerprint_needs_both_revisions(unresolved: dict):
    content = task().model_dump() | unresolved
    with pytest.raises(ValueError, match="resolved"):
        Task.model_validate(content).fingerprint()


def test_environment_names_are_distinct_and_name_their_group():
    names = [env_name(*setting) for setting in setting_fields()]
    assert len(set(names)) == len(names)
    assert not any("_" in group for group, _ in setting_fields())  # the trainer splits a name at its first underscore


@given(tasks())
def test_the_environment_holds_every_setting_that_is_set(asked: Task):
    environment = asked.to_env()
    unset = {
        env_name(*setting) for setting in setting_fields() if getattr(getattr(asked, setting[0]), setting[1]) is None
    }
    assert environment.keys() | unset == {env_name(*setting) for setting in setting_fields()}
    assert not environment.keys() & unset
    assert all(isinstance(value, str) for value in environment.values())
    assert float(environment["HYPER_LEARNING_RATE"]) == asked.hyper.learning_rate
    assert environment.get("DATA_LABELS", ",".join(asked.labels)) == ",".join(asked.labels)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cell": {"model": "bert", "labels": 3, "samples": 800}}, ["samples=800", "3 labels", "798 or 801"]),
        ({"cell": {"model": "bert", "labels": 4, "samples": 3}}, ["samples=3", "nearest: 4"]),
        ({"cell": {"model": "bert", "labels": 4, "samples": 4}}, ["samples=4", "fewer than 2"]),
        ({"cell": {"model": "bert", "labels": 28, "samples": 2800}}, ["labels=28", "27"]),
        ({"cell": {"model": "bert", "labels": 2, "samples": 80, "sed": 1}}, ["cell.sed", "did you mean seed"]),
        ({"hyper": {"lerning_rate": 1}}, ["hyper.lerning_rate", "did you mean learning_rate", "epochs, batch_size"]),
        ({"hyper": {"epochs": "many"}}, ["hyper.epochs=many", "a whole number"]),
        ({"hyper": {"learning_rate": 0}}, ["hyper.learning_rate=0", "greater than 0"]),
        ({"hyper": {"learning_rate": float("inf")}}, ["hyper.learning_rate=inf", "finite"]),
        ({"hyper": {"weight_decay": "nan"}}, ["hyper.weight_decay=nan", "finite"]),
        ({"hyper": {"optimizer": "sgd"}}, ["hyper.optimizer=sgd", "adamw_bnb_8bit", "adamw_torch"]),
        ({"hyper": {"precision": "fp16"}}, ["hyper.precision=fp16", "bf16", "fp32"]),
        ({"hyper": {"optimizer": "a\nb"}}, [r"hyper.optimizer=a\nb", "adamw_torch"]),
        ({"data": {"labels": ["joy", "bliss"]}}, ["data.labels", "'bliss'", "admiration, gratitude"]),
        ({"data": {"labels": "joy,joy"}}, ["data.labels", "twice", "joy"]),
        ({"data": {"labels": ["joy"]}}, ["labels=2", "data.labels names 1"]),
        ({"data": {"labels": ""}}, ["data.labels", "unknown label ''"]),
        ({"data": {"labels": 2}}, ["data.labels", "2", "list of label names"]),
        ({"modle": {}}, ["modle", "did you mean model"]),
        ({"results": {}}, ["results.uri", "not set"]),
    ],
)
def test_mistakes_are_one_line_with_the_value_and_the_way_out(change: dict, words: list[str]):
    with pytest.raises(ValidationError) as caught:
        task(**change)
    message = one_line(caught.value, Task)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_per_label_needs_no_divisibility():
    asked = task(
        cell={"model": "bert", "labels": 3, "samples": 100}, data={"source": "synthetic", "balance": "per_label"}
    )
    assert asked.samples_per_label == 100
