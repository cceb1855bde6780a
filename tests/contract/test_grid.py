"""Grids: the named ones, files, and what is wrong with a bad one in one line."""

from itertools import product
from pathlib import Path

import pytest

from contract.exits import BadInput
from contract.grid import Grid, load_grid, named_grids
from contract.task import Data, Hyper, Model, Train

STUDY = ["qwen2.5", "llama3.2", "gpt2-xl", "gemma3", "bert"]
VALID = """
name: mine
models: [bert, gemma3]
labels: [2, 4]
samples: [80, 160]
seeds: [0, 1]
hyper: {learning_rate: 1e-3, epochs: 2}
per_model:
  gemma3: {hyper: {learning_rate: 5e-5}, model: {weights: random}}
exclude:
  - {model: bert, labels: 4}
  - {samples: 160, seed: 1}
"""


def grid_file(folder: Path, text: str) -> str:
    path = folder / "grid.yaml"
    path.write_text(text)
    return str(path)


def refusal(folder: Path, text: str) -> str:
    """The one line that a grid file with `text` is refused with."""
    with pytest.raises(BadInput) as caught:
        load_grid(grid_file(folder, text)).tasks("results")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def coordinates(grid: Grid) -> list[tuple[str, int, int, int]]:
    cells = [task.cell for task in grid.tasks("results")]
    return [(cell.model, cell.labels, cell.samples, cell.seed) for cell in cells]


def test_full_is_the_study_in_its_order_with_its_defaults():
    full = load_grid("full")
    assert coordinates(full) == list(product(STUDY, [2, 4, 8, 16], [800, 1600, 2400], [0]))
    for task in full.tasks("results"):
        assert (task.hyper, task.data, task.model, task.train) == (Hyper(), Data(), Model(), Train())
        assert task.results.uri == "results"


def test_the_studys_defaults():
    hyper = Hyper()
    assert (hyper.learning_rate, hyper.epochs, hyper.batch_size, hyper.gradient_accumulation_steps) == (1e-4, 5, 4, 1)
    assert (hyper.lr_scheduler, hyper.optimizer, hyper.precision) == ("cosine", "adamw_bnb_8bit", "bf16")
    assert hyper.early_stopping_patience == 10
    assert (Data().source, Model().weights, Model().double_quant) == ("hub", "hub", True)


def test_demo_shows_minilm_and_every_family_without_a_hub():
    tasks = load_grid("demo").tasks("results")
    assert len(tasks) >= 12
    assert {task.cell.model for task in tasks} == {"minilm", *STUDY}
    assert {task.cell.labels for task in tasks} == {2, 4}
    assert {(task.data.source, task.model.weights) for task in tasks} == {("synthetic", "random")}


def test_smoke_is_one_small_cell_of_each_family_without_a_hub():
    assert coordinates(load_grid("smoke")) == [(model, 2, 80, 0) for model in STUDY]
    assert {(t.data.source, t.model.weights) for t in load_grid("smoke").tasks("r")} == {("synthetic", "random")}


def test_a_named_grid_has_the_name_it_is_called_by():
    assert named_grids() == ["demo", "full", "smoke"]
    assert [load_grid(name).name for name in named_grids()] == named_grids()


def test_a_file_with_overrides_and_exclusions(tmp_path: Path):
    grid = load_grid(grid_file(tmp_path, VALID))
    assert coordinates(grid) == [
        ("bert", 2, 80, 0),
        ("bert", 2, 80, 1),
        ("bert", 2, 160, 0),
        ("gemma3", 2, 80, 0),
        ("gemma3", 2, 80, 1),
        ("gemma3", 2, 160, 0),
        ("gemma3", 4, 80, 0),
        ("gemma3", 4, 80, 1),
        ("gemma3", 4, 160, 0),
    ]
    settings = {(t.cell.model, t.hyper.learning_rate, t.hyper.epochs, t.model.weights) for t in grid.tasks("results")}
    assert settings == {("bert", 1e-3, 2, "hub"), ("gemma3", 5e-5, 2, "random")}


def epochs(grid: Grid) -> dict[str, int]:
    return {task.cell.model: task.hyper.epochs for task in grid.tasks("results")}


def test_a_setting_from_the_command_line_wins_over_the_file_for_every_model():
    """The demo grid gives minilm epochs of its own."""
    assert epochs(load_grid("demo").with_setting("hyper.epochs=7")) == dict.fromkeys(["minilm", *STUDY], 7)


