"""Comments as tensors, in the order of the reference engine: one row without padding, or padded to few lengths."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from trainer.encode import EncodedRow
from trainer.fast.flat import Layout


@dataclass(frozen=True)
class Batch:
    """`ids` and `mask`: comments x tokens; `labels`: comments; `tokens` counts them without padding."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    tokens: int

    @property
    def shape(self) -> tuple[int, int]:
        """Comments and tokens."""
        comments, tokens = self.ids.shape
        return comments, tokens

    def to(self, device: torch.device) -> "Batch":
        """The same, there. Nobody waits for it to arrive."""
        ids, mask, labels = (tensor.to(device, non_blocking=True) for tensor in (self.ids, self.mask, self.labels))
        return Batch(ids, mask, labels, self.tokens)


@dataclass(frozen=True)
class FlatBatch:
    """`ids`: 1 x all tokens; `labels`: comments."""

    ids: torch.Tensor
    labels: torch.Tensor
    layout: Layout

    @property
    def tokens(self) -> int:
        """Of all comments."""
        return self.ids.numel()


def epoch_order(comments: int, seed: int, epoch: int) -> list[int]:
    """Positions of the comments in an epoch, counted from 0: accelerate's SeedableRandomSampler draws the same."""
    generator = torch.Generator().manual_seed(seed + epoch)
    order: list[int] = torch.randperm(comments, generator=generator).tolist()
    return order


def micro_batches(
    comments: int, seed: int, step: int, *, steps_per_epoch: int, batch: int, accumulation: int
) -> Iterator[list[int]]:
    """Positions of the comments in each forward pass of an optimizer step, counted from 0 over all epochs."""
    epoch, within = divmod(step, steps_per_epoch)
    order = epoch_order(comments, seed, epoch)
    of_step = order[within * batch * accumulation :][: batch * accumulation]
    for begin in range(0, len(of_step), batch):
        yield of_step[begin : begin + batch]


def collated(rows: list[EncodedRow], pad_id: int, multiple: int = 1) -> Batch:
    """One batch, padded on the right to its longest comment, or on to a multiple."""
    longest = max(len(row["input_ids"]) for row in rows)
    width = -(-longest // multiple) * multiple
    ids = torch.full((len(rows), width), pad_id)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[i, :length] = torch.tensor(row["input_ids"])
        mask[i, :length] = 1
    labels = torch.tensor([row["labels"] for row in rows])
    return Batch(ids, mask, labels, sum(len(row["input_ids"]) for row in rows))


def flattened(rows: list[EncodedRow], *, reads_first: bool) -> FlatBatch:
    """One batch, the comments one after the other, of each of which the head reads the first token or the last."""
    ids = torch.tensor([[token for row in rows for token in row["input_ids"]]])
    labels = torch.tensor([row["labels"] for row in rows])
    layout = Layout([len(row["input_ids"]) for row in rows], reads_first=reads_first)
    return FlatBatch(ids, labels, layout)


def alike(rows: list[EncodedRow], tokens: int) -> list[list[int]]:
    """Positions of the rows, longest first, in as few batches as have about `tokens` each, and nearly as many tokens.

    A small one behind full ones would cost nearly as much as they. A batch may exceed `tokens` by less than its last
    comment.
    """
    lengths = [len(row["input_ids"]) for row in rows]
    total, before = sum(lengths), 0
    batches: list[list[int]] = [[] for _ in range(math.ceil(total / tokens))]
    for i in _longest_first(lengths):
        batches[before * len(batches) // total].append(i)
        before += lengths[i]
    return [batch for batch in batches if batch]


def by_length(rows: list[EncodedRow], tokens: int) -> list[list[int]]:
    """Positions of the rows, longest first, in batches of at most so many tokens with their padding, and one row."""
    lengths = [len(row["input_ids"]) for row in rows]
    batches: list[list[int]] = []
    for i in _longest_first(lengths):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _longest_first(lengths: list[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda i: -lengths[i])
