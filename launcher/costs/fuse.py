"""The fuse: what a slip in a grid file, or an expensive one, may make of a cluster in one submit."""

from collections.abc import Mapping
from typing import Any

from contract.exits import BadInput
from launcher.command_line.settings import FuseSettings, as_given
from launcher.costs.price import Price


def refuse(why: str | None) -> None:
    """Raises BadInput where there is a reason."""
    if why is not None:
        raise BadInput(why)


def too_many(cells: int, fuse: FuseSettings, given: Mapping[str, Any]) -> str | None:
    """Why so many Jobs are not made; None when they are. `given` are the options of the command line."""
    if cells <= fuse.max_cells:
        return None
    return f"{cells} cells are more than {as_given('max_cells', fuse.max_cells, given)}; {_WAY_OUT}"


def too_dear(price: Price, fuse: FuseSettings, given: Mapping[str, Any]) -> str | None:
    """Why the plan may take more than is allowed, by its upper bound; None when it may not."""
    limit, hours = fuse.max_gpu_hours, price.gpu_hours
    if limit is None or hours is None or hours.high <= limit:
        return None
    narrower = "; a finished cell of each model narrows the estimate" if _is_wide(price) else ""
    return (
        f"{len(price.cells)} cells may take {hours.high:.2f} GPU-hours ({hours.expected:.2f} expected), more than "
        f"{as_given('max_gpu_hours', limit, given)}; {_WAY_OUT}{narrower}"
    )


def too_many_or_dear(price: Price, fuse: FuseSettings, given: Mapping[str, Any]) -> str | None:
    """Either, of a plan whose cells become Jobs."""
    return too_many(len(price.cells), fuse, given) or too_dear(price, fuse, given)


_WAY_OUT = "choose some with --only, or raise it"


def _is_wide(price: Price) -> bool:
    return any(estimate.source == "assumed" for estimate in price.cells.values())
