"""What a cell is expected to take, and how sure that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.cell import MODELS
from contract.task import Task
from launcher.cells.effort import effort_behind, effort_of
from launcher.estimates.estimate import Estimator, Finished
from tests.factories import success, task

SIZES = st.sampled_from([80, 800, 1600, 2400, 8000])


def bert(samples: int = 800, *, model: str = "bert", labels: int = 2, seed: int = 0, **hyper: object) -> Task:
    return task(cell={"model": model, "labels": labels, "samples": samples, "seed": seed}, hyper=hyper)


def finished(of: Task, seconds: float) -> Finished:
    """Of 100 seconds 80 are training."""
    return Finished.of(success(of, seconds=seconds))


def real(of: Task) -> Task:
    return of.model_copy(update={"model": of.model.model_copy(update={"weights": "hub"})})


def test_cells_of_the_same_model_and_size_are_its_measure():
    estimate = Estimator([finished(bert(seed=s), 100 + 10 * s) for s in range(3)], "cpu")(bert(seed=9))
    assert (estimate.source, estimate.like) == ("measured", bert().cell.id)
    assert estimate.seconds.expected == pytest.approx(110)
    assert estimate.seconds.low < 100
    assert estimate.seconds.high > 120


def test_training_grows_with_the_comments_and_the_rest_does_not():
    estimate = Estimator([finished(bert(800), 100)], "cpu")(bert(1600))
    assert estimate.source == "scaled"
    assert estimate.seconds.expected == pytest.approx(20 + 2 * 80)


def test_labels_hardly_matter():
    estimate = Estimator([finished(bert(800), 100)], "cpu")(bert(800, labels=16))
    assert (estimate.source, estimate.seconds.expected) == ("measured", pytest.approx(100))


def test_the_nearest_size_is_the_measure():
    measured = [finished(bert(80), 30), finished(bert(2400), 400)]
    assert Estimator(measured, "cpu")(bert(1600)).like == bert(2400).cell.id
    assert Estimator(measured, "cpu")(bert(160)).like == bert(80).cell.id


def test_with_another_batch_it_lies_between_the_time_of_its_steps_and_that_of_its_comments():
    seconds = Estimator([finished(bert(), 100)], "cpu")(bert(batch_size=16)).seconds
    assert seconds.low < 20 + 80 / 4 < seconds.expected < 100 < seconds.high


def test_a_cell_that_stopped_early_is_what_is_expected_and_not_the_bound():
    """At 450 of 900 steps: another seed may need all of them."""
    stopped = success(bert(), seconds=100)
    training = stopped.training.model_copy(update={"last_step": 450, "stop": "early_stopping"})
    seconds = Estimator([Finished.of(stopped.model_copy(update={"training": training}))], "cpu")(bert(seed=1)).seconds
    assert seconds.expected == pytest.approx(100)
    assert seconds.high > 20 + 2 * 80


def test_another_model_is_judged_by_the_nearest_one_with_wide_bounds():
    measured = [finished(real(bert(model="minilm")), 60), finished(real(bert(model="gpt2-xl")), 4000)]
    estimate = Estimator(measured, "cpu")(real(bert(model="qwen2.5")))
    assert (estimate.source, estimate.like) == ("scaled", bert(model="gpt2-xl").cell.id)
    assert estimate.seconds.expected < 4000
    assert estimate.seconds.high > 2 * estimate.seconds.expected


def test_random_weights_say_nothing_exact_of_real_ones():
    """They are tiny models of the same name."""
    estimate = Estimator([finished(bert(model="qwen2.5"), 30)], "gpu")(real(bert(model="qwen2.5")))
    assert estimate.source == "scaled"
    assert estimate.seconds.expected > 100


def test_where_nothing_was_measured_the_table_assumes_something_for_every_model():
    for model in MODELS:
        for of in (bert(model=model), real(bert(model=model))):
            estimate = Estimator([], "gpu")(of)
            assert (estimate.source, estimate.like) == ("assumed", None)
            assert 2 * estimate.seconds.low < estimate.seconds.expected < estimate.seconds.high / 2


@given(st.lists(st.tuples(SIZES, st.sampled_from(sorted(MODELS)), st.floats(25, 1e5)), max_size=5), SIZES)
def test_bounds_lie_around_what_is_expected(measured: list[tuple[int, str, float]], samples: int):
    known = [finished(bert(size, model=model), seconds) for size, model, seconds in measured]
    for device in ("cpu", "gpu"):
        seconds = Estimator(known, device)(bert(samples)).seconds
        assert 0 < seconds.low <= seconds.expected <= seconds.high


@pytest.mark.parametrize("samples", [80, 800, 2400])
@pytest.mark.parametrize("epochs", [1, 5])
def test_a_finished_cell_was_the_work_that_it_was_going_to_be(samples: int, epochs: int):
    of = bert(samples, epochs=epochs, gradient_accumulation_steps=2)
    assert effort_behind(success(of)) == effort_of(of)
