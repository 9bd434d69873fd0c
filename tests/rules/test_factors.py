"""One-time codes: which are right when, and codes that people copy by hand."""

from base64 import b32encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.factors import app_address, new_factor, new_recovery_codes, step_of
from shared.tokens import new_typed_code, read_typed_code
from tests.phone import Phone

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30
SECRET = new_factor().secret
PHONE = Phone(SECRET)
RFC_SECRET = b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_that_the_standard_prints(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    assert step_of(code, RFC_SECRET, last_step=None, now=now) == seconds // 30
    assert Phone(RFC_SECRET).code(now) == code


@pytest.mark.parametrize(("steps", "holds"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_half_a_minute_off_and_no_more(steps: int, holds: bool) -> None:
    found = step_of(PHONE.code(NOW, steps=steps), SECRET, last_step=None, now=NOW)

    assert found == (STEP + steps if holds else None)


def test_a_code_that_was_used_and_those_before_it_are_refused() -> None:
    for steps in (-1, 0):
        assert step_of(PHONE.code(NOW, steps=steps), SECRET, last_step=STEP, now=NOW) is None
    assert step_of(PHONE.code(NOW, steps=1), SECRET, last_step=STEP, now=NOW) == STEP + 1
    assert step_of(PHONE.code(NOW, steps=1), SECRET, last_step=STEP + 1, now=NOW) is None


def test_after_the_clock_was_set_back_codes_work_again() -> None:
    used_by_the_wrong_clock = STEP + 120

    assert step_of(PHONE.code(NOW), SECRET, last_step=used_by_the_wrong_clock, now=NOW) == STEP
    assert step_of(PHONE.code(NOW), SECRET, last_step=STEP, now=NOW) is None


def test_any_other_six_digits_are_wrong() -> None:
    assert step_of(PHONE.wrong(NOW), SECRET, last_step=None, now=NOW) is None


@given(st.one_of(st.text(max_size=12), st.text("0123456789٣６", max_size=8)))
def test_rubbish_is_no_code_and_never_an_error(text: str) -> None:
    shown = {PHONE.code(NOW, steps=steps) for steps in (-1, 0, 1)}

    assert (step_of(text, SECRET, last_step=None, now=NOW) is None) or text in shown


def test_the_address_for_the_app_names_product_and_person_and_holds_the_secret() -> None:
    address = urlsplit(app_address(SECRET, account="ana+1@demo.example"))

    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Interpreter Dispatch:ana+1@demo.example"
    assert parse_qs(address.query) == {"secret": [SECRET], "issuer": ["Interpreter Dispatch"]}


def test_secrets_and_recovery_codes_are_long_and_differ() -> None:
    drawn = [new_factor() for _ in range(100)]

    assert len({new.secret for new in drawn}) == 100
    assert {len(new.secret) for new in drawn} == {32}  # 160 bits, five in a letter
    codes = [code for new in drawn for code in new.recovery_codes]
    assert len(set(codes)) == len(codes) == 1000
    assert {len(code.replace("-", "")) for code in codes} == {24}  # 120 bits


def test_what_is_stored_of_recovery_codes_tells_none_of_them() -> None:
    new = new_factor()

    assert len(set(new.recovery_hashes)) == 10
    assert not [code for code in new.recovery_codes if code in "".join(new.recovery_hashes)]


@pytest.mark.parametrize(("bits", "letters"), [(120, 24), (140, 28), (128, 26)])
def test_a_typed_code_holds_as_much_chance_as_it_should(bits: int, letters: int) -> None:
    assert len(new_typed_code(bits).replace("-", "")) == letters


def test_a_typed_code_may_be_typed_with_other_capitals_blanks_and_likenesses() -> None:
    code = "01AB-CDE0-1FGH"
    for typed in ("01abcde01fgh", " 01ab cde0 1fgh ", "OLab-cdeo-ifgh", "01AB\tCDE0\n1FGH", code):
        assert read_typed_code(typed) == code, typed
    for drawn in new_recovery_codes():
        assert read_typed_code(drawn) == drawn
        assert read_typed_code(drawn.lower().replace("-", "")) == drawn


@given(st.text(max_size=60))
def test_any_text_can_be_read_as_a_typed_code_and_stays_what_it_is_when_read_again(text: str) -> None:
    once = read_typed_code(text)

    assert read_typed_code(once) == once


def test_time_is_never_the_machines_own() -> None:
    long_ago = NOW - timedelta(days=3650)

    assert step_of(PHONE.code(long_ago), SECRET, last_step=None, now=long_ago) == int(long_ago.timestamp()) // 30
