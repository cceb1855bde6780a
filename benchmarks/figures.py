"""A figure: its median over the repetitions, with the lowest and the highest, and the goal that it has."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`values` has one a repetition; `goal` reads `<= 1.3`."""

    name: str
    values: Sequence[float]
    goal: str | None = None

    def __str__(self) -> str:
        spread = " ".join(f"{value:.4g}" for value in (median(self.values), min(self.values), max(self.values)))
        return f"FIGURE {self.name} {spread}" + (f" goal {self.goal}" if self.goal else "")


def alternately(contenders: Mapping[str, Callable[[], float]], repeat: int) -> dict[str, list[float]]:
    """Run each contender once a repetition, another one first each time; the seconds of each, by its name.

    So what else the machine does, and whatever grows from one run to the next, meets all of them alike.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for repetition in range(repeat):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(contenders[name]())
            sys.stderr.write(f"{repetition + 1}/{repeat}  {name}: {seconds[name][-1]:.2f} s\n")
            sys.stderr.flush()
    return seconds


def name_comments(source: str) -> None:
    """Say of which comments the figures below are: made-up ones are no corpus."""
    named = "synthetic; GOEMOTIONS_DIR=FOLDER for the real corpus" if source == "synthetic" else source
    sys.stdout.write(f"COMMENTS {named}\n")
    sys.stdout.flush()


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Of each repetition."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]
