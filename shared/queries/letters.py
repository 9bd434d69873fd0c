"""What a claimed mail is about, read when it is about to leave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from shared.audit import AuditEvent
from shared.db import reading
from shared.mails import Letter, OfferVisit, PasswordLetter
from shared.models import (
    Appointment,
    AuditEntry,
    Clinic,
    Company,
    Invite,
    InviteAddress,
    Mail,
    PasswordLink,
    Request,
    RequestVisit,
    User,
    Visit,
)
from shared.outbox import ASSIGNING, has_no_point
from shared.queries._offers import has_nothing_to_come, offer_rules, offer_visits
from shared.queries.cards import reference_of
from shared.rules import password_link_holds
from shared.states import Answer, MailKind, MailState, RequestState, VisitStatus

Visits = tuple[OfferVisit, ...]
ENDING = (MailKind.CANCELLATION, MailKind.CLINIC_CANCELLATION_BOUNCED)
"""What is about an assignment that is over."""

CHANGED_WORDS = {
    "date": "the dates",
    "pin": "the meeting page and the PIN",
    "contact_phone": "the clinic's phone",
    "contact_email": "the clinic's mail address",
    "dial_in_number": "the dial-in number",
    "name": "a name",
}
"""What an update says of the fields that the trail names."""


@dataclass(frozen=True, slots=True)
class DueLetter:
    """A mail about to leave; ``pointless`` means that it would say what is no longer so."""

    letter: Letter | PasswordLetter
    pointless: bool


def letter_of(mail_id: int, *, now: datetime) -> DueLetter | None:
    """The letter of an outbox row, or None if the row is gone."""
    with reading() as session:
        row = session.execute(
            select(Mail, Request, Clinic, Appointment, Invite, Company)
            .join(Request, Request.id == Mail.request_id)
            .join(Clinic, Clinic.id == Mail.clinic_id)
            .join(Appointment, Appointment.id == Request.appointment_id)
            .outerjoin(Invite, Invite.id == Mail.invite_id)
            .outerjoin(Company, Company.id == Invite.company_id)
            .where(Mail.id == mail_id)
        ).one_or_none()
        if row is None:
            return _password_letter(session, mail_id, now)
        return DueLetter(_letter(session, row), pointless=has_no_point(session, row.Mail, now=now))


def _password_letter(session: Session, mail_id: int, now: datetime) -> DueLetter | None:
    """The letter of a mail that is about a password and no request."""
    row = session.execute(
        select(Mail, PasswordLink, User, Clinic)
        .join(PasswordLink, PasswordLink.id == Mail.password_link_id)
        .join(User, User.id == PasswordLink.user_id)
        .join(Clinic, Clinic.id == Mail.clinic_id)
        .where(Mail.id == mail_id)
    ).one_or_none()
    if row is None:
        return None
    mail, link, user, clinic = row
    letter = PasswordLetter(
        kind=mail.kind,
        recipient=mail.recipient,
        message_id=mail.message_id,
        created_at=mail.created_at,
        clinic_name=clinic.name,
        contact_phone=clinic.contact_phone,
        contact_email=clinic.contact_email,
        person=user.name,
        link_id=link.link_id,
        expires_at=link.expires_at,
        time_zone=clinic.time_zone,
    )
    holds = password_link_holds(active=user.active, used_at=link.used_at, expires_at=link.expires_at, now=now)
    return DueLetter(letter, pointless=not holds)


def _letter(session: Session, row: Any) -> Letter:
    """The letter of a row; what only the winner may read stays empty in all mails but its own."""
    mail, request, clinic, appointment, invite, company = row
    won = mail.kind in ASSIGNING
    assigned = won or mail.kind is MailKind.CANCELLATION
    told = offer_visits(session, request.id)
    held, left, past = _parted(told, mail)
    own_visit_id = None
    if mail.invite_address_id is None:
        held, own_visit_id = _of_clinic(session, mail, held)
    return Letter(
        kind=mail.kind,
        recipient=mail.recipient,
        message_id=mail.message_id,
        created_at=mail.created_at,
        clinic_name=clinic.name,
        contact_phone=clinic.contact_phone,
        contact_email=clinic.contact_email,
        reference=reference_of(appointment.number),
        language_name=request.language_name,
        language_short_name=request.language_short_name,
        notes=request.notes,
        visits=held,
        left=left if assigned else (),
        past=past,
        rules=offer_rules(session, told) if assigned else {},
        sequence=invite.calendar_sequence if assigned else 0,
        called_off=request.state is RequestState.CANCELLED,
        changed=_changed(session, mail),
        replaces=_replaces(session, mail, company),
        keeps_room=mail.kind is MailKind.CANCELLATION and _held_others(session, mail, request, invite),
        own_visit_id=own_visit_id,
        deadline=request.deadline,
        asked=_count(session, request.id),
        declined=_count(session, request.id, Answer.DECLINED),
        company_name=company.name if company else "",
        company_phone=company.phone if company else "",
        company_zone=company.time_zone if company else "",
        responder=invite.responder if invite else "",
        link_id=_link_id(session, mail),
        guest_id=invite.guest_id if assigned else "",
        assignment_id=invite.id if assigned else 0,
        dial_in_number=clinic.dial_in_number if won else "",
        pin=appointment.pin if won else "",
    )


def _parted(told: Visits, mail: Mail) -> tuple[Visits, Visits, Visits]:
    """The visits that a mail is about, those that had left before, and those that stay as history.

    A mail that ends an assignment is about what it took; if the request lives on with visits that were over by then,
    that is what left it last. A winner is told of what is to come, if anything is.
    """
    held = tuple(visit for visit in told if visit.left_at is None)
    left = tuple(visit for visit in told if visit.left_at is not None)
    if mail.kind in ENDING and has_nothing_to_come(told):
        last = max(visit.left_at for visit in left if visit.left_at is not None)
        return tuple(v for v in left if v.left_at == last), tuple(v for v in left if v.left_at != last), held
    past = tuple(visit for visit in held if visit.ends_at <= mail.created_at)
    if mail.kind not in ASSIGNING or len(past) == len(held):
        return held, left, ()
    return tuple(visit for visit in held if visit not in past), left, past


def _of_clinic(session: Session, mail: Mail, held: Visits) -> tuple[Visits, int | None]:
    """The visits that still have the request (others were cancelled or asked again since; of an assignment that is
    over all), and the first that the recipient has as a provider, who may open no others."""
    kept = (Visit.request_id == mail.request_id, Visit.status == VisitStatus.SCHEDULED)
    lost = (Visit.id.in_([visit.visit_id for visit in held]),)
    rows = session.execute(
        select(Visit.id, User.email)
        .join(User, User.id == Visit.provider_id)
        .where(*(lost if mail.kind in ENDING else kept))
    )
    provider = {row.id: row.email for row in rows}
    current = tuple(visit for visit in held if visit.visit_id in provider) or held
    own = (visit.visit_id for visit in current if provider.get(visit.visit_id) == mail.recipient)
    return current, next(own, None)


def _changed(session: Session, mail: Mail) -> tuple[str, ...]:
    """What an update tells, in words: the trail has it, at the same instant."""
    if mail.kind is not MailKind.UPDATED:
        return ()
    lines = session.scalars(
        select(AuditEntry.fields).where(
            AuditEntry.request_id == mail.request_id,
            AuditEntry.what == AuditEvent.WINNER_UPDATED,
            AuditEntry.at == mail.created_at,
        )
    )
    names = dict.fromkeys(name for fields in lines for name in fields)
    return tuple(CHANGED_WORDS.get(name, name.replace("_", " ")) for name in names)


def _replaces(session: Session, mail: Mail, company: Company | None) -> bool:
    """Whether the company was asked about one of the request's visits before, so that it holds a mail that is over."""
    if mail.kind is not MailKind.INVITE or company is None:
        return False
    asked, before, invite, sent = aliased(RequestVisit), aliased(RequestVisit), aliased(Invite), aliased(Mail)
    found = exists().where(
        asked.request_id == mail.request_id,
        before.visit_id == asked.visit_id,
        before.request_id < mail.request_id,
        invite.request_id == before.request_id,
        invite.company_id == company.id,
        sent.invite_id == invite.id,
        sent.kind == MailKind.INVITE,
        sent.state == MailState.SENT,
    )
    return bool(session.scalar(select(found)))


def _held_others(session: Session, mail: Mail, request: Request, invite: Invite) -> bool:
    """Whether the company had accepted other visits of the appointment, still to come when this assignment ended: room
    and PIN stay its own."""
    other, won = aliased(Request), aliased(Invite)
    found = exists().where(
        other.appointment_id == request.appointment_id,
        other.id != request.id,
        other.state == RequestState.ACCEPTED,
        won.request_id == other.id,
        won.company_id == invite.company_id,
        won.answer == Answer.ACCEPTED,
        Visit.request_id == other.id,
        Visit.status == VisitStatus.SCHEDULED,
        Visit.ends_at > mail.created_at,
    )
    return bool(session.scalar(select(found)))


def _count(session: Session, request_id: int, answer: Answer | None = None) -> int:
    count = select(func.count()).select_from(Invite).where(Invite.request_id == request_id)
    if answer is not None:
        count = count.where(Invite.answer == answer)
    return session.scalars(count).one()


def _link_id(session: Session, mail: Mail) -> str:
    if mail.invite_address_id is None:
        return ""
    return session.get_one(InviteAddress, mail.invite_address_id).link_id
