"""What an estimate reads."""

from pathlib import Path

from contract.keys import RESULTS, result_key
from contract.opening import open_store
from contract.result import encode
from contract.survey import Done, Missing
from contract.task import Task
from launcher.cells.plan import plan
from launcher.estimates.evidence import gather
from tests.factories import publish, success, task
from tests.watched import Watched


def cells(model: str, *sizes: int, seeds: int = 1, labels: int = 2) -> list[Task]:
    return [
        task(cell={"model": model, "labels": labels, "samples": size, "seed": seed})
        for size in sizes
        for seed in range(seeds)
    ]


def test_results_are_read_for_models_that_run_and_no_others(tmp_path: Path):
    store = Watched(tmp_path)
    bert, gemma = cells("bert", 800)[0], cells("gemma3", 800)[0]
    for each in (bert, gemma):
        publish(store, success(each))
    steps = plan([bert, gemma, *cells("bert", 1600)], [Done(), Done(), Missing()])
    assert [found.cell_id for found in gather(steps, store, "cpu")] == [bert.cell.id]
    assert store.asked == [result_key(bert.cell.id, bert.fingerprint())]


def test_where_nothing_runs_nothing_is_asked(tmp_path: Path):
    store = Watched(tmp_path)
    finished = task()
    publish(store, success(finished))
    assert gather(plan([finished], [Done()]), store, "cpu") == []
    assert store.asked == []


def test_of_a_large_grid_few_results_are_read_and_of_each_size_some(tmp_path: Path):
    store = Watched(tmp_path)
    finished = cells("bert", *range(20, 2020, 20), seeds=5)
    for each in finished:
        publish(store, success(each))
    missing = cells("bert", 4000)
    found = gather(plan([*finished, *missing], [*[Done()] * 500, Missing()]), store, "cpu")
    assert len(found) == len(store.asked) == 48
    assert {each.effort.comments for each in found} >= {5 * 20, 5 * 2000}


def test_cells_of_another_run_tell_where_the_grid_has_none(tmp_path: Path):
    """Three seeds more: none of these cells is finished, but their like is."""
    store = Watched(tmp_path)
    for each in cells("bert", 800, 1600):
        publish(store, success(each))
    others = [task(cell={"model": "bert", "labels": 2, "samples": 800, "seed": 9})]
    found = gather(plan(others, [Missing()]), store, "cpu")
    assert {each.effort.comments for each in found} == {4000, 8000}
    assert store.asked[0] == f"{RESULTS}bert-"


def test_a_model_without_any_is_judged_by_those_of_the_others(tmp_path: Path):
    store = open_store(str(tmp_path))
    (bert,) = cells("bert", 800)
    publish(store, success(bert))
    found = gather(plan([bert, *cells("gemma3", 800)], [Done(), Missing()]), store, "cpu")
    assert [each.cell_id for each in found] == [bert.cell.id]


def test_a_processor_says_nothing_of_a_gpu(tmp_path: Path):
    store = open_store(str(tmp_path))
    on_cpu, on_gpu, missing = cells("bert", 800, seeds=3)
    publish(store, success(on_cpu))
    result = success(on_gpu)
    by = result.provenance.model_copy(update={"device": "NVIDIA L4"})
    publish(store, result.model_copy(update={"provenance": by}))
    steps = plan([on_cpu, on_gpu, missing], [Done(), Done(), Missing()])
    assert [each.cell_id for each in gather(steps, store, "gpu")] == [on_gpu.cell.id]
    assert [each.cell_id for each in gather(steps, store, "cpu")] == [on_cpu.cell.id]


def test_a_damaged_result_a_resumed_one_and_one_without_its_training_s_seconds_tell_nothing(tmp_path: Path):
    """The resumed one counts the seconds of its last attempt only."""
    store = open_store(str(tmp_path))
    damaged, resumed, untimed, missing = cells("bert", 800, seeds=4)
    store.put(result_key(damaged.cell.id, damaged.fingerprint()), encode(success(damaged))[:-9])
    result = success(resumed)
    training = result.training.model_copy(update={"resumed_from_step": 450})
    publish(store, result.model_copy(update={"training": training}))
    result = success(untimed)
    others = {phase: seconds for phase, seconds in result.seconds.items() if phase != "training"}
    publish(store, result.model_copy(update={"seconds": others}))
    steps = plan([damaged, resumed, untimed, missing], [Done(), Done(), Done(), Missing()])
    assert gather(steps, store, "cpu") == []
