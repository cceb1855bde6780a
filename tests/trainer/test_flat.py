"""Batches without padding give what padded ones give: each comment's logits, and gradients of all."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tests.trainer.small_cell import Cell
from trainer.encode import EncodedRow
from trainer.fast.attention import takes_flat_batches
from trainer.fast.attention_parts import attentions
from trainer.fast.batches import Batch, FlatBatch, collated, flattened
from trainer.fast.feedforward import Feedforward, fuse_feedforward
from trainer.fast.flat import Grid, Layout, OneEach
from trainer.fast.forward import collator, logits_of
from trainer.fast.frozen import FrozenLinear
from trainer.fast.last_layer import compute_what_is_read
from trainer.fast.lora import fuse_lora
from trainer.fast.passes import computing
from trainer.fast.randomness import Stream
from trainer.fast.shortcuts import Shortcuts, Weights, lighten

FAMILIES = ["qwen2.5", "llama3.2", "gpt2-xl", "bert"]
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)
FUSED = Shortcuts("dequantised", fused=True, stream_dropout=True, multiple=1, graphs=False)
PLAIN = replace(FUSED, fused=False)


@given(lengths=LENGTHS)
def test_a_row_comes_back_from_its_grid(lengths: list[int]):
    layout, row = Layout(lengths, reads_first=True), torch.randn(sum(lengths), 2)
    grid = layout.to_grid(row)
    assert grid.shape == (len(lengths), max(lengths), 2)
    assert torch.equal(layout.to_row(grid), row)
    comments = torch.split(row, lengths)
    assert all(torch.equal(cells[: len(comment)], comment) for cells, comment in zip(grid, comments, strict=True))
    assert torch.equal(row[layout.read], torch.stack([comment[0] for comment in comments]))
    last = Layout(lengths, reads_first=False).read
    assert torch.equal(row[last], torch.stack([comment[-1] for comment in comments]))
    assert layout.positions.tolist() == [[i for length in lengths for i in range(length)]]


@given(lengths=LENGTHS, is_one_each=st.booleans())
def test_gradients_go_back_the_way_that_values_came(lengths: list[int], is_one_each: bool):
    """<to_row(g), r> = <g, gradient_to_grid(r)>, or padding and what nobody reads would have a say."""
    layout = Layout(lengths, reads_first=False)
    grid: Grid = OneEach(layout.read, sum(lengths)) if is_one_each else layout
    cells = torch.randn(grid.comments, grid.width, 3, dtype=torch.float64)
    row = torch.randn(sum(lengths), 3, dtype=torch.float64)
    torch.testing.assert_close((grid.to_row(cells) * row).sum(), (cells * grid.gradient_to_grid(row)).sum())


@given(lengths=LENGTHS)
def test_no_token_sees_what_is_not_of_its_comment(lengths: list[int]):
    layout = Layout(lengths, reads_first=False)
    for i, length in enumerate(lengths):
        keys = layout.bias(is_causal=False)[i, 0, 0] == 0
        assert keys.tolist() == [True] * length + [False] * (max(lengths) - length)
        assert (layout.bias(is_causal=True)[0, 0, length - 1] == 0).sum() == length


def test_a_comment_without_tokens_is_refused():
    """It would be judged by its neighbour's."""
    with pytest.raises(ValueError, match="a comment of 0 tokens"):
        Layout([3, 0, 2], reads_first=True)


