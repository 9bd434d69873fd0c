"""What a claimed mail is about, read when it is about to leave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from shared.db import reading
from shared.mails import Letter
from shared.models import Appointment, Clinic, Company, Invite, InviteAddress, Mail, Request, Visit
from shared.queries._offers import offer_visits
from shared.queries.cards import reference_of
from shared.rules import is_pointless
from shared.states import Answer, MailKind


@dataclass(frozen=True, slots=True)
class DueLetter:
    """A mail about to leave; ``pointless`` means that it would say what is no longer so."""

    letter: Letter
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
            return None
        mail, request, invite = row.Mail, row.Request, row.Invite
        pointless = is_pointless(
            mail.kind,
            state=request.state,
            deadline=request.deadline,
            answer=invite.answer if invite else None,
            is_current=bool(session.scalar(select(exists().where(Visit.request_id == request.id)))),
            now=now,
        )
        return DueLetter(_letter(session, row), pointless)


def _letter(session: Session, row: Any) -> Letter:
    """The letter of a row; what only the winner may read stays empty in all mails but its confirmation."""
    mail, request, clinic, appointment, invite, company = row
    won = mail.kind is MailKind.CONFIRMATION
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
        visits=offer_visits(session, request.id),
        deadline=request.deadline,
        asked=_count(session, request.id),
        declined=_count(session, request.id, Answer.DECLINED),
        company_name=company.name if company else "",
        company_phone=company.phone if company else "",
        company_zone=company.time_zone if company else "",
        responder=invite.responder if invite else "",
        link_id=_link_id(session, mail),
        guest_id=invite.guest_id if won else "",
        assignment_id=invite.id if won else 0,
        dial_in_number=clinic.dial_in_number if won else "",
        pin=appointment.pin if won else "",
    )


def _count(session: Session, request_id: int, answer: Answer | None = None) -> int:
    count = select(func.count()).select_from(Invite).where(Invite.request_id == request_id)
    if answer is not None:
        count = count.where(Invite.answer == answer)
    return session.scalars(count).one()


def _link_id(session: Session, mail: Mail) -> str:
    if mail.invite_address_id is None:
        return ""
    return session.get_one(InviteAddress, mail.invite_address_id).link_id
