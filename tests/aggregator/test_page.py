"""report.html and results.md: what a reader finds there, and that the page needs nothing else."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from contract.keys import LOG, attempt_key
from tests import factories
from tests.aggregator import study
from tests.aggregator.desk import PLUMBING, Desk

PAGES = ("report.html", "results.md")
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Every element with its attributes, what was never closed, and the text outside of drawings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"svg", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A report of two models on the twelve subsets, with every kind of outcome."""
    desk = Desk(tmp_path_factory.mktemp("whole"))
    desk.grid(models=["llama3.2", "bert"], labels=[2, 4, 8, 16], samples=[800, 1600, 2400])
    study.fill(desk.store, desk.tasks)
    assert desk.report() == 3
    return desk


def test_the_page_is_self_contained(whole: Desk):
    page = Page(whole.text("report.html"))
    assert page.open == []
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["svg"] == 2
    assert not {"script", "link", "iframe", "img", "object", "base", "form"} & set(tags)
    loaded = [
        value
        for tag, attrs in page.elements
        for name, value in attrs.items()
        if name in ("src", "href", "xlink:href") and tag != "a"
    ]
    assert loaded
    assert all(link and link.startswith(("#", "data:")) for link in loaded)
    assert not re.search(r"@import|url\((?!#)|\bon\w+=", whole.text("report.html"))


def test_ids_are_unique_and_every_reference_has_its_target(whole: Desk):
    html = whole.text("report.html")
    ids = [attrs["id"] for _, attrs in Page(html).elements if "id" in attrs]
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    references = set(re.findall(r'url\(#([\w-]+)\)|href="#([\w-]+)"', html))
    assert {first or second for first, second in references} <= set(ids)


def test_every_drawing_says_what_it_is(whole: Desk):
    drawings = [attrs for tag, attrs in Page(whole.text("report.html")).elements if tag == "svg"]
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawings)


def test_the_headline_counts(whole: Desk):
    counts = Counter(whole.statuses())
    text = Page(whole.text("report.html")).text
    assert f"{counts['done']} of 24 cells are done" in text
    for status, count in counts.items():
        assert f"{count} {status}" in text
        assert f"{count} {status}" in whole.text("results.md").splitlines()[2]


def test_a_failure_is_listed_with_its_reason_and_its_log(desk: Desk):
    task = desk.tasks[0]
    factories.publish(desk.store, factories.failure(task, error="out-of-memory", exit_code=11))
    desk.report()
    for text in (Page(desk.text("report.html")).text, desk.text("results.md")):
        assert "out-of-memory (exit 11) at step 12: the loss became nan at step 12" in text
        assert attempt_key(task.cell.id, task.fingerprint(), "a1", LOG) in text


def test_what_is_not_done_is_listed_and_nothing_else(whole: Desk):
    unfinished = [
        line for line in whole.text("results.md").split("## Not done")[1].splitlines() if ", seed 0 |" in line
    ]
    assert len(unfinished) == sum(status != "done" for status in whole.statuses()) > 0


