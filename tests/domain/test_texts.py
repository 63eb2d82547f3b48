"""Foreign texts as a database can hold them, and as a message shows them."""

import pytest

from domain.texts import clipped, is_storable, storable


@pytest.mark.parametrize(("text", "held"), [("a\0b", "a\\x00b"), ("\ud800", "\\ud800"), ("ä/°C\n", "ä/°C\n"), ("", "")])
def test_what_no_database_can_hold_is_written_as_escapes_and_all_else_stays(text: str, held: str) -> None:
    assert storable(text) == held
    assert is_storable(text) == (held == text)
    assert is_storable(storable(text))


def test_foreign_content_in_a_message_is_one_short_line() -> None:
    assert clipped("a\nb\ud800") == "'a\\nb\\ud800'"
    assert len(clipped("x" * 1000)) == 61
