"""Batches without padding give what padded ones give: each comment's logits, and gradients of all."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.trainer.small_cell import Cell
from trainer.fast.batches import Batch, FlatBatch, collated, flattened
from trainer.fast.feedforward import Feedforward
from trainer.fast.flat import Grid, Layout, OneEach
from trainer.fast.forward import can_flatten, logits_of
from trainer.fast.frozen import FrozenLinear
from trainer.fast.passes import computing
from trainer.fast.randomness import Stream
from trainer.fast.shortcuts import Shortcuts, Weights, lighten

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)
WORDS = [3, 11, 1, 11, 7]


@given(lengths=LENGTHS)
def test_a_row_comes_back_from_its_grid(lengths: list[int]):
    layout, row = Layout(lengths), torch.randn(sum(lengths), 2)
    grid = layout.to_grid(row)
    assert grid.shape == (len(lengths), max(lengths), 2)
    assert torch.equal(layout.to_row(grid), row)
    comments = torch.split(row, lengths)
    assert all(torch.equal(cells[: len(comment)], comment) for cells, comment in zip(grid, comments, strict=True))
    assert torch.equal(row[layout.first], torch.stack([comment[0] for comment in comments]))
    assert torch.equal(row[layout.last], torch.stack([comment[-1] for comment in comments]))
    assert layout.positions.tolist() == [[i for length in lengths for i in range(length)]]


@given(lengths=LENGTHS, is_one_each=st.booleans())
def test_gradients_go_back_the_way_that_values_came(lengths: list[int], is_one_each: bool):
    """<to_row(g), r> = <g, gradient_to_grid(r)>, or padding and what nobody reads would have a say."""
    layout = Layout(lengths)
    grid: Grid = OneEach(layout.last, sum(lengths)) if is_one_each else layout
    cells = torch.randn(grid.comments, grid.width, 3, dtype=torch.float64)
    row = torch.randn(sum(lengths), 3, dtype=torch.float64)
    torch.testing.assert_close((grid.to_row(cells) * row).sum(), (cells * grid.gradient_to_grid(row)).sum())


@given(lengths=LENGTHS)
def test_no_token_sees_what_is_not_of_its_comment(lengths: list[int]):
    layout = Layout(lengths)
    for i, length in enumerate(lengths):
        keys = layout.bias(is_causal=False)[i, 0, 0] == 0
        assert keys.tolist() == [True] * length + [False] * (max(lengths) - length)
        assert (layout.bias(is_causal=True)[0, 0, length - 1] == 0).sum() == length


@pytest.mark.parametrize("weights", ["packed", "dequantised", "quantised"])
@pytest.mark.parametrize("family", ["qwen2.5", "llama3.2", "gpt2-xl", "bert"])
def test_comments_side_by_side_give_what_padded_ones_give(family: str, weights: Weights):
    one, other = (lightened(family, weights) for _ in range(2))
    rows = [row | {"input_ids": row["input_ids"][:words]} for row, words in zip(one.work().train, WORDS, strict=False)]
    rows = [row | {"attention_mask": [1] * len(row["input_ids"])} for row in rows]
    assert len({len(row["input_ids"]) for row in rows}) > 2
    pad_id = one.work().tokenizer.pad_token_id
    expected, from_padded = passed(one, collated(rows, pad_id))
    found, from_flat = passed(other, flattened(rows))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)
    for name, gradient in from_padded.items():
        error = (from_flat[name] - gradient).norm()
        assert error <= 2e-2 * gradient.norm() + 1e-6, name


@pytest.mark.parametrize("family", ["gpt2-xl", "bert"])
def test_projections_that_are_rounded_by_their_layers_give_the_same_bits(family: str):
    results = []
    for rounds in (True, False):
        cell = lightened(family, "dequantised")
        rounding = [m for m in cell.model.modules() if isinstance(m, FrozenLinear) and m.rounds]
        assert rounding
        for layer in rounding:
            layer.rounds = rounds
        results.append(passed(cell, flattened(cell.work().train[:4])))
    (expected, gradients), (found, others) = results
    assert torch.equal(found, expected)
    assert all(torch.equal(others[name], gradient) for name, gradient in gradients.items())


def test_the_last_layer_computes_one_token_of_each_comment():
    cell = lightened("bert", "dequantised")
    rows = cell.work().train[:4]
    assert can_flatten(cell.model)
    counted: list[int] = []
    blocks = [module for module in cell.model.modules() if isinstance(module, Feedforward)]
    for block in (blocks[0], blocks[-1]):
        block.up.multiply = counting(block.up.multiply, counted)
    with torch.no_grad(), computing(cell.model.device, cell.precision):
        logits_of(cell.model, flattened(rows))
    assert counted == [sum(len(row["input_ids"]) for row in rows), len(rows)]


def lightened(family: str, weights: Weights) -> Cell:
    cell = Cell(model=family, precision="bf16", lora_dropout=0.0)
    for module in cell.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    shortcuts = Shortcuts(weights, fused=True, stream_dropout=True, multiple=1, graphs=False)
    lighten(cell.model, cell.precision, shortcuts, Stream(0))
    return cell


def passed(cell: Cell, batch: Batch | FlatBatch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits, and gradients by the names of the parameters."""
    cell.model.train()
    with computing(cell.model.device, cell.precision):
        logits = logits_of(cell.model, batch)
        loss = functional.cross_entropy(logits, batch.labels)
    loss.backward()
    return logits.float(), {name: p.grad for name, p in cell.model.named_parameters() if p.requires_grad}


def counting(multiply, counted: list[int]):
    def counts(x: torch.Tensor) -> torch.Tensor:
        counted.append(x.shape[:-1].numel())
        return multiply(x)

    return counts
