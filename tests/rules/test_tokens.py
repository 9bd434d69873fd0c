"""Everything signed or sealed: what holds, and what never does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens import LinkKind, Tokens, VerifiedLink, new_public_id

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
OLD, NEW, OTHER = ("o" * 40, "n" * 40, "x" * 40)
TOKENS = Tokens((NEW,))
LINK = VerifiedLink(LinkKind.INVITE, new_public_id())

anything = st.one_of(st.text(st.characters()), st.text("abc.-_=:", max_size=80), st.binary().map(repr))
"""Half characters (surrogates) included: what a browser sends need not be text."""


def test_a_link_leads_back_to_what_it_was_made_for() -> None:
    assert TOKENS.read_link(LinkKind.INVITE, TOKENS.link(LinkKind.INVITE, LINK.public_id)) == LINK


def test_a_link_of_one_kind_does_not_pass_for_another() -> None:
    assert TOKENS.read_link(LinkKind.GUEST, TOKENS.link(LinkKind.INVITE, LINK.public_id)) is None
    assert TOKENS.read_link(LinkKind.INVITE, TOKENS.link(LinkKind.GUEST, LINK.public_id)) is None


def test_a_signed_value_does_not_pass_for_a_link_nor_for_another_purpose() -> None:
    signed = TOKENS.sign("preview", LINK.public_id)

    assert TOKENS.read_link(LinkKind.INVITE, signed) is None
    assert TOKENS.unsign("author", signed) is None
    assert TOKENS.unsign("preview", signed) == LINK.public_id


def test_who_knows_the_database_but_no_key_can_sign_nothing() -> None:
    stranger = Tokens((OTHER,))

    assert TOKENS.read_link(LinkKind.INVITE, stranger.link(LinkKind.INVITE, LINK.public_id)) is None
    assert TOKENS.read_link(LinkKind.INVITE, LINK.public_id) is None
    assert TOKENS.read_nonce(LINK, stranger.nonce(LINK, now=NOW)) is None
    assert TOKENS.unsign("preview", stranger.sign("preview", 1)) is None
    assert TOKENS.unseal(stranger.seal(1, now=NOW), max_age=timedelta(hours=1), now=NOW) is None


def test_a_link_changed_in_any_one_place_leads_nowhere() -> None:
    token = TOKENS.link(LinkKind.INVITE, LINK.public_id)
    for position, character in enumerate(token[:-1]):  # the last one carries two bits of padding
        forged = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
        assert TOKENS.read_link(LinkKind.INVITE, forged) is None, position


def test_a_link_cut_short_or_lengthened_leads_nowhere() -> None:
    token = TOKENS.link(LinkKind.INVITE, LINK.public_id)

    assert all(TOKENS.read_link(LinkKind.INVITE, token[:length]) is None for length in range(len(token)))
    for more in ("a", ".", ".a", "/accept", " ", "  ", ">>", "\n", "\n\n", "\xa0", "%20", "==", f".{token}"):
        assert TOKENS.read_link(LinkKind.INVITE, token + more) is None, more
        assert TOKENS.read_link(LinkKind.INVITE, more + token) is None, more


def test_the_signature_of_one_link_does_not_fit_another() -> None:
    first, second = (TOKENS.link(LinkKind.INVITE, new_public_id()) for _ in range(2))
    swapped = f"{first.rpartition('.')[0]}.{second.rpartition('.')[2]}"

    assert TOKENS.read_link(LinkKind.INVITE, swapped) is None


def test_a_retired_key_opens_its_old_links_but_signs_no_new_ones() -> None:
    before, during, after = Tokens((OLD,)), Tokens((NEW, OLD)), Tokens((NEW,))
    link, nonce = before.link(LinkKind.INVITE, LINK.public_id), before.nonce(LINK, now=NOW)
    sealed, signed = before.seal(["kept"], now=NOW), before.sign("preview", ["kept"])

    assert during.read_link(LinkKind.INVITE, link) == LINK
    assert during.read_nonce(LINK, nonce) == NOW
    assert during.unseal(sealed, max_age=timedelta(hours=1), now=NOW) == ["kept"]
    assert during.unsign("preview", signed) == ["kept"]

    assert after.read_link(LinkKind.INVITE, link) is None
    assert after.read_link(LinkKind.INVITE, during.link(LinkKind.INVITE, LINK.public_id)) == LINK
    assert before.read_link(LinkKind.INVITE, during.link(LinkKind.INVITE, LINK.public_id)) is None


def test_what_the_database_keeps_opens_with_a_retired_key_and_for_its_purpose_alone() -> None:
    before, during, after = Tokens((OLD,)), Tokens((NEW, OLD)), Tokens((NEW,))
    kept = before.encrypt("second factor 7", "JBSWY3DP")

    assert "JBSWY3DP" not in kept
    assert during.decrypt("second factor 7", kept) == "JBSWY3DP"
    assert during.decrypt("second factor 8", kept) is None
    assert after.decrypt("second factor 7", kept) is None
    assert after.decrypt("second factor 7", during.encrypt("second factor 7", "JBSWY3DP")) == "JBSWY3DP"


def test_a_sealed_form_does_not_pass_for_what_the_database_keeps_nor_the_other_way_round() -> None:
    assert TOKENS.decrypt("x", TOKENS.seal(["x", "y"], now=NOW)) is None
    assert TOKENS.unseal(TOKENS.encrypt("x", "y"), max_age=timedelta(days=999), now=NOW) is None


def test_of_many_keys_each_still_verifies() -> None:
    keys = tuple(letter * 32 for letter in "abcdef")
    many = Tokens(keys)
    for key in keys:
        assert many.read_link(LinkKind.GUEST, Tokens((key,)).link(LinkKind.GUEST, "id")) is not None


def test_a_nonce_tells_to_the_millisecond_when_its_page_was_made() -> None:
    made = NOW + timedelta(milliseconds=123)
    assert TOKENS.read_nonce(LINK, TOKENS.nonce(LINK, now=made)) == made


def test_the_nonce_of_one_link_does_not_answer_for_another() -> None:
    other = VerifiedLink(LinkKind.INVITE, new_public_id())
    assert TOKENS.read_nonce(other, TOKENS.nonce(LINK, now=NOW)) is None


@pytest.mark.parametrize(
    ("age", "opens"),
    [
        (timedelta(seconds=-1), False),
        (timedelta(), True),
        (timedelta(hours=12), True),
        (timedelta(hours=12, milliseconds=1), False),
    ],
)
def test_what_was_sealed_opens_for_its_time_only(age: timedelta, *, opens: bool) -> None:
    sealed = TOKENS.seal([7, [["patient_name", "Jonah Pike"]]], now=NOW)
    opened = TOKENS.unseal(sealed, max_age=timedelta(hours=12), now=NOW + age)

    assert opened == ([7, [["patient_name", "Jonah Pike"]]] if opens else None)


def test_what_is_sealed_can_not_be_read() -> None:
    assert "Jonah" not in TOKENS.seal(["Jonah Pike"], now=NOW)
    assert TOKENS.seal(["Jonah Pike"], now=NOW) != TOKENS.seal(["Jonah Pike"], now=NOW)


@pytest.mark.parametrize(
    "read",
    [
        lambda text: TOKENS.read_link(LinkKind.INVITE, text),
        lambda text: TOKENS.read_nonce(LINK, text),
        lambda text: TOKENS.unsign("preview", text),
        lambda text: TOKENS.unseal(text, max_age=timedelta(days=999), now=NOW),
        lambda text: TOKENS.decrypt("second factor 7", text),
    ],
    ids=["link", "nonce", "value", "seal", "kept"],
)
@given(text=anything)
def test_rubbish_is_worth_nothing_and_never_an_error(read: Callable[[str], object], text: str) -> None:
    assert read(text) is None


@given(st.text(st.characters()), st.integers(0, 200))
def test_a_signed_value_with_rubbish_in_it_is_worth_nothing(rubbish: str, position: int) -> None:
    signed = TOKENS.nonce(LINK, now=NOW)
    spoilt = signed[:position] + rubbish + signed[position + 1 :]

    only_the_last_differs = len(spoilt) == len(signed) and spoilt[:-1] == signed[:-1]  # its two bits of padding
    assert TOKENS.read_nonce(LINK, spoilt) is None or only_the_last_differs


def test_a_digest_knows_a_value_again_and_tells_nothing_without_the_key() -> None:
    digest = TOKENS.digest("network", "203.0.113.7")

    assert len(digest) * 4 == 256
    assert digest == TOKENS.digest("network", "203.0.113.7") == Tokens((NEW, OLD)).digest("network", "203.0.113.7")
    others = [TOKENS.digest("person", "203.0.113.7"), TOKENS.digest("network", "203.0.113.8")]
    others += [Tokens((OTHER,)).digest("network", "203.0.113.7"), Tokens((OLD, NEW)).digest("network", "203.0.113.7")]
    assert digest not in others


@given(anything)
def test_whatever_is_typed_has_a_digest(text: str) -> None:
    assert len(TOKENS.digest("person", text)) == 64


def test_public_ids_are_long_and_differ() -> None:
    ids = {new_public_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert {len(public_id) for public_id in ids} == {16}
