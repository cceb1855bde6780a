"""What a cell left behind, read by somebody who trusts nothing: is there one result, is it whole, what is it worth?"""

import hashlib
from collections.abc import Mapping

from contract.keys import CHECKPOINTS, LOG, RESULTS
from contract.result import Success, Unreadable, decode

Worth = dict[str, object]
"""The scores, and the digest of each artifact but the log: equal for attempts that computed the same."""


class Lost(Exception):
    """There is no result, or a part of it is not there."""


class Corrupt(Exception):
    """There is a result, and it is not true."""


def worth_of(objects: Mapping[str, bytes]) -> Worth:
    """Of the one result among them. Raises Lost, and Corrupt for bytes that are not what the result says."""
    success = result_of(objects)
    for name, part in success.artifacts.items():
        data = objects.get(part.key)
        if data is None:
            raise Lost(f"{part.key}, an artifact of the result, is not there")
        if (len(data), hashlib.sha256(data).hexdigest()) != (part.bytes, part.sha256):
            raise Corrupt(f"{part.key} is not what the result says of {name}")
    digests = {name: part.sha256 for name, part in success.artifacts.items() if name != LOG}
    return success.model_dump(include={"validation", "test", "history"}) | digests


def result_of(objects: Mapping[str, bytes]) -> Success:
    """The one result. Raises Lost when there is none, and Corrupt for one that cannot be trusted, or a second one."""
    keys = [key for key in objects if key.startswith(RESULTS)]
    if not keys:
        raise Lost("no result")
    if len(keys) > 1:
        raise Corrupt(f"{len(keys)} results of one cell: {', '.join(keys)}")
    try:
        return decode(objects[keys[0]], Success)
    except Unreadable as error:
        raise Corrupt(f"{keys[0]}: {error}") from error


def difference(found: Worth, expected: Worth) -> str | None:
    """In which parts they differ; None where they do not."""
    different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    return f"it differs in {', '.join(different)}" if different else None


def left_over(objects: Mapping[str, bytes]) -> list[str]:
    """Checkpoints beside a result."""
    return [key for key in objects if key.startswith(CHECKPOINTS)]
