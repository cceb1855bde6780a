"""Which finished cells an estimate goes by: a bounded number of them is read, and none where nothing runs."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, islice

from contract.cell import id_prefix
from contract.keys import RESULTS, result_key
from contract.result import Success
from contract.store import Store
from launcher.cells.plan import Step
from launcher.cells.sample import read_results, spread
from launcher.estimates.estimate import Finished
from launcher.estimates.speeds import Device

_OF_A_SIZE = 2
_OF_THE_GRID = 48
_OF_ANOTHER = 8
"""Results that are read: of a model and size, of all that the grid has; where it has none of a model, of others."""
_LISTED = 1000
"""Keys of a model that are looked at where the grid has no result of it: one page of a listing."""


def gather(steps: Sequence[Step], store: Store, device: Device) -> list[Finished]:
    """Finished cells of the models that run: rather of these settings than of others, rather of this grid than not.

    For a model that has none, those of other runs, and of other models of the grid.
    Only what was trained on a `device` of this kind says something of another one.
    """
    models = {step.task.cell.model for step in steps if step.runs}
    finished = [step for step in steps if step.finished]
    own = _of_grid([step for step in finished if step.task.cell.model in models])
    missing = models - {step.task.cell.model for step in own}
    neighbours = spread(finished, _OF_ANOTHER) if missing else []
    others = chain.from_iterable(_of_other_runs(model, store) for model in sorted(missing))
    keys = dict.fromkeys([*map(_key, [*own, *neighbours]), *others])
    return [Finished.of(success) for success in read_results(keys, store) if _tells(success, device)]


def _of_grid(finished: Sequence[Step]) -> Sequence[Step]:
    by_size: dict[tuple[str, int], list[Step]] = defaultdict(list)
    for step in finished:
        by_size[step.task.cell.model, step.task.cell.samples].append(step)
    chosen = (spread(_rather_reused(found), _OF_A_SIZE) for found in by_size.values())
    return spread(list(chain.from_iterable(chosen)), _OF_THE_GRID)


def _rather_reused(found: list[Step]) -> list[Step]:
    return [step for step in found if step.action == "reuse"] or found


def _of_other_runs(model: str, store: Store) -> Sequence[str]:
    return spread(list(islice(store.list(f"{RESULTS}{id_prefix(model)}"), _LISTED)), _OF_ANOTHER)


def _key(step: Step) -> str:
    return result_key(step.task.cell.id, step.finished or "")


def _tells(success: Success, device: Device) -> bool:
    """A cell that went on from a checkpoint does not say what it took in all; one may not say what its training did."""
    trained_on = "cpu" if success.provenance.device == "cpu" else "gpu"
    whole = success.training.resumed_from_step is None and "training" in success.seconds
    return whole and device == trained_on
