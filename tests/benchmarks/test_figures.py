"""Lines that a reader, and a script, can rely on."""

import pytest

from benchmarks.figures import Figure, alternately, ratios


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (Figure("submit", [1.25, 3.0, 1.1], "<= 1.3"), "FIGURE submit 1.25 1.1 3 goal <= 1.3"),
        (Figure("share", [0.0421]), "FIGURE share 0.0421 0.0421 0.0421"),
    ],
)
def test_a_figure_is_one_line_with_median_lowest_and_highest(figure: Figure, line: str):
    assert str(figure) == line


def test_contenders_take_turns_and_each_is_first_once(capsys: pytest.CaptureFixture[str]):
    order: list[str] = []

    def run(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    seconds = alternately({"a": lambda: run("a", 4.0), "b": lambda: run("b", 2.0), "c": lambda: run("c", 1.0)}, 3)
    assert "".join(order) == "abcbcacab"
    assert ratios(seconds["a"], seconds["b"]) == [2.0, 2.0, 2.0]
    assert capsys.readouterr().err.splitlines()[0] == "1/3  a: 4.00 s"
