"""One visit with everything about it: its request, each company's mail and answer, and its history."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.audit import AuditEvent
from shared.db import reading
from shared.models import (
    Appointment,
    AuditEntry,
    Clinic,
    Company,
    Invite,
    InviteAddress,
    InviteOpening,
    Mail,
    Request,
    User,
    Visit,
)
from shared.queries.cards import VisitCard, card_of, in_scope, select_cards
from shared.rules import JOIN_OPENS, JoinWindow, Scope, can_answer, join_window
from shared.states import Answer, MailKind, MailState, RequestState, VisitStatus


@dataclass(frozen=True, slots=True)
class AddressStanding:
    """One dispatch address: what became of its invite mail, and when; when its link was first opened (a hint)."""

    email: str
    state: MailState
    at: datetime | None
    opened_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class CompanyStanding:
    """One company that was asked."""

    name: str
    phone: str
    addresses: tuple[AddressStanding, ...]
    answer: Answer | None
    responder: str
    answered_at: datetime | None
    decline_reason: str


@dataclass(frozen=True, slots=True)
class RequestStanding:
    """The visit's current request. ``open`` while companies can answer."""

    language_name: str
    notes: str
    deadline: datetime
    open: bool
    state: RequestState
    companies: tuple[CompanyStanding, ...]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the visit's history, as a plain sentence."""

    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class VisitDetails:
    """Everything the details page shows."""

    card: VisitCard
    patient_contact: str
    clinic_zone: str
    dial_in_number: str
    pin: str
    status: VisitStatus
    window: JoinWindow
    opens_at: datetime
    request: RequestStanding | None
    history: tuple[HistoryLine, ...]


def visit_details(scope: Scope, visit_id: int, *, now: datetime) -> VisitDetails | None:
    """The details of a visit, or None if the scope has no such visit."""
    with reading() as session:
        row = session.execute(select_cards(*in_scope(scope), Visit.id == visit_id)).one_or_none()
        if row is None:
            return None
        visit, request = row.Visit, row.Request
        clinic, appointment = session.execute(
            select(Clinic, Appointment)
            .join(Appointment, Appointment.clinic_id == Clinic.id)
            .where(Appointment.id == visit.appointment_id)
        ).one()
        return VisitDetails(
            card=card_of(row, now=now),
            patient_contact=visit.patient_contact,
            clinic_zone=clinic.time_zone,
            dial_in_number=clinic.dial_in_number,
            pin=appointment.pin,
            status=visit.status,
            window=join_window(visit.starts_at, visit.ends_at, now=now),
            opens_at=visit.starts_at - JOIN_OPENS,
            request=_request(session, request, now) if request else None,
            history=_history(session, visit),
        )


def _request(session: Session, request: Request, now: datetime) -> RequestStanding:
    rows = session.execute(
        select(Invite, Company, InviteAddress, Mail, InviteOpening)
        .join(Company, Company.id == Invite.company_id)
        .join(InviteAddress, InviteAddress.invite_id == Invite.id)
        .join(Mail, (Mail.invite_address_id == InviteAddress.id) & (Mail.kind == MailKind.INVITE))
        .outerjoin(InviteOpening, InviteOpening.invite_address_id == InviteAddress.id)
        .where(Invite.request_id == request.id)
        .order_by(Invite.position, InviteAddress.id)
    ).all()
    by_invite: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_invite[row.Invite.id].append(row)
    return RequestStanding(
        language_name=request.language_name,
        notes=request.notes,
        deadline=request.deadline,
        open=can_answer(request.state, request.deadline, now=now),
        state=request.state,
        companies=tuple(_company(group) for group in by_invite.values()),
    )


def _company(rows: list[Any]) -> CompanyStanding:
    invite, company = rows[0].Invite, rows[0].Company
    return CompanyStanding(
        name=company.name,
        phone=company.phone,
        addresses=tuple(
            AddressStanding(
                email=row.InviteAddress.email,
                state=row.Mail.state,
                at=row.Mail.settled_at,
                opened_at=row.InviteOpening.opened_at if row.InviteOpening else None,
                error=row.Mail.last_error,
            )
            for row in rows
        ),
        answer=invite.answer,
        responder=invite.responder,
        answered_at=invite.answered_at,
        decline_reason=invite.decline_reason,
    )


def _history(session: Session, visit: Visit) -> tuple[HistoryLine, ...]:
    about = AuditEntry.visit_id == visit.id
    if visit.request_id is not None:
        about = or_(about, AuditEntry.request_id == visit.request_id)
    rows = session.execute(
        select(AuditEntry, User.name, Company.name, Invite.responder, Mail.recipient, Mail.kind)
        .outerjoin(User, User.id == AuditEntry.actor_user_id)
        .outerjoin(Invite, Invite.id == AuditEntry.invite_id)
        .outerjoin(Company, Company.id == Invite.company_id)
        .outerjoin(Mail, Mail.id == AuditEntry.mail_id)
        .where(AuditEntry.clinic_id == visit.clinic_id, about)
        .order_by(AuditEntry.id)
    ).all()
    lines = [
        HistoryLine(entry.at, _sentence(entry, user or "", company or "", responder or "", recipient or "", kind))
        for entry, user, company, responder, recipient, kind in rows
    ]
    return tuple(line for line in lines if line.sentence)


_CLOSED_WORDS: dict[str, str] = {
    RequestState.ALL_DECLINED: "Nobody is left to answer: the request closed as declined",
    RequestState.EXPIRED: "The deadline passed without an acceptance",
    RequestState.UNDELIVERABLE: "No company could be reached: the request closed as undeliverable",
}

_MAIL_WORDS = {
    MailKind.INVITE: "Request",
    MailKind.FILLED: "“Filled” notice",
    MailKind.CONFIRMATION: "Confirmation",
    MailKind.UPDATED: "News of a change",
    MailKind.CANCELLATION: "Cancellation",
    MailKind.WITHDRAWN: "“Nothing to do” notice",
    MailKind.CLINIC_ACCEPTED: "News of the acceptance",
    MailKind.CLINIC_ALL_DECLINED: "News that all declined",
    MailKind.CLINIC_EXPIRED: "News that nobody accepted in time",
    MailKind.CLINIC_UNDELIVERABLE: "News that no company could be reached",
    MailKind.CLINIC_CONFIRMATION_BOUNCED: "News that the confirmation did not arrive",
}


def _sentence(entry: AuditEntry, user: str, company: str, responder: str, recipient: str, kind: MailKind | None) -> str:
    """A line of the trail in plain words; empty for lines that another one tells already."""
    mail = f"{_MAIL_WORDS[kind]} to {recipient}" if kind is not None else ""
    sentences = {
        AuditEvent.VISIT_CREATED: f"{user} created the visit",
        AuditEvent.REQUEST_MADE: f"{user} asked for an interpreter",
        AuditEvent.INVITE_ACCEPTED: f"{company} accepted ({responder})",
        AuditEvent.INVITE_DECLINED: f"{company} declined ({responder})",
        AuditEvent.DECLINE_REASON_GIVEN: f"{company} gave a reason for declining",
        AuditEvent.REQUEST_MOVED: _CLOSED_WORDS.get(entry.to_state or "", ""),
        AuditEvent.MAIL_SENT: f"{mail} was taken by the mail server",
        AuditEvent.MAIL_BOUNCED: f"{mail} could not be delivered",
        AuditEvent.MAIL_DEAD: f"{mail} could not be delivered in 72 hours",
    }
    try:
        return sentences.get(AuditEvent(entry.what), "")
    except ValueError:  # an event that a newer version wrote
        return ""
