"""Letters of every kind, as the outbox would hand them to the renderer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.mails import Letter, MailRenderer, OfferVisit, PasswordLetter
from shared.settings import from_environ
from shared.states import MailKind, VisitType
from shared.tokens import Tokens
from tests.databases import environ_for

KEY = "a-key-for-tests-alone-and-long-enough-to-be-taken"
ASSIGNED = (MailKind.CONFIRMATION, MailKind.UPDATED, MailKind.CANCELLATION)
NAMING_COMPANY = (
    MailKind.CLINIC_ACCEPTED,
    MailKind.CLINIC_CONFIRMATION_BOUNCED,
    MailKind.CLINIC_CANCELLATION_BOUNCED,
)
TO_COMPANY = (MailKind.INVITE, MailKind.FILLED, MailKind.WITHDRAWN, *ASSIGNED)
ABOUT_PASSWORDS = (MailKind.USER_INVITE, MailKind.PASSWORD_RESET)
ABOUT_REQUESTS = tuple(kind for kind in MailKind if kind not in ABOUT_PASSWORDS)
STARTS = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)


def renderer(folder: Path) -> MailRenderer:
    """A renderer with links signed by the tests' key."""
    return MailRenderer(from_environ(environ_for(f"sqlite:///{folder}/dispatch.sqlite3", folder)), Tokens((KEY,)))


def visit(
    starts_at: datetime = STARTS,
    *,
    minutes: int = 45,
    zone: str = "America/Los_Angeles",
    number: int = 7,
    kind: VisitType = VisitType.VIDEO,
) -> OfferVisit:
    """One visit of an offer."""
    return OfferVisit(
        visit_id=number,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        duration_minutes=minutes,
        time_zone=zone,
        visit_type=kind,
        provider_name="Dr. Ana Alvarez",
    )


def letter(kind: MailKind, **changes: object) -> Letter:
    """A letter of the kind, with the fields that this kind has."""
    found = Letter(
        kind=kind,
        recipient="dispatch@northlight.example" if kind in TO_COMPANY else "scheduler@riverside.example",
        message_id="0123456789abcdef0123456789abcdef",
        created_at=datetime(2026, 11, 23, 20, 0, tzinfo=UTC),
        clinic_name="Riverside Clinic",
        contact_phone="+1 555 0142",
        contact_email="scheduling@riverside.example",
        reference="A-10487",
        language_name="American Sign Language",
        language_short_name="ASL",
        notes="Cardiology vocabulary.\nThe door is at the back." if kind in TO_COMPANY else "",
        visits=(visit(),),
        deadline=datetime(2026, 11, 24, 5, 10, tzinfo=UTC),
        asked=3,
        declined=3 if kind is MailKind.CLINIC_ALL_DECLINED else 1,
    )
    if kind in {*TO_COMPANY, *NAMING_COMPANY}:
        found = replace(
            found, company_name="Northlight ASL", company_phone="+1 555 0170", company_zone="America/New_York"
        )
    if kind in {*ASSIGNED, *NAMING_COMPANY}:
        found = replace(found, responder="T. Boyle")
    if kind is MailKind.INVITE:
        found = replace(found, link_id="abcdefghijklmnop")
    if kind in ASSIGNED:
        found = replace(found, guest_id="qrstuvwxyzabcdef", assignment_id=5)
    if kind in {MailKind.CONFIRMATION, MailKind.UPDATED}:
        found = replace(found, dial_in_number="+1 555 0100", pin="482913075")
    return replace(found, **changes)  # type: ignore[arg-type]


def password_letter(kind: MailKind, **changes: object) -> PasswordLetter:
    """A letter that brings somebody of the clinic a link to choose a password."""
    found = PasswordLetter(
        kind=kind,
        recipient="ana@riverside.example",
        message_id="0123456789abcdef0123456789abcdef",
        created_at=datetime(2026, 11, 23, 20, 0, tzinfo=UTC),
        clinic_name="Riverside Clinic",
        contact_phone="+1 555 0142",
        contact_email="scheduling@riverside.example",
        person="Dr. Ana Alvarez",
        link_id="abcdefghijklmnop",
        expires_at=datetime(2026, 11, 26, 20, 0, tzinfo=UTC),
        time_zone="America/Los_Angeles",
    )
    return replace(found, **changes)  # type: ignore[arg-type]
