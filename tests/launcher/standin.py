"""A stand-in for the trainer: real environment, real store, real documents, and no training.

The seed says how it ends: below 10 with a result, else as ENDINGS has it. It takes STANDIN_SECONDS. Beside the store it
keeps a book of its lives, which no launcher reads.
"""

import json
import os
import sys
import time
from enum import IntEnum
from pathlib import Path

from contract.keys import result_key
from contract.opening import open_store
from contract.result import encode
from tests.factories import failure, progress, publish, success
from trainer.provenance import new_attempt
from trainer.settings import task_from_environment


class Ending(IntEnum):
    """Seeds of cells that end badly."""

    NON_FINITE = 10
    PREEMPTED = 11
    CRASH = 12
    NOTHING = 13


def main() -> int:
    task = task_from_environment(os.environ)
    store = open_store(task.results.uri, unsafe=task.results.unsafe)
    attempt = new_attempt()
    life = Path(os.environ["STANDIN_BOOK"]) / f"{attempt}.json"
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES")
    story = {"cell": task.cell.id, "gpu": gpu, "began": time.time(), "ended": None, "published": False}
    story |= {"image": os.environ.get("IMAGE"), "unsafe": task.results.unsafe}
    life.write_text(json.dumps(story))
    publish(store, progress(task, attempt=attempt).model_copy(update={"interval_seconds": 0.5}))
    time.sleep(float(os.environ.get("STANDIN_SECONDS", "0.1")))
    match task.cell.seed:
        case Ending.NON_FINITE:
            publish(store, failure(task, attempt=attempt))
            return 10
        case Ending.PREEMPTED:
            publish(store, failure(task, error="preempted", exit_code=15, attempt=attempt))
            return 15
        case Ending.CRASH:
            sys.stderr.write("segmentation fault, says the stand-in\n")
            return 139
        case Ending.NOTHING:
            return 0
        case _:
            published = store.publish(result_key(task.cell.id, task.fingerprint()), encode(success(task)))
            life.write_text(json.dumps(story | {"ended": time.time(), "published": published}))
            return 0


if __name__ == "__main__":
    sys.exit(main())