def test_a_complete_report_has_no_such_list(desk: Desk):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    assert "Not done" not in desk.text("report.html") + desk.text("results.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_warning_comes_before_any_number(desk: Desk, page: str):
    desk.grid(**PLUMBING)
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    text = desk.text(page)
    first_number = text.index('<table class="heat') if page == "report.html" else text.index("| model |")
    assert text.index("RANDOM WEIGHTS - plumbing, not results") < first_number
    assert text.index("SYNTHETIC DATA") < first_number
    assert "Only cells with random weights have finished" in text
    assert "Gemma 3 (1B) (random weights)" in text


@pytest.mark.parametrize("page", PAGES)
def test_results_of_the_study_carry_no_warning(desk: Desk, page: str):
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    results, _, _ = desk.text(page).partition("## Columns of results.csv")
    assert not re.search("random weights|synthetic", results, re.IGNORECASE)


def test_the_page_says_how_to_get_it_again(desk: Desk):
    tasks = desk.record()
    study.fill(desk.store, tasks, damage=False)
    desk.report()
    text = Page(desk.text("report.html")).text
    assert "python -m aggregator report --run small" in text
    assert all(task.fingerprint() in text for task in tasks)
    assert "torch 2.13.0" in text
    assert "0" * 40 in text


def test_cells_that_ran_differently_are_seen(desk: Desk):
    first, second = desk.tasks[:2]
    factories.publish(desk.store, factories.success(first))
    other = factories.success(second)
    on_gpu = other.provenance.model_copy(update={"device": "NVIDIA L4"})
    factories.publish(desk.store, other.model_copy(update={"provenance": on_gpu}))
    desk.report()
    assert "- device: NVIDIA L4, cpu" in desk.text("results.md").splitlines()


def test_a_variant_names_its_settings_on_every_page(desk: Desk):
    desk.grid(hyper={"learning_rate": 1e-3}, per_model={"bert": {"hyper": {"epochs": 9}}})
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    words = "Settings other than the study's: hyper.learning_rate = 0.001; hyper.epochs = 9 (BERT (110M))."
    assert words in desk.text("results.md")
    assert words in Page(desk.text("report.html")).text
    assert {row["settings"] for row in desk.rows()} == {
        "hyper.learning_rate=0.001",
        "hyper.learning_rate=0.001 hyper.epochs=9",
    }


def test_a_model_alone_is_compared_with_nothing_and_that_is_said_once(desk: Desk):
    desk.grid(models=["minilm"], labels=[2, 4], samples=[800, 1600], seeds=[0, 1])
    study.fill(desk.store, desk.tasks, damage=False)
    desk.report()
    alone = "Cannot be told: no two models can be compared."
    for text in (Page(desk.text("report.html")).text, desk.text("results.md")):
        assert text.count(alone) == 1
        assert "None: no model of this run is one of the study's." in text
        assert "Settings other than the study's: model = MiniLM (22M)." in text
        assert not re.search(r"best of a column|Holm|LLaMA|under 60", text)
    assert "in bold" not in desk.text("results.tex")


def test_the_highest_at_16_labels_is_that_of_the_studys_models(desk: Desk):
    desk.grid(models=["minilm", "bert"], labels=[16], samples=[800])
    for task, accuracy in zip(desk.tasks, (0.8, 0.2), strict=True):
        factories.publish(desk.store, factories.success(task, validation=accuracy))
    desk.report()
    assert "| every model | 16 labels | under 60 | at most 20.00 (1 of 1) | | |" in desk.text("results.md")


@pytest.mark.parametrize("page", PAGES)
def test_a_grid_that_was_changed_since_its_run_is_told_on_the_page(desk: Desk, page: str):
    study.fill(desk.store, desk.record(), damage=False)
    note = "The recorded run is reported, not the grid as it stands: it asks for 0 cells more, 4 fewer, and 0 with"
    desk.report()
    assert note not in desk.text(page)
    desk.grid(labels=[4])
    desk.report()
    assert note in desk.text(page)


class TestPublishedFigures:
    """The study's numbers beside ours, in both pages."""

    def test_ours_stands_beside_theirs_with_the_difference(self, desk: Desk):
        desk.grid(models=["llama3.2", "qwen2.5"], labels=[16], samples=[800, 2400])
        by_place = {(task.cell.model, task.cell.samples): task for task in desk.tasks}
        factories.publish(desk.store, factories.success(by_place["qwen2.5", 2400], validation=0.6))
        desk.report()
        lines = desk.text("results.md").splitlines()
        assert "| Qwen 2.5 (1.5B) | 16 labels x 2400 | 56.67 | 60.00 | +3.33 | -5.5 to +12.0 |" in lines
        assert "| every model | 16 labels | under 60 | at most 60.00 (1 of 4) | | |" in lines
        text = Page(desk.text("report.html")).text
        assert "Qwen 2.5 (1.5B) 16 labels x 2400 56.67 60.00 +3.33 -5.5 to +12.0 76.0" in text

    def test_a_cell_that_failed_was_not_not_run(self, desk: Desk):
        desk.grid(models=["bert"], labels=[16], samples=[800])
        factories.publish(desk.store, factories.failure(desk.tasks[0]))
        desk.report()
        assert "| BERT (110M) | 16 labels x 800 | 8.75 | failed |  |  |" in desk.text("results.md").splitlines()

    def test_what_was_not_run_is_no_zero(self, desk: Desk):
        desk.report()
        lines = desk.text("results.md").splitlines()
        published = [
            ("LLaMA 3.2 (1B)", "2 labels x 2400", "100.00"),
            ("LLaMA 3.2 (1B)", "4 labels x 1600", "93.13"),
            ("LLaMA 3.2 (1B)", "16 labels x 800", "30.00"),
            ("Qwen 2.5 (1.5B)", "16 labels x 800", "43.75"),
            ("Qwen 2.5 (1.5B)", "16 labels x 2400", "56.67"),
            ("BERT (110M)", "2 labels x 2400", "99.17"),
            ("BERT (110M)", "16 labels x 800", "8.75"),
        ]
        for model, subset, accuracy in published:
            assert f"| {model} | {subset} | {accuracy} | not run |  |  |" in lines
        assert "| every model | 16 labels | under 60 | not run | | |" in lines

    @pytest.mark.parametrize("group", PLUMBING)
    def test_plumbing_is_not_set_beside_a_result(self, desk: Desk, group: str):
        desk.grid(models=["bert"], labels=[16], samples=[800], **{group: PLUMBING[group]})
        study.fill(desk.store, desk.tasks, damage=False)
        desk.report()
        why_not = {"data": "synthetic data", "model": "random weights"}[group]
        lines = desk.text("results.md").splitlines()
        assert f"| BERT (110M) | 16 labels x 800 | 8.75 | {why_not} |  |  |" in lines
        assert "| every model | 16 labels | under 60 | not run | | |" in lines


class TestIntervals:
    """The 95 % interval in the table of all numbers."""

    def numbers(self, desk: Desk) -> str:
        return Page(desk.text("report.html")).text.split("All numbers")[-1]

    def test_one_seed_has_an_interval_over_its_comments(self, desk: Desk):
        """Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 gives 0.2553 to 0.3662."""
        task = desk.tasks[0]
        success = factories.success(task)
        splits = success.splits.model_copy(update={"test": success.splits.test.model_copy(update={"comments": 263})})
        test = success.test.model_copy(update={"accuracy": 81 / 263})
        factories.publish(desk.store, success.model_copy(update={"splits": splits, "test": test}))
        desk.report()
        assert "30.8 25.5 to 36.6 1 seed, Wilson over 263 comments" in self.numbers(desk)

    def test_several_seeds_have_students_interval(self, desk: Desk):
        """t(0.975, 2) = 4.3027: 0.72 +- 4.3027 * 0.02 / sqrt(3)."""
        desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1, 2])
        for task, accuracy in zip(desk.tasks, (0.70, 0.72, 0.74), strict=True):
            factories.publish(desk.store, factories.success(task, test=accuracy))
        desk.report()
        assert "72.0 67.0 to 77.0 3 seeds, Student's t" in self.numbers(desk)

    def test_seeds_and_comments_together_are_wider_than_seeds_that_agree(self, desk: Desk):
        desk.grid(models=["bert"], labels=[4], samples=[1600], seeds=[0, 1, 2])
        study.fill(desk.store, desk.tasks, damage=False)
        desk.report()
        found = re.search(r"([\d.]+) to ([\d.]+) 3 seeds, Student's t ([\d.]+) to ([\d.]+)", self.numbers(desk))
        assert found
        low, high, both_low, both_high = map(float, found.groups())
        assert both_low < low < high < both_high

    def test_seeds_that_are_all_alike_still_have_the_luck_of_the_comments(self, desk: Desk):
        """Their t-interval has no width, and 100 % would look certain."""
        desk.grid(models=["bert"], labels=[2], samples=[800], seeds=[0, 1, 2])
        for task in desk.tasks:
            factories.publish(desk.store, factories.success(task, test=1.0))
        desk.report()
        assert "100.0 96.3 to 100.0 3 seeds, all alike, Wilson over 100 comments" in self.numbers(desk)

    def test_what_needs_no_model_stands_beside(self, desk: Desk):
        """A test set of 60 and 40: naming the larger label is right 60 times in 100."""
        success = factories.success(desk.tasks[0])
        lopsided = success.test.model_copy(update={"confusion": [[50, 10], [10, 30]]})
        factories.publish(desk.store, success.model_copy(update={"test": lopsided}))
        desk.report()
        assert "guessing; majority 2 50.0; 60.0" in self.numbers(desk)
        assert "| guessing; majority | 2 | | | 50.0; 60.0 |" in desk.text("results.md")

    def test_an_interval_ends_at_zero_and_one(self, desk: Desk):
        desk.grid(models=["bert"], labels=[2], samples=[800, 1600])
        for task, accuracy in zip(desk.tasks, (0.0, 1.0), strict=True):
            factories.publish(desk.store, factories.success(task, test=accuracy))
        desk.report()
        assert "0.0 0.0 to 3.7" in self.numbers(desk)
        assert "100.0 96.3 to 100.0" in self.numbers(desk)
