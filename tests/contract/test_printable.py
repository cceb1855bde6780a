"""What a terminal gets to see of words that others wrote."""

from hypothesis import given
from hypothesis import strategies as st

from contract.printable import printable


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_is_left(text: str):
    shown = printable(text)
    assert shown.replace("\n", "").replace("\t", "").isprintable()
    assert printable(text, kept="").isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \n\t")))
def test_what_can_be_shown_stays_as_it_is(text: str):
    assert printable(text) == text


def test_an_escape_says_which_character_it_was():
    assert printable("\x1b[2J \x9b1m \u202eevil \ud800 \r") == r"\x1b[2J \x9b1m \u202eevil \ud800 \r"