def test_a_setting_for_one_model_leaves_the_others_alone():
    demo = load_grid("demo")
    assert epochs(demo.with_setting("bert:hyper.epochs=7")) == epochs(demo) | {"bert": 7}
    grid = (
        demo.with_setting("hyper.epochs=7").with_setting("minilm:hyper.epochs=9").with_setting("minilm:hyper.lora_r=4")
    )
    assert epochs(grid) == dict.fromkeys(STUDY, 7) | {"minilm": 9}
    assert {task.hyper.lora_r for task in grid.tasks("r") if task.cell.model == "minilm"} == {4}
    assert epochs(load_grid("demo")) == epochs(demo)


def test_a_value_may_hold_an_equals_sign_and_a_colon():
    grid = load_grid("smoke").with_setting("bert:model.weights=/a=b:c")
    assert {task.model.weights for task in grid.tasks("r") if task.cell.model == "bert"} == {"/a=b:c"}


def test_how_often_a_training_is_saved_makes_no_other_cell():
    usual, often = load_grid("smoke").tasks("r"), load_grid("smoke").with_setting("checkpoint.minutes=0.5").tasks("r")
    assert {task.checkpoint.minutes for task in often} == {0.5}
    assert [task.cell for task in often] == [task.cell for task in usual]


def test_labels_by_name():
    grid = load_grid("smoke").with_setting("data.labels=joy,fear")
    assert {task.labels for task in grid.tasks("results")} == {("joy", "fear")}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("name: mine", "name: mine\nmodel_list: [x]", ["model_list", "models, labels"]),
        ("name: mine", "name: Mine!", ["'Mine!'", "lower-case"]),
        ("name: mine", 'name: "mine\\n"', [r"'mine\n'", "lower-case"]),
        ("name: mine", "", ["name", "not set"]),
        ("name: mine", "name: [", ["not valid YAML", "line 4"]),
        ("name: mine", "name: 2026-13-45", ["not valid YAML", "month"]),
        ("name: mine", "name: mi\0ne", ["not valid YAML", "#x0000"]),
        ("name: mine", "name: mine\nseeds: [7]", ["not valid YAML", "'seeds' stands twice", "line"]),
        ("learning_rate: 1e-3,", "epochs: 1,", ["not valid YAML", "'epochs' stands twice", "line 7"]),
        ("[bert, gemma3]", "[bert, gpt9]", ["gpt9", "qwen2.5, llama3.2"]),
        ("[bert, gemma3]", "bert", ["models=bert", "expected a list"]),
        ("[bert, gemma3]", "[]", ["models=[]", "at least one entry"]),
        ("[bert, gemma3]", "[bert, bert]", ["models", "'bert' stands twice"]),
        ("[2, 4]", "[2, 2]", ["labels", "2 stands twice"]),
        ("[2, 4]", "[2, four]", ["labels.1=four", "a whole number"]),
        ("[2, 4]", '[2, "fo\\nur"]', [r"fo\nur", "a whole number"]),
        ("[2, 4]", "[2, 4, 1]", ["labels=1", "2"]),
        ("[80, 160]", "[80, 160, 81]", ["samples=81", "80 or 82"]),
        ("[80, 160]", "[80, 160, -2]", ["samples=-2"]),
        ("[0, 1]", "[0, 1, -1]", ["seed=-1"]),
        ("[0, 1]", "[0, 0.5]", ["seeds.1=0.5", "a whole number"]),
        ("[0, 1]", "", ["seeds=None"]),
        ("epochs: 2", "epochz: 2", ["hyper.epochz", "did you mean epochs", "batch_size"]),
        ("epochs: 2", "epochs: 0", ["hyper.epochs=0", "greater than 0"]),
        ("epochs: 2", "epochs: [1, 2]", ["hyper.epochs=[1, 2]", "a whole number"]),
        ("epochs: 2", "weight_decay: .inf", ["hyper.weight_decay=inf", "finite"]),
        ("epochs: 2", "1: 2", ["hyper.1", "string"]),
        ("hyper: {learning_rate: 1e-3, epochs: 2}", "hyper: [1]", ["hyper=[1]", "expected names with values"]),
        ("hyper: {learning_rate: 1e-3, epochs: 2}", "data: {labels: 2}", ["data.labels", "2"]),
        ("hyper: {learning_rate: 1e-3, epochs: 2}", "data: {labels: [joy, bliss]}", ["bliss", "joy"]),
        ("gemma3: {hyper", "gemma4: {hyper", ["gemma4", "gemma3"]),
        ("gemma3: {hyper", "minilm: {hyper", ["per_model", "'minilm'", "bert, gemma3"]),
        (
            "hyper: {learning_rate: 5e-5}",
            "hypr: {learning_rate: 5e-5}",
            ["per_model.gemma3.hypr (did you mean hyper?)", "known settings: hyper, data, model, train"],
        ),
        ("{model: bert, labels: 4}", "{model: brt, labels: 4}", ["brt", "bert"]),
        ("{model: bert, labels: 4}", "{model: minilm, labels: 4}", ["exclude", "minilm", "bert, gemma3"]),
        ("{model: bert, labels: 4}", "{model: bert, labels: 8}", ["exclude", "labels=8", "2, 4"]),
        (
            "{model: bert, labels: 4}",
            "{modle: bert, labels: 4}",
            ["exclude.0.modle (did you mean model?)", "known settings: model, labels, samples, seed"],
        ),
        ("{model: bert, labels: 4}", "{}", ["exclude", "no cell"]),
        ("{model: bert, labels: 4}", "bert", ["exclude.0=bert"]),
    ],
)
def test_a_bad_file_is_one_line_naming_the_value_and_what_is_accepted(
    tmp_path: Path, before: str, after: str, words: list[str]
):
    assert before in VALID
    message = refusal(tmp_path, VALID.replace(before, after, 1))
    for word in words:
        assert word in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "42"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str):
    assert "must hold a mapping with name, models, labels and samples" in refusal(tmp_path, text)


