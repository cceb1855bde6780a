"""The page in Chromium: what shows, what axe finds, what a keyboard reaches. Pictures lie in the folder REPORT_LOOK."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from contract.result import Success
from tests import factories
from tests.aggregator import study
from tests.aggregator.axe import axe_script, violations
from tests.aggregator.browser import Scheme, Tab, find_chromium, open_browser
from tests.aggregator.desk import PLUMBING, Desk

SHOWN = """[...document.querySelectorAll("#{section} :is(.heat, .matrix)")]
    .filter(table => table.checkVisibility()).map(table => table.caption.textContent)"""
PAGES = ("whole", "half", "plumbing", "empty")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a study that is done, one of which every kind of cell is missing, a demo, and an empty store."""
    desks = {name: Desk(tmp_path_factory.mktemp(name)) for name in PAGES}
    for name, desk in desks.items():
        grid: dict[str, Any] = study.study_grid(seeds=(0, 1, 2)).model_dump(
            include={"models", "labels", "samples", "seeds"}
        )
        desk.grid(**grid, **(PLUMBING if name == "plumbing" else {}))
        if name != "empty":
            study.fill(desk.store, desk.tasks, damage=name == "half")
        if name == "half":
            factories.publish(desk.store, elsewhere(study.finished(desk.tasks[0])))
        desk.report()
    return {name: desk.out / "report.html" for name, desk in desks.items()}


def elsewhere(success: Success) -> Success:
    """On a machine whose name is one long word."""
    return success.model_copy(update={"provenance": success.provenance.model_copy(update={"device": "f" * 60})})


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on PATH (Debian: apt-get install chromium)")
    with open_browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def axe() -> str:
    script = axe_script()
    if script is None:
        pytest.skip("axe-core is fetched with npm, and there is no npm on PATH")
    return script


@pytest.mark.parametrize(("page", "width", "scheme"), list(product(PAGES, (1280, 400), ("light", "dark"))))
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    pages: dict[str, Path], tab: Tab, axe: str, page: str, width: int, scheme: Scheme
):
    tab.show(pages[page], width=width, scheme=scheme)
    keep(f"{page}-{width}-{scheme}.png", tab.picture())
    assert tab.run("document.documentElement.scrollWidth") <= width
    tab.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert violations(tab, axe) == []


@pytest.mark.parametrize("page", PAGES)
def test_it_prints_without_what_only_a_screen_needs_and_fits_the_paper(pages: dict[str, Path], tab: Tab, page: str):
    """A4 between a browser's margins of 1 cm is 718 pixels wide."""
    tab.show(pages[page], width=718, scheme="dark", media="print")
    keep(f"{page}.pdf", tab.printed())
    assert tab.run("document.documentElement.scrollWidth") <= 718
    assert tab.run("[...document.querySelectorAll('.switch, nav')].filter(one => one.checkVisibility()).length") == 0
    assert tab.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_a_page_that_was_tampered_with_loads_and_runs_nothing(pages: dict[str, Path], tab: Tab, tmp_path: Path):
    (tmp_path / "picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / "style.css").write_text(".bar { display: none; }")
    planted = '<img src="picture.svg"><link rel="stylesheet" href="style.css"><script>document.title = "ran"</script>'
    (tmp_path / "report.html").write_text(pages["empty"].read_text().replace("<main>", f"{planted}<main>"))
    tab.show(tmp_path / "report.html", width=1280)
    assert tab.run("document.title").startswith("emotion-grid")
    assert tab.run("document.images[0].naturalWidth") == 0
    assert tab.run("getComputedStyle(document.querySelector('.bar')).display") == "flex"


def test_one_heatmap_shows_and_each_choice_shows_its_own(pages: dict[str, Path], tab: Tab):
    tab.show(pages["whole"], width=1280)
    assert shown(tab, "heatmap") == ["Accuracy on validation, %, mean over 3 seeds"]
    for choice, expected in (
        ("is-f1", "Macro F1 on validation, %, mean over 3 seeds"),
        ("is-test", "Macro F1 on test, %, mean over 3 seeds"),
        ("is-seed-2", "Macro F1 on test, %, seed 2"),
    ):
        tab.run(f"document.getElementById('heatmap-{choice}').click()")
        assert shown(tab, "heatmap") == [expected]


def test_the_labels_begin_with_the_hardest_subset_and_follow_both_choices(pages: dict[str, Path], tab: Tab):
    tab.show(pages["half"], width=1280)
    scores, matrix = shown(tab, "labels")
    assert scores == "F1 on 16 labels x 2400, %"
    assert matrix.startswith("LLaMA 3.2 (1B) on 16 labels x 2400")
    tab.run("document.getElementById('labels-is-2-labels-x-800').click()")
    tab.run("document.getElementById('labels-is-bert').click()")
    scores, matrix = shown(tab, "labels")
    assert scores == "F1 on 2 labels x 800, %"
    assert matrix.startswith("BERT (110M) on 2 labels x 800")


def test_a_keyboard_reaches_the_switch_and_moves_it(pages: dict[str, Path], tab: Tab):
    tab.show(pages["whole"], width=1280)
    focused = "document.activeElement.id"
    for _ in range(40):
        tab.press("Tab")
        if tab.run(focused) == "heatmap-is-accuracy":
            break
    assert tab.run(focused) == "heatmap-is-accuracy"
    tab.press("ArrowRight")
    assert shown(tab, "heatmap") == ["Macro F1 on validation, %, mean over 3 seeds"]


def shown(tab: Tab, section: str) -> list[str]:
    """Captions of the tables that can be seen."""
    return list(tab.run(SHOWN.format(section=section)))


def keep(name: str, data: bytes) -> None:
    folder = Path(os.environ["REPORT_LOOK"])
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
