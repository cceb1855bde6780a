"""The training loop: what it records, which weights it leaves behind, when it stops."""

import math

import numpy as np
import pytest
import torch

from contract.task import Hyper
from tests.factories import metrics
from tests.trainer.small_cell import Cell
from trainer.failures import NonFiniteLoss
from trainer.work import steps_between_evaluations


def accuracies(*values: float):
    """A score that answers with these accuracies, one evaluation after the other."""
    rest = iter(values)
    return lambda true, probabilities: metrics(("joy", "sadness"), 0.5).model_copy(update={"accuracy": next(rest)})


def test_evaluates_on_schedule_and_at_the_end_and_sees_every_token():
    cell = Cell(epochs=2, eval_steps=7)
    fitted = cell.fit()
    assert fitted.planned_steps == fitted.last_step == 36
    assert [e.step for e in fitted.history] == [7, 14, 21, 28, 35, 36]
    assert cell.recorder.steps == list(range(1, 37))
    assert cell.recorder.evaluations == fitted.history
    assert fitted.tokens_seen == 2 * sum(len(row["input_ids"]) for row in cell.train)
    assert fitted.stop == "completed"


def test_train_loss_is_the_mean_since_the_evaluation_before():
    fitted = Cell(epochs=1, eval_steps=6).fit()
    assert len(fitted.step_losses) == 18
    for i, evaluation in enumerate(fitted.history):
        assert evaluation.train_loss == pytest.approx(np.mean(fitted.step_losses[6 * i : 6 * i + 6]))


def test_accumulated_steps_report_the_mean_of_their_micro_batches():
    """The first step's loss does not depend on how its eight comments were cut into micro-batches."""
    whole = Cell(epochs=1, batch_size=8, lora_dropout=0.0).fit()
    halves = Cell(epochs=1, batch_size=4, gradient_accumulation_steps=2, lora_dropout=0.0).fit()
    assert len(whole.step_losses) == len(halves.step_losses) == 9
    # BERT's own dropout draws differently over two halves, hence the tolerance.
    assert halves.step_losses[0] == pytest.approx(whole.step_losses[0], rel=0.1)


def test_the_best_evaluation_is_restored_and_the_earliest_of_equals():
    cell = Cell(epochs=1, eval_steps=6, learning_rate=1e-3)
    seen: list[np.ndarray] = []
    ranking = iter((0.6, 0.9, 0.9))

    def remember(true: list[int], probabilities: np.ndarray):
        seen.append(probabilities)
        return metrics(("joy", "sadness"), 0.5).model_copy(update={"accuracy": next(ranking)})

    fitted = cell.fit(score=remember)
    assert (fitted.best_step, fitted.last_step) == (12, 18)
    np.testing.assert_allclose(cell.predictions(), seen[1], rtol=1e-6)
    assert np.abs(seen[2] - seen[1]).max() > 1e-6


def test_stops_when_patience_runs_out():
    fitted = Cell(epochs=3, eval_steps=2, early_stopping_patience=3).fit(score=accuracies(0.5, 0.7, 0.7, 0.6, 0.7, 0.9))
    assert (fitted.best_step, fitted.last_step, fitted.stop) == (4, 10, "early_stopping")


def test_a_better_evaluation_renews_the_patience():
    rising = (0.5, 0.4, 0.4, 0.6, 0.4, 0.4, 0.7, 0.4, 0.4)
    fitted = Cell(epochs=1, eval_steps=2, early_stopping_patience=3).fit(score=accuracies(*rising))
    assert (fitted.best_step, fitted.last_step, fitted.stop) == (14, 18, "completed")


def test_a_loss_that_is_no_number_is_a_failure_of_its_own():
    cell = Cell(epochs=1)
    with torch.no_grad():
        next(p for p in cell.model.parameters() if p.requires_grad).fill_(math.nan)
    with pytest.raises(NonFiniteLoss, match="at step 1"):
        cell.fit()


def test_the_same_cell_twice_has_the_same_losses_and_predictions():
    first, second = Cell(seed=3, epochs=1), Cell(seed=3, epochs=1)
    assert first.fit().step_losses == second.fit().step_losses
    np.testing.assert_array_equal(first.predictions(), second.predictions())


def test_another_seed_is_another_training():
    assert Cell(seed=1, epochs=1).fit().step_losses != Cell(seed=2, epochs=1).fit().step_losses


@pytest.mark.parametrize("samples", [800, 1600, 2400])
def test_a_full_cell_looks_at_its_validation_split_25_times(samples: int):
    train = samples * 9 // 10
    steps = train // Hyper().batch_size * Hyper().epochs
    assert steps // steps_between_evaluations(Hyper(), train) == 25
