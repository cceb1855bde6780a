"""Which cell of a model goes first, what waits for it, and the same on this machine."""

import pytest

from contract.opening import open_store
from contract.survey import Done, Failed, Lost, Missing, Running, Stale
from launcher.cells.ends import NO_RESULT
from launcher.cells.plan import plan
from launcher.cells.view import Held, Queued, Row, Started, is_final, join
from launcher.command_line.job_options import JobOptions, ModelOptions
from launcher.command_line.request import find_cell
from launcher.submit.canary import Hold, HoldRecord, Holds, as_held, behind_canaries
from tests.factories import failure, progress, publish, success, task
from tests.launcher.program import Launcher
from tests.launcher.seen import JOB
from tests.launcher.standin import Ending
from tests.launcher.test_verbs import tasks_of

TASKS = [
    task(cell={"model": model, "labels": labels, "samples": samples})
    for model in ("bert", "gemma3")
    for samples in (1600, 800)
    for labels in (4, 2)
]
MISSING = [Missing()] * len(TASKS)
OPTIONS = JobOptions(
    image=f"trainer@sha256:{'0' * 64}", owner="somebody", per_model={"bert": ModelOptions(memory="8Gi")}
)


def hold(canary: str, *cells: str) -> Hold:
    return Hold(canary=canary, cells=cells, options=OPTIONS, template={"spec": {}})


def test_the_cell_with_the_fewest_comments_and_labels_goes_first() -> None:
    waiting = behind_canaries(plan(TASKS, MISSING))
    assert list(waiting) == ["bert-l2-n800-s0", "gemma3-l2-n800-s0"]
    assert [task.cell.id for task in waiting["bert-l2-n800-s0"]] == [
        "bert-l4-n1600-s0",
        "bert-l2-n1600-s0",
        "bert-l4-n800-s0",
    ]


def test_a_model_with_a_finished_cell_needs_no_canary() -> None:
    assert list(behind_canaries(plan(TASKS, [Done(), *MISSING[1:]]))) == ["gemma3-l2-n800-s0"]


def test_what_does_not_run_is_neither_canary_nor_held() -> None:
    states = [*MISSING[:3], Failed(failure(TASKS[3])), *MISSING[4:]]
    waiting = behind_canaries(plan(TASKS, states))
    assert [task.cell.id for task in waiting["bert-l4-n800-s0"]] == ["bert-l4-n1600-s0", "bert-l2-n1600-s0"]


@pytest.mark.parametrize(
    ("canary", "job", "succeeded"),
    [
        (Done(), None, True),
        (Missing(), JOB, None),
        (Running(progress(TASKS[0])), None, None),
        (Failed(failure(TASKS[0])), None, False),
        (Lost(None), None, False),
        (Missing(), None, False),
    ],
)
def test_a_held_cell_tells_what_its_canary_came_to(canary, job, succeeded: bool | None) -> None:
    state = Queued("") if job else canary
    rows = [Row(TASKS[0], state, canary, job), Row(TASKS[1], Missing(), Missing())]
    _, held = as_held(rows, Holds(holds=(hold(TASKS[0].cell.id, TASKS[1].cell.id),)))
    assert held.state == Held(TASKS[0].cell.id, succeeded)
    assert is_final(held.state) == (succeeded is False)


@pytest.mark.parametrize("state", [Done(), Running(progress(TASKS[1]))])
def test_a_cell_that_another_way_brought_to_life_is_not_held(state) -> None:
    rows = join(TASKS[:2], [Missing(), state])
    assert as_held(rows, Holds(holds=(hold(TASKS[0].cell.id, TASKS[1].cell.id),)))[1].state == state


@pytest.mark.parametrize("state", [Started(), NO_RESULT])
def test_a_cell_with_a_job_is_not_held(state) -> None:
    rows = [Row(TASKS[0], Done(), Done()), Row(TASKS[1], state, Missing(), JOB)]
    assert as_held(rows, Holds(holds=(hold(TASKS[0].cell.id, TASKS[1].cell.id),)))[1].state == state


def test_a_stale_cell_may_be_held() -> None:
    rows = join(TASKS[:2], [Done(), Stale({})])
    assert as_held(rows, Holds(holds=(hold(TASKS[0].cell.id, TASKS[1].cell.id),)))[1].state == Held(
        TASKS[0].cell.id, succeeded=True
    )


def test_the_record_is_read_back_as_it_was_written(tmp_path) -> None:
    record = HoldRecord(open_store(str(tmp_path)), "full", "emotion-grid", "somebody")
    assert record.read() == Holds()
    assert record.replace({"b", "c", "d"}, Holds(holds=(hold("a", "b", "c", "d"),))) == []
    assert record.let_go({"c", "x"}) == ["c"]
    assert record.read() == Holds(holds=(hold("a", "b", "d"),))
    assert record.replace({"b", "d", "f"}, Holds(holds=(hold("e", "f"),))) == ["b", "d"]
    assert record.read() == Holds(holds=(hold("e", "f"),))


def test_two_owners_and_two_namespaces_hold_apart(tmp_path) -> None:
    store = open_store(str(tmp_path))
    HoldRecord(store, "full", "emotion-grid", "somebody").replace({"b"}, Holds(holds=(hold("a", "b"),)))
    for other in (("full", "emotion-grid", "else"), ("full", "elsewhere", "somebody"), ("warm", "emotion-grid", "a")):
        assert HoldRecord(store, *other).read() == Holds()


def test_nothing_is_written_where_nothing_is_held(tmp_path) -> None:
    store = open_store(str(tmp_path))
    HoldRecord(store, "full", "emotion-grid", "somebody").let_go({"b"})
    assert list(store.list("")) == []


def test_local_cells_of_a_model_wait_for_its_canary(launcher: Launcher) -> None:
    """gemma3's fails, bert's does not."""
    launcher.grid(0)
    text = launcher.grid_file.read_text().replace("seeds: [0]", f"seeds: [0, {Ending.NOTHING}]")
    excluded = "".join(
        f"  - {{model: {model}, seed: {seed}, labels: {labels}}}\n"
        for model, seed, labels in (
            ("bert", int(Ending.NOTHING), 2),
            ("bert", int(Ending.NOTHING), 4),
            ("gemma3", 0, 2),
        )
    )
    launcher.grid_file.write_text(f"{text}exclude:\n{excluded}")
    done = launcher("submit", "--yes", "--canary")
    assert done.returncode == 3
    assert "held     2 cells: the canary gemma3-l2-n80-s13 did not succeed" in done.stderr
    lives = [life["cell"] for life in launcher.lives()]
    assert sorted(lives) == ["bert-l2-n80-s0", "bert-l4-n80-s0", "gemma3-l2-n80-s13"]
    began = {life["cell"]: life["began"] for life in launcher.lives()}
    ended = {life["cell"]: life["ended"] for life in launcher.lives()}
    assert began["bert-l4-n80-s0"] > ended["bert-l2-n80-s0"]
    publish(open_store(str(launcher.results)), success(find_cell(tasks_of(launcher), "gemma3-l2-n80-s13")))
    again = launcher("submit", "--yes", "--canary")
    assert "held" not in again.stderr
    assert {life["cell"] for life in launcher.lives()} >= {"gemma3-l4-n80-s0", "gemma3-l4-n80-s13"}