@pytest.mark.parametrize("weights", ["dequantised", "quantised"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_plain_model_makes_the_same_of_padded_comments(family: str, weights: Weights):
    """With neither of the fast engine's operations nor its shortcut in the last layer. In fp32, so nearly exact."""
    plain, fused = (lightened(family, replace(how, weights=weights)) for how in (PLAIN, FUSED))
    for lengths in ([3, 11, 1, 7], [6, 6, 6], [5], [1]):
        rows = [row_of(length) for length in lengths]
        expected, gradients = passed(plain, collated(rows, plain.tokenizer.pad_token_id))
        found, others = passed(fused, flattened(rows, reads_first=family == "bert"))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        for name, gradient in gradients.items():
            assert (others[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6, (name, lengths)
            assert gradient.norm() > 1e-5 or lengths == [1], name


@pytest.mark.parametrize("family", ["gpt2-xl", "bert"])
def test_padded_comments_are_read_at_the_same_tokens(family: str):
    """As on a GPU, where these families keep their own attention."""
    plain, fused = lightened(family, PLAIN), lightened(family, PLAIN)
    base = fused.model.get_base_model()
    fuse_feedforward(base)
    fuse_lora(base)
    compute_what_is_read(base)
    assert [m.pooling is not None for m in base.modules() if isinstance(m, Feedforward)][-2:] == [False, True]
    batch = collated([row_of(length) for length in (3, 11, 1, 7)], plain.tokenizer.pad_token_id, multiple=8)
    expected, gradients = passed(plain, batch)
    found, others = passed(fused, batch)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for name, gradient in gradients.items():
        assert (others[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6, name


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_the_loss_that_dropout_left(family: str):
    """The slope of the loss along a direction, masks being the same; the gradient says it too."""
    cell = lightened(family, FUSED, dropout=0.3)
    batch = flattened([row_of(length) for length in (3, 11, 1, 7)], reads_first=family == "bert")
    _, gradients = passed(cell, batch)
    parameters = {name: p for name, p in cell.model.named_parameters() if p.requires_grad}
    direction = {
        name: torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) for name, p in parameters.items()
    }

    def loss_at(distance: float) -> float:
        with torch.no_grad():
            for name, p in parameters.items():
                p.add_(direction[name], alpha=distance)
        loss = loss_of(cell, batch)[1].item()
        with torch.no_grad():
            for name, p in parameters.items():
                p.sub_(direction[name], alpha=distance)
        return loss

    slope = (loss_at(1e-3) - loss_at(-1e-3)) / 2e-3
    assert sum((gradients[name] * direction[name]).sum().item() for name in parameters) == pytest.approx(
        slope, rel=2e-2
    )
    assert abs(slope) > 0.01


@pytest.mark.parametrize("family", ["gpt2-xl", "bert"])
def test_projections_that_are_rounded_by_their_layers_give_the_same_bits(family: str):
    results = []
    for rounds in (True, False):
        cell = lightened(family, FUSED, precision="bf16")
        rounding = [m for m in cell.model.modules() if isinstance(m, FrozenLinear) and m.rounds]
        assert rounding
        for layer in rounding:
            layer.rounds = rounds
        results.append(passed(cell, flattened([row_of(9), row_of(4)], reads_first=family == "bert")))
    (expected, gradients), (found, others) = results
    assert torch.equal(found, expected)
    assert all(torch.equal(others[name], gradient) for name, gradient in gradients.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_layer_computes_one_token_of_each_comment(family: str):
    cell = lightened(family, FUSED)
    rows = [row_of(7), row_of(4)]
    first, *_, last = attentions(cell.model)
    blocks = [module for module in cell.model.modules() if isinstance(module, Feedforward)]
    counted: list[int] = []
    for layer in (first.output, last.output, last.query, blocks[0], blocks[-1]):
        if layer is not None:
            layer.compute = counting(layer.compute, counted)
    with torch.no_grad():
        logits_of(cell.model, flattened(rows, reads_first=family == "bert"))
    assert sorted(counted) == sorted([11, 2, 11, 2] + ([] if last.query is None else [2]))


@pytest.mark.parametrize(("family", "is_flat"), [*((family, True) for family in FAMILIES), ("gemma3", False)])
def test_all_but_gemma_need_no_padding_on_a_cpu(family: str, is_flat: bool):
    cell = lightened(family, FUSED)
    assert takes_flat_batches(cell.model) == is_flat
    assert isinstance(collator(cell.model, 0)([row_of(3)]), FlatBatch if is_flat else Batch)


def lightened(family: str, shortcuts: Shortcuts, precision: str = "fp32", dropout: float = 0.0) -> Cell:
    """With a LoRA that adds something, as after some training."""
    cell = Cell(model=family, precision=precision, lora_dropout=dropout)
    for module in cell.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    stream = Stream(0)
    cell.stream = stream
    lighten(cell.model, cell.precision, shortcuts, stream)
    generator = torch.Generator().manual_seed(2)
    for name, parameter in cell.model.named_parameters():
        if ".lora_B." in name:
            parameter.data.normal_(std=0.1, generator=generator)
    return cell


def row_of(length: int) -> EncodedRow:
    ids = torch.randint(10, 60, (length,), generator=torch.Generator().manual_seed(length)).tolist()
    return EncodedRow(input_ids=ids, attention_mask=[1] * length, labels=length % 2)


def loss_of(cell: Cell, batch: Batch | FlatBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and loss, always with the same masks."""
    cell.model.train()
    cell.model.zero_grad()
    cell.stream.begin(3)
    with computing(cell.model.device, cell.precision):
        logits = logits_of(cell.model, batch)
        return logits.float(), functional.cross_entropy(logits, batch.labels)


def passed(cell: Cell, batch: Batch | FlatBatch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits, and gradients by the names of the parameters."""
    logits, loss = loss_of(cell, batch)
    loss.backward()
    return logits, {name: p.grad for name, p in cell.model.named_parameters() if p.requires_grad}


def counting(compute, counted: list[int]):
    def counts(x: torch.Tensor) -> torch.Tensor:
        counted.append(x.shape[:-1].numel())
        return compute(x)

    return counts
