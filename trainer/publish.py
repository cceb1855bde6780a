"""Results leave the process here: artifacts first, the Success last, so that its presence vouches for the rest."""

import traceback

from contract.keys import FAILURE, attempt_key, result_key
from contract.redact import redacted
from contract.result import Artifact, Failure, Success, artifact, encode
from contract.store import Store
from contract.task import Task

_TRACEBACK_LINES = 20


def put_artifacts(store: Store, task: Task, attempt: str, files: dict[str, bytes]) -> dict[str, Artifact]:
    """Write the files under the attempt's prefix and describe them. Raises StoreFailed."""
    described = {}
    for name, data in files.items():
        key = attempt_key(task.cell.id, task.fingerprint(), attempt, name)
        store.put(key, data)
        described[name] = artifact(key, data)
    return described


def publish_success(store: Store, success: Success) -> bool:
    """Write the result, once; False when another attempt was first. Raises StoreFailed."""
    told = success.model_copy(update={"unsafe_store": store.unsafe})
    return store.publish(result_key(success.cell.id, success.fingerprint), encode(told))


def publish_failure(store: Store, failure: Failure) -> None:
    """Write why the attempt ended. Raises StoreFailed."""
    key = attempt_key(failure.cell.id, failure.fingerprint, failure.provenance.attempt, FAILURE)
    store.put(key, encode(failure))


def traceback_tail(error: BaseException) -> list[str]:
    """The last lines of the error's traceback, without credentials."""
    return redacted("".join(traceback.format_exception(error))).splitlines()[-_TRACEBACK_LINES:]
