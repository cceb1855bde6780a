"""The predictions beside a result: used only when they are what the result vouches for."""

from collections.abc import Callable

import numpy as np
import pytest

from aggregator.reading.predictions import Answers, Refused, read_predictions
from contract.keys import PREDICTIONS
from contract.result import Success, artifact
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import Desk

RIGHT = np.array([[True, False, True], [False, False, True]])


def cell(desk: Desk) -> Success:
    return study.answered(desk.store, factories.success(desk.tasks[0]), RIGHT)


def read(desk: Desk, success: Success) -> Answers | Refused:
    (found,) = read_predictions([success], desk.store).values()
    return found


def listed(success: Success, **changes: object) -> Success:
    other = success.artifacts[PREDICTIONS].model_copy(update=changes)
    return success.model_copy(update={"artifacts": {PREDICTIONS: other}})


def rewritten(desk: Desk, success: Success, change: Callable[[str], str]) -> Success:
    """The file changed and the result made to vouch for the change."""
    key = success.artifacts[PREDICTIONS].key
    data = change((desk.store.get(key) or b"").decode()).encode()
    desk.store.put(key, data)
    return success.model_copy(update={"artifacts": {PREDICTIONS: artifact(key, data)}})


def test_each_comment_is_right_or_wrong(desk: Desk):
    found = read(desk, cell(desk))
    assert isinstance(found, Answers)
    assert found.ids == ("admiration-0", "admiration-1", "admiration-2", "gratitude-0", "gratitude-1", "gratitude-2")
    assert found.right.tolist() == [True, False, True, False, False, True]


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data.replace(b"-0,", b"-9,"), lambda _: b""])
def test_another_file_than_the_listed_one_is_refused(desk: Desk, change: Callable[[bytes], bytes]):
    success = cell(desk)
    key = success.artifacts[PREDICTIONS].key
    desk.store.put(key, change(desk.store.get(key) or b""))
    assert read(desk, success) == Refused(f"{key} is not the file that the result lists: size or sha256 differs")


def test_a_result_without_predictions_says_so(desk: Desk):
    assert read(desk, factories.success(desk.tasks[0])) == Refused("its result lists no predictions.csv")
    gone = listed(cell(desk), key="attempts/gone")
    assert read(desk, gone) == Refused("attempts/gone is gone")


def test_a_file_of_absurd_size_is_not_fetched(desk: Desk):
    absurd = listed(cell(desk), key="attempts/huge", bytes=10**12)
    assert read(desk, absurd) == Refused("attempts/huge has 1000000000000 bytes, more than 16777216")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("admiration-0", "admiration-7"),
        lambda text: "\n".join(reversed(text.splitlines())),
        lambda text: text.replace("id,true,predicted", "id,predicted,true"),
        lambda text: text.replace("gratitude-0,gratitude", "gratitude-0,love"),
        lambda text: text.splitlines()[0],
        lambda text: "only one column\n1\n",
        lambda text: '"never closed',
        lambda text: "",
    ],
)
def test_answers_to_other_comments_are_refused(desk: Desk, change: Callable[[str], str]):
    refused = read(desk, rewritten(desk, cell(desk), change))
    assert isinstance(refused, Refused)
    assert refused.reason.endswith("does not hold answers to the result's test comments")
