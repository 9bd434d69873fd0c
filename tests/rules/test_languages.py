"""Searching in every language of the standard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.languages import _ALSO_CALLED, SHORT_NAME_MAX, find, language_of


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("spanish", "es"),
        ("spa", "es"),
        ("  SPANISH ", "es"),
        ("american sign", "ase"),
        ("sign american", "ase"),
        ("ase", "ase"),
        ("fr", "fr"),
        ("haitian creole", "ht"),
        ("pilipino", "fil"),
        ("hmong do", "hmv"),
        ("yue", "yue"),
        ("cantonese", "yue"),
        ("Farsi", "fa"),
        ("kreyol", "ht"),
        ("cambodian", "km"),
        ("kurdish sorani", "ckb"),
        ("ASL", "ase"),
        ("bsl", "bfi"),
    ],
)
def test_the_nearest_language_stands_first(typed: str, first: str) -> None:
    assert find(typed).languages[0].tag == first


def test_a_tag_is_the_shortest_there_is() -> None:
    assert language_of("es")
    assert language_of("spa") is None
    assert language_of("ase")


@pytest.mark.parametrize("tag", ["mul", "und", "zxx", "mis", "qaa", "en-US", "ES", "", "xxxx"])
def test_what_names_no_language_is_none(tag: str) -> None:
    assert language_of(tag) is None


def test_the_letters_of_a_sign_language_find_it() -> None:
    found = find("nzsl")

    assert found.languages[0].tag == "nzs"


def test_every_common_name_is_one_of_a_language_and_finds_it() -> None:
    for tag, names in _ALSO_CALLED.items():
        for name in names:
            assert tag in {language.tag for language in find(name).languages[:3]}, name


def test_more_than_fits_is_counted() -> None:
    found = find("sign language", at_most=5)

    assert len(found.languages) == 5
    assert found.total > 100


@given(st.text(max_size=120))
def test_whatever_is_typed_finds_something_or_nothing(typed: str) -> None:
    found = find(typed)

    assert len(found.languages) <= min(found.total, 20)
    for language in found.languages:
        assert language_of(language.tag) == language
        assert 0 < len(language.short_name) <= SHORT_NAME_MAX
        assert 0 < len(language.name) <= 80