@pytest.mark.parametrize("text", ["[" * 10_000, "a: " + "{b: " * 10_000])
def test_a_file_nested_without_end(tmp_path: Path, text: str):
    assert "not valid YAML" in refusal(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path: Path):
    (tmp_path / "grid.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(BadInput, match=r"cannot read .*grid\.yaml"):
        load_grid(str(tmp_path / "grid.yaml"))


@pytest.mark.parametrize("name", ["ful", "folder/missing.yaml", "..", ""])
def test_a_grid_that_does_not_exist_names_those_that_do(name: str):
    with pytest.raises(BadInput, match="demo, full, smoke"):
        load_grid(name)


def test_a_path_that_the_system_refuses_is_one_line():
    """Such as the text of a grid where its file was meant."""
    with pytest.raises(BadInput, match=r"^cannot read grid file name: .*: File name too long$"):
        load_grid("name: " + "x" * 300)


def test_a_misspelled_grid_is_guessed():
    with pytest.raises(BadInput, match="did you mean full"):
        load_grid("ful")


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("epochs=1", ["GROUP.NAME=VALUE", "hyper, data, model, train"]),
        ("hyper.epochs", ["GROUP.NAME=VALUE"]),
        ("results.uri=x", ["hyper, data, model, train"]),
        ("=", ["GROUP.NAME=VALUE"]),
        ("a:b=c", ["GROUP.NAME=VALUE"]),
        ("gpt9:hyper.epochs=1", ["'gpt9'", "qwen2.5, llama3.2"]),
        ("minilm:hyper.epochs=1", ["'minilm'", "qwen2.5, llama3.2"]),
        ("hyper.epochs=", ["hyper.epochs="]),
        ("hyper.epochs=2=3", ["hyper.epochs=2=3"]),
        ("hyper.epochz=1", ["did you mean epochs"]),
        ("bert:hyper.epochz=1", ["did you mean epochs"]),
    ],
)
def test_a_bad_setting_is_one_line(assignment: str, words: list[str]):
    with pytest.raises(BadInput) as caught:
        load_grid("full").with_setting(assignment).tasks("results")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_misspelled_key_is_named_before_the_one_that_it_leaves_missing(tmp_path: Path):
    path = tmp_path / "grid.yaml"
    path.write_text("{name: typo, modles: [bert], labels: [2], samples: [80]}")
    with pytest.raises(BadInput, match=r"unknown setting modles \(did you mean models\?\)"):
        load_grid(str(path))
