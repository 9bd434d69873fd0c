"""Text that people type."""

import time as stopwatch

import pytest

from shared.passwords import hash_password, password_matches
from shared.texts import LONGEST_SPELT, folded, is_complete_address, is_phone_number, is_readable, tidy


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Jonah Pike \r\n", "Jonah Pike"),
        ("Jose\u0301", "Jos\u00e9"),
        ("first\r\nsecond\rthird", "first\nsecond\nthird"),
        ("\u200b\u2060\ufeff", ""),
        ("\u00a0 \u2003", ""),
        ("\u200fיונה", "\u200fיונה"),
    ],
)
def test_text_is_tidied_and_nothing_visible_is_nothing(typed: str, kept: str) -> None:
    assert tidy(typed) == kept


@pytest.mark.parametrize("accents", ["\u0315\u0300", "\u0345\u0301\u0316", "\u0345\u0334"])
@pytest.mark.parametrize("length", [LONGEST_SPELT - 1, LONGEST_SPELT, 60_000])
def test_accents_piled_on_one_letter_keep_nobody_busy(accents: str, length: int) -> None:
    text = "q" + (accents * length)[:length]
    stored = hash_password("a password of somebody")
    began = stopwatch.thread_time()

    assert tidy(text).startswith("q")
    assert folded(text).startswith("q")
    assert not password_matches(stored, text)
    assert not is_complete_address(f"{text}@b.example")

    assert stopwatch.thread_time() - began < 1.0


@pytest.mark.parametrize("text", ["Nul\0", "Bell\a", "\ufffd", "half \ud800", "\x85"])
def test_what_is_no_text_can_not_be_read(text: str) -> None:
    assert not is_readable(text)


@pytest.mark.parametrize("text", ["", "Jonah", "two\nlines\tand a tab", "🧏🏽‍♀️", "יונה"])
def test_any_script_can_be_read(text: str) -> None:
    assert is_readable(text)


@pytest.mark.parametrize("text", ["+1 555 0142", "+1 555\u20110142", "(555) 0142-x3", "+1 555 0142 ext. 4", "112#23*"])
def test_numbers_are_written_in_many_ways(text: str) -> None:
    assert is_phone_number(text)


@pytest.mark.parametrize("text", ["", "1234", "call us at 555 0142", "５５５０１４２", "+1 555 0142 next"])
def test_what_nobody_can_dial_is_no_number(text: str) -> None:
    assert not is_phone_number(text)
