"""What all of Kubernetes' objects have in common as JSON. Pure."""

from collections.abc import Mapping
from typing import Any

Content = Mapping[str, Any]
"""An object as JSON."""


def last_change(status: Content) -> str | None:
    """When the last of an object's conditions changed, as it is written there."""
    changes = (each.get("lastTransitionTime") for each in status.get("conditions") or ())
    return max(filter(None, changes), default=None)
