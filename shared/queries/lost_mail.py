"""Mail that did not arrive: the clinic's list for administrators, and what a visit's details tell of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.db import reading
from shared.lost_mail import LOST, again, kinds_like
from shared.models import (
    Appointment,
    Company,
    Invite,
    InviteAddress,
    Mail,
    PasswordLink,
    Request,
    RequestVisit,
    User,
)
from shared.queries._paging import Place, place_of
from shared.queries._trail import MAIL_WORDS
from shared.queries.cards import reference_of
from shared.rules import Scope
from shared.states import MailKind, MailState

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class LostMail:
    """A mail that was refused or given up: ``what`` in words, to whom, since when, ``why`` in words, and what the mail
    server said, if it said anything. Company fields are empty for mail to the clinic's own people."""

    id: int
    what: str
    recipient: str
    company_name: str
    company_phone: str
    refused: bool
    since: datetime
    why: str
    said: str


@dataclass(frozen=True, slots=True)
class LostMailRow:
    """One of the clinic's list. ``visit_id`` is the first visit that it is about; ``user_name`` whom a password's mail
    was for. ``to`` are the addresses that would get it again; ``why_not``: why none would."""

    mail: LostMail
    visit_id: int | None
    reference: str
    user_name: str
    to: tuple[str, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class LostMailPage:
    """A page of the clinic's list, the newest first."""

    rows: tuple[LostMailRow, ...]
    place: Place


def lost_mail_page(scope: Scope, page: int, *, now: datetime) -> LostMailPage:
    """A page of the mails of the clinic that did not arrive; a page past the end gives the last one."""
    lost = (Mail.clinic_id == scope.clinic_id, Mail.state.in_(LOST))
    with reading() as session:
        total = session.scalars(select(func.count()).select_from(Mail).where(*lost)).one()
        place = place_of(page, size=PAGE_SIZE, total=total)
        newest = (Mail.settled_at.desc(), Mail.id.desc())
        rows = session.execute(_select().where(*lost).order_by(*newest).offset(place.before).limit(PAGE_SIZE)).all()
        return LostMailPage(tuple(_row(session, row, now) for row in rows), place)


def lost_mail_of_visit(session: Session, visit_id: int) -> tuple[LostMail, ...]:
    """Mail besides invites that companies were to get about the visit, by any of its requests, and know nothing of.

    An address knows what the newest of its mails says. The end of an assignment one of the company's addresses knows.
    """
    asked = select(RequestVisit.request_id).where(RequestVisit.visit_id == visit_id)
    found = Mail.request_id.in_(asked), Mail.invite_address_id.is_not(None), Mail.state != MailState.DROPPED
    rows = session.execute(_select().where(*found, Mail.kind != MailKind.INVITE).order_by(Mail.id)).all()
    newest = {row.Mail.invite_address_id: row for row in rows}
    return tuple(_lost(row) for row in newest.values() if row.Mail.state in LOST and not _knows(row, rows))


def _knows(lost: Any, rows: Sequence[Any]) -> bool:
    """Whether the address is the company's no more, and another one has got the mail or is about to."""
    return lost.InviteAddress.is_removed and any(
        row.Mail.invite_id == lost.Mail.invite_id
        and row.Mail.kind in kinds_like(lost.Mail.kind)
        and row.Mail.state not in LOST
        for row in rows
    )


def _select() -> Select[*tuple[Any, ...]]:
    first_visit = (
        select(func.min(RequestVisit.visit_id)).where(RequestVisit.request_id == Mail.request_id).scalar_subquery()
    )
    return (
        select(
            Mail,
            InviteAddress,
            Company.name.label("company_name"),
            Company.phone.label("company_phone"),
            Appointment.number,
            first_visit.label("visit_id"),
            User.name.label("user_name"),
        )
        .outerjoin(InviteAddress, InviteAddress.id == Mail.invite_address_id)
        .outerjoin(Invite, Invite.id == InviteAddress.invite_id)
        .outerjoin(Company, Company.id == Invite.company_id)
        .outerjoin(Request, Request.id == Mail.request_id)
        .outerjoin(Appointment, Appointment.id == Request.appointment_id)
        .outerjoin(PasswordLink, PasswordLink.id == Mail.password_link_id)
        .outerjoin(User, User.id == PasswordLink.user_id)
    )


def _row(session: Session, row: Any, now: datetime) -> LostMailRow:
    how = again(session, row.Mail, now=now)
    return LostMailRow(
        mail=_lost(row),
        visit_id=row.visit_id,
        reference=reference_of(row.number) if row.number is not None else "",
        user_name=row.user_name or "",
        to=tuple(recipient.email for recipient in how.to),
        why_not=how.why_not,
    )


def _lost(row: Any) -> LostMail:
    mail: Mail = row.Mail
    return LostMail(
        id=mail.id,
        what=MAIL_WORDS.get(mail.kind, "Mail"),
        recipient=mail.recipient,
        company_name=row.company_name or "",
        company_phone=row.company_phone or "",
        refused=mail.state is MailState.BOUNCED,
        since=mail.settled_at or mail.created_at,
        why=_why(mail),
        said=mail.last_error,
    )


def _why(mail: Mail) -> str:
    if mail.state is MailState.DEAD:
        return "Tried for 72 hours, and put off each time."
    if mail.last_error.startswith("RCPT"):
        return "The mail server does not take mail for this address."
    return "The mail server refused this mail."
