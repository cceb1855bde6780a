"""The environment: what the launcher writes is what the trainer reads, and nothing else is let in."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import __version__
from contract.cell import EMOTIONS, MODELS
from contract.exits import BadInput
from contract.task import Task, setting_fields
from tests.trainer.environment import clean_environment
from trainer.settings import task_from_environment

REQUIRED = {"CELL_MODEL": "bert", "CELL_LABELS": "2", "CELL_SAMPLES": "80", "RESULTS_URI": "somewhere"}

tasks = st.builds(
    lambda model, labels, per_label, hyper, data, weights, log: Task.model_validate(
        {
            "cell": {"model": model, "labels": len(labels), "samples": per_label * len(labels)},
            "hyper": hyper,
            "data": {**data, "labels": labels},
            "model": weights,
            "results": {"uri": "file:///some where/é"},
            "log": log,
        }
    ),
    st.sampled_from(sorted(MODELS)),
    st.lists(st.sampled_from(EMOTIONS), min_size=2, max_size=27, unique=True),
    st.integers(2, 500),
    st.fixed_dictionaries(
        {
            "learning_rate": st.floats(1e-8, 1, exclude_min=True),
            "eval_steps": st.none() | st.integers(1, 1000),
            "lora_dropout": st.floats(0, 0.99),
            "precision": st.sampled_from(["bf16", "fp32"]),
        }
    ),
    st.fixed_dictionaries({"source": st.sampled_from(["hub", "synthetic", "/a/folder"]), "balance": st.just("total")}),
    st.fixed_dictionaries({"weights": st.sampled_from(["hub", "random"]), "double_quant": st.booleans()}),
    st.fixed_dictionaries({"format": st.sampled_from(["text", "json"]), "progress_seconds": st.floats(0.1, 100)}),
)


@given(tasks)
def test_a_task_survives_the_environment(task: Task):
    with clean_environment(task.to_env()):
        assert task_from_environment(os.environ) == task


@pytest.mark.parametrize("name", ["CELL_LABLES", "HYPR_EPOCHS", "RESULT_URI", "HYPER_LEARNINGRATE", "MODEL_WIGHTS"])
def test_a_misspelled_name_is_refused_as_it_was_spelled(name: str):
    with pytest.raises(BadInput, match=rf"{name}\b.*did you mean"):
        task_from_environment({**REQUIRED, name: "1"})


def test_a_variable_called_like_a_group_is_somebody_elses():
    """pydantic-settings would read each as a whole group of settings, in JSON."""
    shell = {"DATA": "/data", "LOG": "debug", "MODEL": "x", "CELL": "{}", "RESULTS": "", "TRAIN": "1", "HYPER": "[]"}
    assert task_from_environment(REQUIRED | shell) == task_from_environment(REQUIRED)


def test_only_the_given_environment_is_read():
    with clean_environment({"HYPER_EPOCHS": "77"}):
        assert task_from_environment(REQUIRED).hyper.epochs == 5


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LOGNAME", "DATE", "MODELS_DIR", "KUBERNETES_SERVICE_HOST", "HF_HOME"]
)
def test_foreign_names_are_left_alone(name: str):
    task_from_environment({**REQUIRED, name: "1"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CELL_MODEL": "gpt9"}, ["CELL_MODEL", "gpt9", "qwen2.5", "minilm"]),
        ({"CELL_SEED": ""}, ["CELL_SEED="]),
        ({"CELL_LABELS": "1"}, ["CELL_LABELS=1", "2"]),
        ({"CELL_LABELS": "28"}, ["CELL_LABELS=28", "27"]),
        ({"CELL_LABELS": "3"}, ["samples=80", "78 or 81"]),
        ({"DATA_LABELS": "joy,felicity"}, ["DATA_LABELS", "felicity", "joy"]),
        ({"DATA_LABELS": "joy,joy"}, ["DATA_LABELS", "twice"]),
        ({"DATA_LABELS": "joy"}, ["data.labels", "1"]),
        ({"HYPER_EPOCHS": "many"}, ["HYPER_EPOCHS=many", "a whole number"]),
        ({"HYPER_PRECISION": "fp16"}, ["HYPER_PRECISION=fp16", "bf16"]),
    ],
)
def test_bad_values_are_one_line_with_the_value_and_the_way_out(changes: dict[str, str], words: list[str]):
    with pytest.raises(BadInput) as caught:
        task_from_environment(REQUIRED | changes)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_rejected_environment_ends_with_2_before_any_heavy_import():
    environ = {"PATH": os.environ["PATH"], **REQUIRED, "CELL_MODEL": "gpt9"}
    command = [sys.executable, "-X", "importtime", "-m", "trainer"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "unknown model 'gpt9'" in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "pydantic" in imported
    assert not imported & {"torch", "transformers", "numpy", "evaluate", "datasets"}


@pytest.mark.parametrize("name", ["CELL_MODEL", "CELL_LABELS", "RESULTS_URI"])
def test_what_is_missing_is_named(name: str):
    with pytest.raises(BadInput, match=f"^{name} is not set$"):
        task_from_environment({key: value for key, value in REQUIRED.items() if key != name})


def test_help_names_every_setting_and_exit_code():
    done = subprocess.run([sys.executable, "-m", "trainer", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    for group, name in setting_fields():
        assert f"{group}_{name}".upper() in done.stdout
    assert "non-finite-loss" in done.stdout


def test_the_version_names_the_code(monkeypatch: pytest.MonkeyPatch):
    """Catches an image that cannot say which commit it was built from."""
    monkeypatch.setenv("CODE_VERSION", "c0ffee")
    done = subprocess.run([sys.executable, "-m", "trainer", "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"emotion-grid trainer {__version__}, code c0ffee\n"
