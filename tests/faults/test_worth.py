"""The judge of a campaign sees each way in which a result can be lost or untrue."""

from collections.abc import Callable

import pytest

from contract.keys import attempt_key, result_key
from contract.result import artifact, encode
from faults.worth import Corrupt, Lost, difference, left_over, worth_of
from tests.factories import success, task

TASK = task()
RESULT = result_key(TASK.cell.id, TASK.fingerprint())
ADAPTER = attempt_key(TASK.cell.id, TASK.fingerprint(), "a1", "adapter_model.safetensors")

Objects = dict[str, bytes]


def objects(adapter: bytes = b"weights", validation: float = 0.8) -> Objects:
    listed = {"adapter_model.safetensors": artifact(ADAPTER, adapter)}
    document = success(TASK, validation=validation).model_copy(update={"artifacts": listed})
    return {RESULT: encode(document), ADAPTER: adapter}


def without(key: str) -> Callable[[Objects], Objects]:
    return lambda found: {name: data for name, data in found.items() if name != key}


def with_(key: str, data: bytes) -> Callable[[Objects], Objects]:
    return lambda found: found | {key: data}


def test_what_is_whole_is_worth_its_scores_and_artifacts():
    assert worth_of(objects()) == worth_of(objects())
    assert difference(worth_of(objects()), worth_of(objects())) is None
    assert difference(worth_of(objects(adapter=b"others")), worth_of(objects())) == (
        "it differs in adapter_model.safetensors"
    )
    assert "validation" in (difference(worth_of(objects(validation=0.7)), worth_of(objects())) or "")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (without(RESULT), Lost),
        (without(ADAPTER), Lost),
        (with_(ADAPTER, b"weightz"), Corrupt),
        (with_(ADAPTER, b""), Corrupt),
        (with_(RESULT, objects()[RESULT].replace(b"0.8", b"0.9", 1)), Corrupt),
        (with_(RESULT, objects()[RESULT][:-10]), Corrupt),
        (with_(result_key(TASK.cell.id, "another"), objects()[RESULT]), Corrupt),
    ],
)
def test_what_is_not_whole_is_told(spoil: Callable[[Objects], Objects], error: type[Exception]):
    with pytest.raises(error):
        worth_of(spoil(objects()))


def test_checkpoints_beside_a_result_are_left_over():
    assert left_over(objects() | {"checkpoints/a/b/c/1/manifest.json": b""}) == ["checkpoints/a/b/c/1/manifest.json"]
    assert left_over(objects()) == []
