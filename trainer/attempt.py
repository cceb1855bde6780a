"""One attempt at one cell: environment -> task -> comments -> trainer/run.py -> exit code.

Everything that can be refused cheaply is refused here, before the training stack is imported.
"""

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from contract.exits import OK, UNEXPECTED, BadInput, ExitCode, ProgramError, StoreFailed
from contract.keys import result_key
from contract.opening import open_store
from contract.redact import redacted
from contract.result import Failure, Success, Unreadable, decode
from contract.revision import resolve, verify
from contract.store import Store
from contract.task import Task
from trainer.checkpoint import remove_all
from trainer.data import Dataset, load
from trainer.failures import Termination, exit_code_of, named
from trainer.inputs import bring
from trainer.journal import Journal
from trainer.libraries import prepare_libraries
from trainer.provenance import new_attempt, provenance, threads_for
from trainer.publish import publish_failure, traceback_tail
from trainer.settings import task_from_environment
from trainer.weights import check_weights

_OF_A_PROCESS_GROUP = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
"""A scheduler or torchrun sets these; Trainer would wait for the other processes of the group."""

Body = Callable[[Task, Store, Journal, Termination], bool]
"""What an attempt does between its beginning and its end; False when another attempt had published before."""


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Train the cell that the environment asks for; returns the exit code."""
    return run(environ, train)


def run(environ: Mapping[str, str], body: Body) -> int:
    """Do the work on the cell that the environment asks for; returns the exit code.

    What is wrong with the request itself is told on stderr; once the cell has a fingerprint and a store, an attempt
    that ends badly is on record there.
    """
    try:
        (task,) = resolve([task_from_environment(environ)])
        store = open_store(task.results.uri, unsafe=task.results.unsafe)
        store.check_writable()
        return attempt(task, store, body).number
    except ProgramError as error:
        sys.stderr.write(f"trainer: error: {redacted(str(error))}\n")
        return error.exit_code.number


def attempt(task: Task, store: Store, body: Body) -> ExitCode:
    """Run the cell once, whatever happens leave a record of it. Raises StoreFailed when not even that works."""
    journal = Journal(task, new_attempt(), store)
    if _is_published(task, store):
        journal.event("already-published", cell=task.cell.id, fingerprint=task.fingerprint())
        _remove_checkpoints(task, store, journal)
        return OK
    termination = Termination(task.checkpoint.grace_seconds)
    termination.watch()
    with journal.pulse():
        try:
            return _run(task, store, journal, termination, body)
        except BaseException as error:  # also KeyboardInterrupt: an attempt that ended says so
            return _fail(task, store, journal, named(termination.explain(error)))


def _is_published(task: Task, store: Store) -> bool:
    """Raises BadInput for a result in this place that cannot be trusted: nothing may overwrite it."""
    key = result_key(task.cell.id, task.fingerprint())
    data = store.get(key)
    if data is None:
        return False
    try:
        decode(data, Success)
    except Unreadable as error:
        raise BadInput(f"{key} in {store.uri} cannot be trusted: {error}; {error.way_out}") from error
    return True


def _remove_checkpoints(task: Task, store: Store, journal: Journal) -> None:
    """An attempt that was killed as soon as it had published left them behind."""
    try:
        remove_all(store, task)
    except StoreFailed as error:
        journal.event("checkpoints-not-removed", reason=str(error))


def _run(task: Task, store: Store, journal: Journal, termination: Termination, body: Body) -> ExitCode:
    journal.event("cell-starts", cell=task.cell.id, fingerprint=task.fingerprint(), threads=threads_for(task))
    published = body(task, store, journal, termination)
    journal.event("published" if published else "already-published", key=result_key(task.cell.id, task.fingerprint()))
    return OK


def train(task: Task, store: Store, journal: Journal, termination: Termination) -> bool:
    """Load the comments, import the training stack, and leave the rest to it."""
    _prepare_environment(threads_for(task))
    with journal.phase("data"):
        verify(task)
        task = bring(task, journal)
        check_weights(task)
        dataset = load(task)
    _announce(dataset, journal)
    with journal.phase("imports"), _collector_at_rest():
        from trainer.run import run_cell
    return run_cell(task, dataset, store, journal, termination)


def _announce(dataset: Dataset, journal: Journal) -> None:
    journal.event(
        "data-ready",
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        seconds=journal.seconds["data"],
    )


def _prepare_environment(threads: int) -> None:
    """What the libraries read while they are imported: one process, one GPU, the task's own precision."""
    prepare_libraries(threads)
    warnings.filterwarnings("ignore", message="CUDA initialization")  # trainer/machine.py says it, in one line
    for name in [name for name in os.environ if name in _OF_A_PROCESS_GROUP or name.startswith("ACCELERATE_")]:
        del os.environ[name]
    # The cell trains on one GPU; with more in sight Trainer would replicate the model over all of them.
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """What is imported stays: to look for garbage among it costs time now, and more in the training."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _fail(task: Task, store: Store, journal: Journal, error: BaseException) -> ExitCode:
    code = exit_code_of(error)
    message = redacted(str(error)) or type(error).__name__
    tail = traceback_tail(error)
    if code is UNEXPECTED:
        for line in tail:
            journal.event("traceback", line=line)
    journal.event("failed", error=code.name, exit_code=code.number, retriable=code.retriable, message=message)
    failure = Failure(
        cell=task.cell,
        fingerprint=task.fingerprint(),
        error=code.name,
        exit_code=code.number,
        message=message,
        traceback_tail=tail,
        last_step=journal.last_step,
        provenance=provenance(task, journal.attempt, device=None),
    )
    try:
        publish_failure(store, failure)
        journal.write_log()
    except StoreFailed as refused:
        journal.event("failure-not-written", reason=str(refused))
    return code
