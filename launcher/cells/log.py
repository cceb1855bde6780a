"""The log of a cell's latest attempt, whatever that attempt left behind."""

from contract.exits import BadInput
from contract.keys import ATTEMPTS, LOG, PROGRESS, attempt_file
from contract.result import Progress, Unreadable, decode
from contract.store import Store
from contract.task import Task


def latest_log(task: Task, store: Store) -> str:
    """The whole log where the attempt ended by itself, else the tail it last reported. Raises BadInput for none."""
    prefix = f"{ATTEMPTS}{task.cell.id}/{task.fingerprint()}/"
    files = list(filter(None, map(attempt_file, store.list(prefix))))
    latest = max((file.attempt for file in files), default=None)
    by_name = {file.name: file for file in files if file.attempt == latest}
    if LOG in by_name and (log := store.get(by_name[LOG].key)) is not None:
        return log.decode(errors="replace")
    if PROGRESS in by_name and (data := store.get(by_name[PROGRESS].key)) is not None:
        return _tail(data)
    raise BadInput(f"no attempt of {task.cell.id} with these settings has left a log at {store.uri}")


def _tail(data: bytes) -> str:
    try:
        progress = decode(data, Progress)
    except Unreadable as error:
        raise BadInput(f"the attempt's progress cannot be read: {error}") from error
    header = f"[last lines, as of {progress.updated_at:%Y-%m-%d %H:%M:%S} UTC]"
    return "\n".join([header, *progress.log_tail, ""])
