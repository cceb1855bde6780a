"""How long a run still takes."""

from dataclasses import replace
from pathlib import Path

from contract.opening import open_store
from contract.survey import Done, Missing, Running
from launcher.cells.view import Queued, Row, Started, Suspended
from launcher.costs.forecast import Measurements, remaining
from launcher.estimates.estimate import Estimator, Finished
from tests.factories import progress, publish, success, task

BERT = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(4)]
GEMMA, OTHER_GEMMA = (task(cell={"model": "gemma3", "labels": 2, "samples": 800, "seed": seed}) for seed in range(2))


def row(of, state) -> Row:
    return Row(of, state, Missing())


def running(of, seconds: float) -> Row:
    return row(of, Running(progress(of).model_copy(update={"eta_seconds": seconds})))


def test_a_running_cell_speaks_for_itself_and_the_others_take_what_their_like_took() -> None:
    measured = Estimator([Finished.of(success(BERT[0], seconds=100))], "cpu")
    rows = [row(BERT[0], Done()), row(BERT[2], Queued("")), running(BERT[1], 7), row(BERT[3], Missing())]
    left = remaining(rows, measured)
    assert (left.seconds.expected, left.at_a_time) == (107, 1)
    assert left.seconds.low < 107 < left.seconds.high


def test_as_many_are_at_work_as_now() -> None:
    measured = Estimator([Finished.of(success(BERT[0], seconds=100))], "cpu")
    left = remaining([running(BERT[1], 50), running(BERT[2], 80), row(BERT[3], Suspended())], measured)
    assert (left.seconds.expected, left.at_a_time) == (150, 2)


def test_where_none_is_at_work_all_of_them_are_counted() -> None:
    measured = Estimator([Finished.of(success(BERT[0], seconds=100))], "cpu")
    left = remaining([row(BERT[1], Queued("")), row(BERT[2], Queued(""))], measured)
    assert (left.seconds.expected, left.at_a_time) == (200, 0)


def test_a_pod_without_a_word_yet_is_at_work() -> None:
    states = [Started(), Running(progress(BERT[1])), Queued("")]
    rows = [row(each, state) for each, state in zip(BERT, states, strict=False)]
    assert remaining(rows, Estimator([], "gpu")).at_a_time == 2


def test_results_are_read_when_their_like_is_new(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    measurements = Measurements(store, "cpu")
    assert measurements.by([row(BERT[0], Missing())])(BERT[3]).source == "assumed"
    publish(store, success(BERT[0], seconds=100))
    rows = [row(BERT[0], Done()), row(BERT[1], Missing()), row(GEMMA, Missing()), row(BERT[2], Missing())]
    assert measurements.by(rows)(BERT[3]).seconds.expected == 100
    publish(store, success(BERT[1], seconds=900))
    more = [rows[0], replace(rows[1], state=Done()), *rows[2:]]
    assert measurements.by(more)(BERT[3]).seconds.expected == 100
    publish(store, success(GEMMA, seconds=50))
    of_gemma = [*more[:2], replace(rows[2], state=Done()), row(OTHER_GEMMA, Missing())]
    assert measurements.by(of_gemma)(OTHER_GEMMA).seconds.expected == 50
    assert Measurements(store, "gpu").by(of_gemma)(OTHER_GEMMA).source == "assumed"
