"""Figures and tables from what a campaign found."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.exits import OK, STORE_FAILED
from faults.kills import Life
from faults.kinds import KINDS
from faults.outcome import Outcome
from faults.races import Race
from faults.report import figures, write_tables

GOOD = Outcome(
    program="publisher",
    number=0,
    kind="stalled",
    aim="stalled at PUT results/ 0 x 1, found nothing",
    met=1,
    codes=[STORE_FAILED.number, OK.number],
    seconds=61.0,
    lost=None,
    corrupt=None,
    published_twice=None,
    left_over=0,
)
RACE = Race("a folder", keys=100, racers=50, without_one_winner=["k1"], read_otherwise=["k1", "k2"])
LIFE = Life(0, kills={"step": 2, "publish": 1}, wrong=None)


def values(*outcomes: Outcome) -> dict[str, float]:
    return {figure.name: figure.values[0] for figure in figures(outcomes, [RACE], [LIFE, replace(LIFE, wrong="it")])}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"lost": "no result"}, "results_lost"),
        ({"corrupt": "it differs"}, "corrupt_accepted"),
        ({"published_twice": "2 versions"}, "published_twice"),
        ({"codes": [None, 0]}, "hangs"),
        ({"codes": [77, 0]}, "undocumented_ends"),
        ({"left_over": 9}, "checkpoints_left"),
    ],
)
def test_what_goes_wrong_shows_in_its_figure_and_in_no_other(changes: dict[str, object], name: str):
    bad = replace(GOOD, **changes)
    before, after = values(GOOD, GOOD), values(GOOD, bad)
    assert before[name] == 0
    assert {figure for figure in after if before[figure] != after[figure]} == {name}


def test_a_fault_that_hit_nothing_does_not_count():
    assert values(GOOD, replace(GOOD, met=0, kind="slow"))["faults_injected"] == 1


def test_races_and_kills_have_figures():
    found = values(GOOD)
    assert (found["races_with_one_winner_folder"], found["races_read_otherwise_folder"]) == (99, 2)
    assert (found["kills"], found["kills_recovered"], found["killed_cells_gone_wrong"]) == (6, 3, 1)


def test_a_cell_that_went_wrong_before_its_first_kill_shows():
    unkilled = Life(0, kills={}, wrong="ended with 1 before model-ready")
    assert "FIGURE killed_cells_gone_wrong 1 1 1 goal == 0" in map(str, figures([], [], [LIFE, unkilled]))


def test_what_goes_wrong_without_a_fault_shows_too():
    missed = replace(GOOD, met=0, lost="no result")
    assert "FIGURE results_lost 1 1 1 goal == 0" in map(str, figures([missed], [], []))


def test_tables_take_the_place_of_those_before(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- tables: make faults -->\noutdated\n<!-- end of tables -->\n\nafter\n")
    for seed in (1, 7):
        write_tables(page, seed, [GOOD, replace(GOOD, program="trainer", codes=[-9, 0])], [RACE], [LIFE])
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "outdated" not in text
    assert "Seed 1." not in text
    assert "Seed 7." in text
    assert "| stalled | 1 | 1 | store-failed 1, signal 9 1 |" in text
    assert all(f"| {kind.name} |" in text for kind in KINDS)
