"""What an estimate reads."""

from pathlib import Path

from contract.store import result_key
from contract.survey import Done, Missing
from launcher.plan import estimate, measure, plan
from tests.factories import publish, success, task
from tests.watched import Watched


def test_results_are_read_for_models_that_run_and_no_others(tmp_path: Path):
    store = Watched(tmp_path)
    models = ("bert", "gemma3")
    finished = [task(cell={"model": model, "labels": 2, "samples": 800}) for model in models]
    for each in finished:
        publish(store, success(each))
    missing = task(cell={"model": "bert", "labels": 2, "samples": 1600})
    steps = plan([*finished, missing], [Done(), Done(), Missing()])
    assert estimate(steps, measure(steps, store)).cell_seconds == 200
    assert store.asked == [result_key(finished[0].cell.id, finished[0].fingerprint())]


def test_where_nothing_runs_no_result_is_read(tmp_path: Path):
    store = Watched(tmp_path)
    finished = task()
    publish(store, success(finished))
    steps = plan([finished], [Done()])
    assert estimate(steps, measure(steps, store)).cell_seconds == 0
    assert store.asked == []
