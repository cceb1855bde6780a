"""Parts of the fast engine, each beside what it takes the place of."""

import bitsandbytes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import RandomSampler

from contract.task import Hyper
from trainer.encode import EncodedRow
from trainer.fast.batches import alike, by_length, collated, micro_batches
from trainer.fast.optimizer import flat_optimizer, learning_rates
from trainer.fast.randomness import Stream, StreamDropout
from trainer.fast.shortcuts import affordable

SHAPES = {"a": (16, 256), "b": (304, 16), "head": (2, 256), "c": (256, 16), "odd": (17, 257), "bias": (2,)}
"""Large ones whose blocks stay the same in a flat buffer, and all kinds that have to stay outside."""


def drawn(seed: int) -> dict[str, torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["adamw_bnb_8bit", "adamw_torch"])
def test_a_flat_buffer_gives_the_bits_of_one_parameter_at_a_time(name: str, weight_decay: float):
    hyper = Hyper(optimizer=name, weight_decay=weight_decay, learning_rate=1e-3)
    flat, apart = drawn(0), drawn(0)
    ours = flat_optimizer(flat, hyper)
    groups = [
        {"params": [p for key, p in apart.items() if key != "bias"], "weight_decay": weight_decay},
        {"params": [apart["bias"]], "weight_decay": 0.0},
    ]
    kind = bitsandbytes.optim.AdamW8bit if name == "adamw_bnb_8bit" else torch.optim.AdamW
    theirs = kind(groups, lr=hyper.learning_rate)
    for step in range(50):
        for key, gradient in drawn(step + 1).items():
            flat[key].grad.copy_(gradient.detach())
            apart[key].grad = gradient.detach().clone()
        ours.step()
        theirs.step()
    assert all(torch.equal(flat[key], apart[key]) for key in SHAPES)


def test_few_parameters_are_left_to_the_optimizer():
    """Of six tensors the three that are large enough, in whole blocks, become one."""
    optimizer = flat_optimizer(drawn(0), Hyper())
    assert [[p.numel() for p in group["params"]] for group in optimizer.param_groups] == [[8192 + 4864, 512, 4369], [2]]


@pytest.mark.parametrize("scheduler", ["cosine", "linear", "constant"])
def test_rates_start_and_end_where_they_should(scheduler: str):
    rate = learning_rates(Hyper(lr_scheduler=scheduler, learning_rate=0.5), 10, 100)
    assert rate(50) > 0
    if scheduler == "constant":
        assert {rate(step) for step in range(100)} == {0.5}
    else:
        assert (rate(0), rate(5), rate(10)) == (0.0, 0.25, 0.5)
        assert rate(100) == pytest.approx(0, abs=1e-12)


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_every_epoch_sees_every_comment_once(comments: int, batch: int, accumulation: int, seed: int):
    steps = -(-comments // (batch * accumulation))
    for epoch in range(2):
        seen = [
            i
            for step in range(epoch * steps, (epoch + 1) * steps)
            for part in micro_batches(
                comments, seed, step, steps_per_epoch=steps, batch=batch, accumulation=accumulation
            )
            for i in part
        ]
        generator = torch.Generator().manual_seed(seed + epoch)
        assert seen == list(RandomSampler(range(comments), generator=generator))


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(1, 256))
def test_batches_by_length_hold_all_rows_and_no_more_tokens_than_allowed(lengths: list[int], tokens: int):
    rows = [EncodedRow(input_ids=[1] * n, attention_mask=[1] * n, labels=0) for n in lengths]
    batches = by_length(rows, tokens)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= tokens


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(1, 256))
def test_batches_that_are_alike_hold_all_rows_longest_first_and_about_as_many_tokens(lengths: list[int], tokens: int):
    rows = [EncodedRow(input_ids=[1] * n, attention_mask=[1] * n, labels=0) for n in lengths]
    batches = alike(rows, tokens)
    in_order = [i for batch in batches for i in batch]
    assert sorted(in_order) == list(range(len(rows)))
    assert [lengths[i] for i in in_order] == sorted(lengths, reverse=True)
    assert all(sum(lengths[i] for i in batch) < tokens + max(lengths) for batch in batches)


def test_a_batch_is_padded_on_the_right_to_a_multiple():
    rows = [EncodedRow(input_ids=[5, 6, 7], attention_mask=[1] * 3, labels=1)]
    batch = collated([*rows, EncodedRow(input_ids=[8], attention_mask=[1], labels=0)], pad_id=9, multiple=4)
    assert batch.ids.tolist() == [[5, 6, 7, 9], [8, 9, 9, 9]]
    assert batch.mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert (batch.labels.tolist(), batch.tokens, batch.shape) == ([1, 0], 4, (2, 4))


@pytest.mark.parametrize("p", [0.05, 0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float):
    stream = Stream(seed=3)
    stream.begin(step=0)
    x = torch.ones(1000, 1001, requires_grad=True)
    y = StreamDropout(p, stream)(x)
    kept = y != 0
    deviation = (p * (1 - p) / x.numel()) ** 0.5
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=5 * deviation)
    torch.testing.assert_close(y[kept].unique(), torch.tensor([1 / (1 - p)]), rtol=1e-4, atol=0)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_masks_belong_to_seed_and_step():
    def mask(seed: int, step: int) -> list[int]:
        stream = Stream(seed)
        stream.begin(step - 1)
        stream.uniform(7)
        stream.begin(step)
        return stream.uniform(64).tolist() + torch.rand(8).tolist()

    assert mask(1, 2) == mask(1, 2)
    assert mask(1, 2) != mask(1, 3)
    assert mask(1, 2) != mask(2, 2)


def test_dropout_rests_in_evaluation():
    x = torch.randn(5, 5)
    assert torch.equal(StreamDropout(0.5, Stream(0)).eval()(x), x)


@pytest.mark.parametrize(
    ("wish", "free", "packable", "expected"),
    [
        ("auto", 400, True, "packed"),
        ("auto", 399, True, "dequantised"),
        ("auto", 400, False, "dequantised"),
        ("auto", 199, True, "quantised"),
        ("yes", 1, True, "dequantised"),
        ("no", 10**9, True, "quantised"),
    ],
)
def test_weights_are_kept_in_the_fastest_way_that_memory_allows(wish, free, packable, expected):
    """A copy of 100 bytes; half of the free memory is for other things."""
    assert affordable(wish, 100, free, packable) == expected


def test_numpy_bits_are_uniform():
    stream = Stream(0)
    stream.begin(0)
    counts = np.bincount((stream.uniform(160_000).numpy().astype(np.int32) + 2**15) // 2**12, minlength=16)
    assert counts.min() > 9_500
    assert counts.max() < 10_500
