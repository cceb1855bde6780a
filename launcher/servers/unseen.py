"""Why an object of the cluster was not seen."""

from enum import Enum, auto


class Unseen(Enum):
    """What came in place of the object."""

    ABSENT = auto()
    HIDDEN = auto()
    """We may not look."""
