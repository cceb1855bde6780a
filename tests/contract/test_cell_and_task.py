"""Cells, tasks and their fingerprints."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.cell import EMOTIONS, MODELS, Cell
from contract.explain import one_line
from contract.task import Task
from tests.factories import task

cells = st.builds(
    Cell,
    model=st.sampled_from(sorted(MODELS)),
    labels=st.integers(2, len(EMOTIONS)),
    samples=st.integers(1, 10**6),
    seed=st.integers(0, 2**32 - 1),
)


@given(cells, cells)
def test_ids_are_dns_labels_and_distinct(one: Cell, other: Cell):
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", one.id)
    assert (one.id == other.id) == (one == other)


def test_every_model_names_a_pinned_revision_and_its_attention_modules():
    assert list(MODELS)[:5] == ["qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert"]
    for spec in MODELS.values():
        assert re.fullmatch(r"[0-9a-f]{40}", spec.hub_revision)
    assert {spec.lora_targets for spec in MODELS.values()} == {("q_proj", "v_proj"), ("c_attn",), ("query", "value")}


def test_there_are_27_emotions_and_neutral_is_none():
    assert len(set(EMOTIONS)) == 27
    assert "neutral" not in EMOTIONS


CHANGES_THE_RESULT = [
    {"cell": {"model": "minilm", "labels": 2, "samples": 800}},
    {"cell": {"model": "bert", "labels": 4, "samples": 800}},
    {"cell": {"model": "bert", "labels": 2, "samples": 1600}},
    {"cell": {"model": "bert", "labels": 2, "samples": 800, "seed": 1}},
    {"hyper": {"learning_rate": 2e-4}},
    {"hyper": {"eval_steps": 36}},
    {"hyper": {"lora_r": 8}},
    {"hyper": {"precision": "fp32"}},
    {"data": {"source": "hub"}},
    {"data": {"source": "synthetic", "revision": "synthetic:0"}},
    {"data": {"source": "synthetic", "labels": ["joy", "fear"]}},
    {"data": {"source": "synthetic", "labels": ["gratitude", "admiration"]}},
    {"data": {"source": "synthetic", "balance": "per_label"}},
    {"model": {"weights": "hub"}},
    {"model": {"weights": "random", "double_quant": False}},
]


def test_whatever_changes_the_result_changes_the_fingerprint():
    fingerprints = [task(**change).fingerprint() for change in [{}, *CHANGES_THE_RESULT]]
    assert len(set(fingerprints)) == len(fingerprints)


@pytest.mark.parametrize(
    "change",
    [
        {"results": {"uri": "s3://elsewhere/x"}},
        {"train": {"threads": 7}},
        {"log": {"format": "json", "progress_seconds": 1}},
        {"data": {"source": "/another/folder", "revision": "synthetic:1"}},
        {"data": {"source": "synthetic", "labels": ["admiration", "gratitude"]}},
        {"model": {"weights": "/another/folder", "revision": "random:1"}},
    ],
)
def test_what_cannot_change_the_result_does_not(change: dict):
    assert task(**change).fingerprint() == task().fingerprint()


def test_fingerprints_stay_what_they_are():
    """Published results are found by this value. If it changes on purpose, say so in the changelog."""
    assert task().fingerprint() == "3fe2e482f1b3e2a8"


def test_a_fingerprint_needs_resolved_revisions():
    with pytest.raises(ValueError, match="resolved"):
        Task.model_validate({"cell": task().cell, "results": {"uri": "x"}}).fingerprint()


def test_environment_names_are_the_fields():
    environment = task(hyper={"learning_rate": 1e-3}, data={"source": "synthetic", "labels": ["joy", "fear"]}).to_env()
    assert environment["HYPER_LEARNING_RATE"] == "0.001"
    assert environment["DATA_LABELS"] == "joy,fear"
    assert "HYPER_EVAL_STEPS" not in environment
    assert all(isinstance(value, str) for value in environment.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cell": {"model": "bert", "labels": 3, "samples": 800}}, ["samples=800", "798 or 801"]),
        ({"cell": {"model": "bert", "labels": 4, "samples": 3}}, ["samples=3", "4"]),
        ({"cell": {"model": "bert", "labels": 4, "samples": 4}}, ["fewer than 2"]),
        ({"cell": {"model": "bert", "labels": 28, "samples": 2800}}, ["labels=28", "27"]),
        ({"cell": {"model": "bert", "labels": 2, "samples": 80, "sed": 1}}, ["cell.sed", "seed"]),
        ({"hyper": {"lerning_rate": 1}}, ["hyper.lerning_rate", "did you mean learning_rate"]),
        ({"hyper": {"optimizer": "sgd"}}, ["hyper.optimizer=sgd", "adamw_bnb_8bit"]),
        ({"data": {"source": "synthetic", "labels": ["joy", "bliss"]}}, ["bliss", "joy"]),
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
