"""Every kind of mail, word for word: its headers and its text part stand in tests/mails/snapshots/.

After a change of words that is meant: UPDATE_SNAPSHOTS=1 .venv/bin/pytest tests/mails. That writes the files anew and
fails, so that nobody takes such a run for a check; look at the difference, then run again without it.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from shared.mails import Letter, PasswordLetter
from shared.sender import WIRE_POLICY
from shared.states import MailKind, VisitType
from tests.mails.letters import ABOUT_PASSWORDS, ABOUT_REQUESTS, STARTS, letter, password_letter, renderer, visit

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS"

WEEKLY = tuple(visit(STARTS + timedelta(days=7 * number), number=7 + number) for number in range(3))

CASES: dict[str, Letter | PasswordLetter] = {
    **{str(kind): letter(kind) for kind in ABOUT_REQUESTS},
    **{str(kind): password_letter(kind) for kind in ABOUT_PASSWORDS},
    "invite_same_zone_no_notes": letter(MailKind.INVITE, notes="", company_zone="America/Los_Angeles"),
    "invite_again": letter(MailKind.INVITE, replaces=True),
    "updated_contact": letter(MailKind.UPDATED, changed=("the clinic's phone", "the dial-in number")),
    "invite_series": letter(MailKind.INVITE, visits=WEEKLY),
    "updated_dates_left": letter(
        MailKind.UPDATED,
        visits=WEEKLY[:2],
        left=(replace(WEEKLY[2], left_at=datetime(2026, 11, 23, 20, 0, tzinfo=UTC)),),
    ),
    "cancellation_called_off": letter(MailKind.CANCELLATION, called_off=True),
    "cancellation_series_called_off": letter(MailKind.CANCELLATION, called_off=True, visits=WEEKLY),
    "confirmation_phone": letter(MailKind.CONFIRMATION, visits=(visit(kind=VisitType.PHONE),)),
    "clinic_all_declined_one_asked": letter(MailKind.CLINIC_ALL_DECLINED, asked=1, declined=1),
    "clinic_all_declined_some_bounced": letter(MailKind.CLINIC_ALL_DECLINED, asked=3, declined=2),
    "clinic_expired_nobody_answered": letter(MailKind.CLINIC_EXPIRED, declined=0),
    "clinic_undeliverable_one_asked": letter(MailKind.CLINIC_UNDELIVERABLE, asked=1, declined=0),
}


def written(message: EmailMessage) -> str:
    """Headers and text part as a plain file."""
    headers = "\n".join(f"{name}: {value}" for name, value in message.items() if name != "Content-Type")
    part = message.get_body(("plain",))
    assert part is not None
    return f"{headers}\n\n{part.get_content()}"


@pytest.mark.parametrize("name", CASES)
def test_a_mail_reads_as_it_was_last_agreed(name: str, tmp_path: Path) -> None:
    found = written(renderer(tmp_path).render(CASES[name]))
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get(UPDATE):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
        pytest.fail(f"{file.name} was written; run again without {UPDATE}")

    assert found == file.read_text(encoding="utf-8")


def test_no_snapshot_is_left_over() -> None:
    assert {file.stem for file in SNAPSHOTS.glob("*.txt")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_same_letter_gives_the_same_mail(name: str, tmp_path: Path) -> None:
    first, second = renderer(tmp_path).render(CASES[name]), renderer(tmp_path).render(CASES[name])

    assert written(first) == written(second)


@pytest.mark.parametrize("name", CASES)
def test_the_standard_parser_finds_nothing_wrong_on_the_wire(name: str, tmp_path: Path) -> None:
    wire = renderer(tmp_path).render(CASES[name]).as_bytes(policy=WIRE_POLICY)

    assert wire.isascii()
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998
    message = message_from_bytes(wire, policy=default)
    for part in message.walk():
        assert part.defects == []
        for value in part.values():
            assert value.defects == ()
        if part.get_content_maintype() == "text":
            part.get_content()


@pytest.mark.parametrize("name", CASES)
def test_every_mail_has_the_headers_a_mail_needs_once(name: str, tmp_path: Path) -> None:
    message = renderer(tmp_path).render(CASES[name])

    assert [header.lower() for header, _value in message.items()] == [
        "from", "to", "reply-to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type",
    ]  # fmt: skip
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@interpreter-dispatch.example>")
    assert message["Date"].datetime == CASES[name].created_at
