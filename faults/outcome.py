"""What came of one fault."""

from dataclasses import dataclass

from contract.exits import EXIT_CODES

_KILLED, _TERMINATED = -9, -15
"""Ends by a signal, before the program has a word on it or without one."""


@dataclass(frozen=True)
class Outcome:
    """One fault and the attempts at its cell."""

    program: str
    number: int
    """Of the fault, in the plan."""
    kind: str
    aim: str
    met: int
    """How many requests met the fault; with none it was no fault."""
    codes: list[int | None]
    """Exit codes of the attempts, the first of the one under the fault; None for one that hung."""
    seconds: float
    """Of the attempt under the fault."""
    lost: str | None
    corrupt: str | None
    published_twice: str | None
    left_over: int
    """Checkpoints that lay beside the result in the end."""
    hung_at: str | None = None
    """What an attempt that hung had said, and the stacks of its threads at its deadline."""

    @property
    def hung(self) -> bool:
        """Whether an attempt was not over at its deadline."""
        return None in self.codes

    @property
    def undocumented(self) -> list[int]:
        """Exit codes that no page explains."""
        known = (*EXIT_CODES, _KILLED, _TERMINATED)
        return [code for code in self.codes if code is not None and code not in known]
