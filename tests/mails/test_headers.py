"""Whatever stands in the data, a mail has the headers that it should have, and no others."""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.mails import Letter, MailRenderer
from shared.sender import WIRE_POLICY
from shared.states import MailKind
from tests.mails.letters import ABOUT_REQUESTS, ASSIGNED, letter, renderer
from tests.mails.test_content import text_of

ATTACKS = (
    "Riverside\r\nBcc: everybody@evil.example",
    "Riverside\nSubject: other",
    "Riverside\r\n\r\n<html>",
    "Riverside\u2028Bcc: everybody@evil.example",
    "Riverside\u2029Bcc: x@evil.example",
    "Riverside\x85Bcc: x@evil.example",
    "Riverside\0Clinic",
    "Riverside\x0b\x0c\x1c\x1d\x1eBcc: x@evil.example",
    "=?utf-8?q?Riverside=0D=0ABcc:_x@evil.example?=",
    "Evil <evil@evil.example>, Riverside",
    "Riverside, Évil <evil@evil.example>, " + "é" * 80,
    "A, B <evil@evil.example>; C: d@e.example; " * 2 + "é",
    '"Riverside" <evil@evil.example>',
    "A <evil@evil.example>, " * 4 + "Riverside",
    'Foo "Bar", <evil@evil.example>' + "x" * 80,
    "Riverside\\",
    '"',
    "\u202eRiverside",
    "x" * 120,
    "Ω" * 120,
    "é, " * 40,
    " Riverside ",
)

texts = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
    st.text(st.sampled_from('\r\n\u2028\0,<>"@é a=?:;()\\'), max_size=120),
)
HEADERS = [
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
]  # fmt: skip
ADDRESSES = {"From": "dispatch@interpreter-dispatch.example", "To": "recipient", "Reply-To": "contact_email"}


@cache
def shared_renderer() -> MailRenderer:
    return renderer(Path(mkdtemp()))


def arrived(case: Letter) -> EmailMessage:
    """The mail as its reader's program parses it."""
    return message_from_bytes(shared_renderer().render(case).as_bytes(policy=WIRE_POLICY), policy=default)


def headers_of(message: EmailMessage) -> list[str]:
    return [name for name, _value in message.items()]


def assert_no_more_than_meant(message: EmailMessage, case: Letter) -> None:
    """The nine headers, one address in each of three, the reference at the subject's end, the parts of the kind."""
    assert headers_of(message) == HEADERS
    for name, source in ADDRESSES.items():
        address = getattr(case, source, source)
        assert [found.addr_spec for found in message[name].addresses] == [address], str(message[name])
    assert message["Subject"].endswith(case.reference)
    for value in message.values():
        assert not set("\r\n\0\u2028\u2029\x85") & set(value)
    types = [part.get_content_type() for part in message.walk()]
    assert types[-1] == ("application/ics" if case.kind in ASSIGNED else "text/html")


def no_more_headers(kind: MailKind, clinic: str, company: str, language: str, responder: str, notes: str) -> None:
    """Whatever stands in each field that a header is made of."""
    case = letter(kind)
    case = replace(
        case,
        clinic_name=clinic,
        company_name=company if case.company_name else "",
        language_name=language,
        language_short_name=language,
        responder=responder if case.responder else "",
        notes=notes if case.notes else "",
        contact_phone=clinic,
        visits=tuple(replace(visit, provider_name=responder) for visit in case.visits),
    )

    assert_no_more_than_meant(arrived(case), case)


sources = given(st.sampled_from(ABOUT_REQUESTS), texts, texts, texts, texts, texts)


@settings(max_examples=300)
@sources
def test_no_name_or_text_makes_a_header(
    kind: MailKind, clinic: str, company: str, language: str, responder: str, notes: str
) -> None:
    no_more_headers(kind, clinic, company, language, responder, notes)


@pytest.mark.soak
@settings(max_examples=2_000, derandomize=False, database=None)
@sources
def test_no_name_or_text_of_two_thousand_makes_a_header(
    kind: MailKind, clinic: str, company: str, language: str, responder: str, notes: str
) -> None:
    """Others on every run."""
    no_more_headers(kind, clinic, company, language, responder, notes)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("field", ["clinic_name", "company_name", "language_short_name", "notes"])
def test_known_attacks_make_no_header(field: str, attack: str) -> None:
    case = replace(letter(MailKind.CONFIRMATION), **{field: attack})  # type: ignore[arg-type]

    assert_no_more_than_meant(arrived(case), case)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Riverside Clinic", "Riverside Clinic"),
        ("St. Mary's & Co #1", "St. Mary's & Co #1"),
        ("Клиника № 1", "Клиника № 1"),
        ("Zoë, Ömer (North)", "Zoë Ömer North"),
        ('The "Best" Clinic', "The Best Clinic"),
        ("x" * 120, "x" * 120),
    ],
)
def test_the_clinics_name_arrives_without_the_marks_that_part_addresses(name: str, shown: str) -> None:
    message = arrived(letter(MailKind.INVITE, clinic_name=name))

    assert message["Reply-To"].addresses[0].display_name == shown
    assert message["From"].addresses[0].display_name == f"{shown} via Interpreter Dispatch"
    assert name in text_of(message)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(["recipient", "reference"]), texts)
@example("recipient", "a@b.example\r\nBcc: x@evil.example")
@example("recipient", "a@b.example, evil@evil.example")
@example("recipient", "büro@b.example")
@example("recipient", "")
@example("reference", "A-1\r\nBcc: x@evil.example")
@example("reference", "A-1\u2028Bcc: x@evil.example")
def test_what_can_be_no_header_is_refused_with_a_clear_error(field: str, value: str) -> None:
    refused_or_no_more_headers(field, value)


def refused_or_no_more_headers(field: str, value: str) -> None:
    """What a header of its own is made of."""
    case = replace(letter(MailKind.INVITE), **{field: value})  # type: ignore[arg-type]

    try:
        message = arrived(case)
    except ValueError as error:
        said = str(error)
    else:
        said = ""
    if said:
        return
    assert headers_of(message) == HEADERS
    assert len(message["To"].addresses) == 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(texts)
@example("a@b.example>\nBcc: <x@evil.example")
@example("desk@b.example, evil@evil.example")
@example("büro@b.example")
@example("")
def test_a_contact_address_that_is_none_is_left_out_and_keeps_no_mail_from_leaving(value: str) -> None:
    left_out_or_no_more_headers(value)


def left_out_or_no_more_headers(value: str) -> None:
    """The address that answers to a mail go to."""
    message = arrived(letter(MailKind.INVITE, contact_email=value))

    assert headers_of(message) == [name for name in HEADERS if name != "Reply-To" or message["Reply-To"]]
    if message["Reply-To"]:
        assert [found.addr_spec for found in message["Reply-To"].addresses] == [value]


@pytest.mark.soak
@settings(max_examples=2_000, derandomize=False, database=None)
@given(st.sampled_from(["recipient", "reference", "contact_email"]), texts)
def test_no_address_or_number_of_two_thousand_makes_a_header(field: str, value: str) -> None:
    if field == "contact_email":
        left_out_or_no_more_headers(value)
    else:
        refused_or_no_more_headers(field, value)
