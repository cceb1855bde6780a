"""Cells: their ids, their ranges and the registry of models."""

import re
from itertools import product

import pytest
from hypothesis import given
from pydantic import ValidationError

from contract.cell import EMOTIONS, MODELS, Cell
from contract.explain import one_line
from tests.contract.strategies import cells

DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


@given(cells)
def test_an_id_is_a_dns_label(cell: Cell):
    assert re.fullmatch(DNS_LABEL, cell.id)


def test_the_longest_id_is_a_dns_label():
    for model in MODELS:
        assert re.fullmatch(DNS_LABEL, Cell(model=model, labels=27, samples=10**6, seed=2**32 - 1).id)


def test_ids_are_distinct_where_cells_are():
    """Numbers that could be taken for each other once written side by side: 2 and 22, 1 and 11."""
    every = product(MODELS, (2, 22), (2, 22, 222), (1, 11, 111))
    ids = [Cell(model=model, labels=k, samples=n, seed=seed).id for model, k, n, seed in every]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "gpt9"}, ["'gpt9'", "qwen2.5, llama3.2, gpt2-xl, gemma3, bert, minilm"]),
        ({"model": "BERT"}, ["'BERT'", "bert"]),
        ({"labels": 1}, ["labels=1", "2"]),
        ({"labels": 28}, ["labels=28", "27"]),
        ({"labels": 2.5}, ["labels=2.5", "a whole number"]),
        ({"samples": 0}, ["samples=0", "greater than 0"]),
        ({"samples": 10**60}, ["samples=1000", "1000000"]),
        ({"seed": -1}, ["seed=-1", "0"]),
        ({"seed": 2**32}, ["seed=4294967296", "4294967296"]),
        ({"sed": 1}, ["sed", "did you mean seed"]),
    ],
)
def test_a_cell_out_of_range_is_refused_with_the_range(change: dict, words: list[str]):
    with pytest.raises(ValidationError) as caught:
        Cell.model_validate({"model": "bert", "labels": 2, "samples": 800} | change)
    message = one_line(caught.value, Cell)
    for word in words:
        assert word in message


def test_a_cell_cannot_be_changed_and_can_be_a_key():
    cell = Cell(model="bert", labels=2, samples=800)
    with pytest.raises(ValidationError, match="frozen"):
        cell.labels = 4
    assert {cell: 1}[Cell(model="bert", labels=2, samples=800, seed=0)] == 1


def test_every_model_names_a_pinned_revision_and_its_attention_modules():
    assert list(MODELS)[:5] == ["qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert"]
    for spec in MODELS.values():
        assert re.fullmatch(r"[0-9a-f]{40}", spec.hub_revision)
    assert {spec.lora_targets for spec in MODELS.values()} == {("q_proj", "v_proj"), ("c_attn",), ("query", "value")}


def test_there_are_27_emotions_and_neutral_is_none():
    assert len(EMOTIONS) == len(set(EMOTIONS)) == 27
    assert "neutral" not in EMOTIONS
