"""Radio buttons that choose what the page shows, by style alone: no script, and without style everything shows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


def token(*words: object) -> str:
    """A name that is safe as an id and as a class: `qwen2.5` -> `is-qwen2-5`."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(["is", *map(str, words)]).lower())


@dataclass(frozen=True)
class Switch:
    """One choice of several.

    An element of class `by-NAME` within the section `scope` shows while the choice is made whose token is among its
    classes.
    """

    scope: str
    name: str
    legend: str
    choices: Mapping[str, str]
    """Token -> words."""
    chosen: str
    """The token of the first choice."""

    @property
    def useful(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.choices) > 1

    @property
    def rules(self) -> str:
        """The style that hides what is not chosen."""
        return "".join(
            f"#{self.scope}:has(#{self.scope}-{choice}:checked) .by-{self.name}:not(.{choice}){{display:none}}"
            for choice in self.choices
        )
