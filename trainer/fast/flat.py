"""Where comments begin and end in one row of their tokens, which needs no padding.

transformers calls such batches padding-free. All layers but attention and the head compute each token by itself.
"""

from collections.abc import Sequence
from typing import Protocol

import torch


class Grid(Protocol):
    """Tokens of a row as `comments` x `width` cells."""

    comments: int
    width: int

    def to_grid(self, row: torch.Tensor) -> torch.Tensor:
        """(tokens, ...) -> (comments, width, ...)."""
        ...

    def gradient_to_grid(self, row: torch.Tensor) -> torch.Tensor:
        """The same with zeros in cells without a token: what `to_row` is on the way back."""
        ...

    def to_row(self, grid: torch.Tensor) -> torch.Tensor:
        """(comments, width, ...) -> (tokens, ...), with zeros where there is no cell."""
        ...


class Layout:
    """Comments of `lengths` tokens, one after the other; a grid is comments x `width` tokens, as attention needs it.

    `read` is the place in the row of each comment's token that the head reads, the first or the last.
    Raises ValueError for a comment without tokens.
    """

    def __init__(self, lengths: Sequence[int], *, reads_first: bool) -> None:
        if min(lengths) < 1:
            raise ValueError(f"a comment of {min(lengths)} tokens: each needs one that the head reads")
        self.comments, self.width = len(lengths), max(lengths)
        self.is_full = self.comments * self.width == sum(lengths)
        """Whether the row is the grid."""
        counts = torch.tensor(lengths)
        ends = counts.cumsum(0)
        first, last = ends - counts, ends - 1
        self.read = first if reads_first else last
        within = torch.arange(self.width)
        self._is_token = within < counts.unsqueeze(1)
        self._cells = self._is_token.flatten().nonzero().flatten()
        """The cell of each token."""
        self._tokens = torch.minimum(first.unsqueeze(1) + within, last.unsqueeze(1)).flatten()
        """The token of each cell; behind a comment it is its last."""
        self.positions = within.expand(self._is_token.shape)[self._is_token].unsqueeze(0)
        """Of each token in its comment: 1 x tokens."""

    def bias(self, is_causal: bool) -> torch.Tensor:
        """What to add to scores, the lowest number where nothing is seen.

        1 x 1 x queries x keys where that depends on the query, else comments x 1 x 1 x keys.
        """
        if is_causal:  # no token sees what lies behind its comment either
            hidden = torch.ones(1, 1, self.width, self.width, dtype=torch.bool).triu_(1)
        else:
            hidden = ~self._is_token[:, None, None, :]
        return torch.zeros(hidden.shape).masked_fill_(hidden, torch.finfo(torch.float32).min)

    def to_grid(self, row: torch.Tensor) -> torch.Tensor:
        """See Grid; behind a comment are copies of its last token."""
        cells = row if self.is_full else row.index_select(0, self._tokens)
        return cells.view(self.comments, self.width, *row.shape[1:])

    def gradient_to_grid(self, row: torch.Tensor) -> torch.Tensor:
        """See Grid."""
        if self.is_full:
            return self.to_grid(row)
        cells = row.new_zeros(self.comments * self.width, *row.shape[1:])
        return cells.index_copy_(0, self._cells, row).view(self.comments, self.width, *row.shape[1:])

    def to_row(self, grid: torch.Tensor) -> torch.Tensor:
        """See Grid."""
        cells = grid.flatten(0, 1)
        return cells if self.is_full else cells.index_select(0, self._cells)


class OneEach:
    """One token of each comment, at these places in a row of so many."""

    width = 1

    def __init__(self, places: torch.Tensor, tokens: int) -> None:
        self.comments = len(places)
        self._places, self._tokens = places, tokens

    def to_grid(self, row: torch.Tensor) -> torch.Tensor:
        """See Grid."""
        return row.index_select(0, self._places).unsqueeze(1)

    def gradient_to_grid(self, row: torch.Tensor) -> torch.Tensor:
        """See Grid."""
        return self.to_grid(row)

    def to_row(self, grid: torch.Tensor) -> torch.Tensor:
        """See Grid."""
        row = grid.new_zeros(self._tokens, *grid.shape[2:])
        return row.index_copy_(0, self._places, grid.squeeze(1))
