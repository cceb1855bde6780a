"""How long a run still takes."""

from dataclasses import replace
from pathlib import Path

from contract.store import open_store
from contract.survey import Done, Missing, Running
from launcher.forecast import Measurements, remaining, running
from launcher.plan import Estimate, Measured
from launcher.view import Queued, Row, Started, Suspended
from tests.factories import progress, publish, success, task

BERT = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": seed}) for seed in range(4)]
GEMMA, OTHER_GEMMA = (task(cell={"model": "gemma3", "labels": 2, "samples": 800, "seed": seed}) for seed in range(2))


def row(of, state) -> Row:
    return Row(of, state, Missing())


def test_a_running_cell_speaks_for_itself_and_the_others_take_what_their_like_took() -> None:
    measured = Measured([success(BERT[0], seconds=100)])
    rows = [
        row(BERT[0], Done()),
        row(BERT[1], Running(progress(BERT[1]).model_copy(update={"eta_seconds": 7}))),
        row(BERT[2], Queued("")),
        row(GEMMA, Suspended()),
        row(BERT[3], Missing()),
    ]
    assert remaining(rows, measured) == Estimate(cell_seconds=107, unknown_cells=1)


def test_a_pod_without_a_word_yet_is_at_work() -> None:
    assert running([row(BERT[0], Started()), row(BERT[1], Running(progress(BERT[1]))), row(BERT[2], Queued(""))]) == 2


def test_results_are_read_when_their_like_is_new(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    measurements = Measurements(store)
    assert measurements.by([row(BERT[0], Missing())]).seconds_for(BERT[3]) is None
    publish(store, success(BERT[0], seconds=100))
    rows = [row(BERT[0], Done()), row(BERT[1], Missing()), row(GEMMA, Missing()), row(BERT[2], Missing())]
    assert measurements.by(rows).seconds_for(BERT[3]) == 100
    publish(store, success(BERT[1], seconds=900))
    more = [rows[0], replace(rows[1], state=Done()), *rows[2:]]
    assert measurements.by(more).seconds_for(BERT[3]) == 100
    publish(store, success(GEMMA, seconds=50))
    of_gemma = [*more[:2], replace(rows[2], state=Done()), row(OTHER_GEMMA, Missing())]
    assert measurements.by(of_gemma).seconds_for(OTHER_GEMMA) == 50
