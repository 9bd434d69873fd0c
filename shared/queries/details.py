"""One visit with everything about it: its request, each company's mail and answer, and its history."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.changes import rule_of
from shared.db import reading
from shared.models import (
    Appointment,
    Clinic,
    Company,
    Invite,
    InviteAddress,
    InviteOpening,
    Mail,
    Recurrence,
    Request,
    Visit,
)
from shared.queries.cards import VisitCard, card_of, in_scope, select_cards
from shared.queries.history import VisitHistory, visit_history
from shared.queries.lost_mail import LostMail, lost_mail_of_visit
from shared.rules import JOIN_OPENS, JoinWindow, Scope, can_answer, join_window
from shared.states import Answer, BadgeKind, MailKind, MailState, RequestState, VisitStatus


@dataclass(frozen=True, slots=True)
class AddressStanding:
    """One dispatch address (empty once it was removed): what became of its invite mail, and when; when its link was
    first opened (a hint)."""

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
class SeriesStanding:
    """The series that a visit belongs to: its rule, and all its visits by their start, cancelled ones too.

    ``covered`` of ``total`` scheduled visits to come have an interpreter; of all of them once none is to come.
    """

    words: str
    visits: tuple[VisitCard, ...]
    covered: int
    total: int


@dataclass(frozen=True, slots=True)
class VisitDetails:
    """Everything the details page shows. ``series`` is None for a visit that does not repeat. ``changeable`` and
    ``cancellable``: an edit is possible until the start, a cancellation until the end. ``pin`` is empty for who only
    reads: it opens the meeting, and they don't join. ``lost_mail`` are mails besides invites, by any of its requests,
    as long as the visit is not over."""

    card: VisitCard
    patient_contact: str
    clinic_zone: str
    dial_in_number: str
    pin: str
    status: VisitStatus
    window: JoinWindow
    opens_at: datetime
    cancelled_at: datetime | None
    cancel_reason: str
    patient_removed_at: datetime | None
    changeable: bool
    cancellable: bool
    request: RequestStanding | None
    lost_mail: tuple[LostMail, ...]
    series: SeriesStanding | None
    history: VisitHistory


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
            pin=appointment.pin if scope.may_book else "",
            status=visit.status,
            window=join_window(visit.starts_at, visit.ends_at, now=now),
            opens_at=visit.starts_at - JOIN_OPENS,
            cancelled_at=visit.cancelled_at,
            cancel_reason=visit.cancel_reason or "",
            patient_removed_at=visit.patient_removed_at,
            changeable=visit.status is VisitStatus.SCHEDULED and now < visit.starts_at,
            cancellable=visit.status is VisitStatus.SCHEDULED and now < visit.ends_at,
            request=_request(session, request, now) if request else None,
            lost_mail=() if visit.ends_at <= now else lost_mail_of_visit(session, visit.id),
            series=_series(session, scope, visit, now) if visit.recurrence_id is not None else None,
            history=visit_history(session, visit),
        )


def _series(session: Session, scope: Scope, visit: Visit, now: datetime) -> SeriesStanding:
    rows = session.execute(select_cards(*in_scope(scope), Visit.appointment_id == visit.appointment_id)).all()
    cards = tuple(card_of(row, now=now) for row in rows)
    alive = [card for card in cards if card.badge.kind is not BadgeKind.CANCELLED]
    scheduled = [card for card in alive if not card.over] or alive
    return SeriesStanding(
        words=rule_of(session.get_one(Recurrence, visit.recurrence_id)).words,
        visits=cards,
        covered=sum(card.badge.kind is BadgeKind.ACCEPTED for card in scheduled),
        total=len(scheduled),
    )


def _request(session: Session, request: Request, now: datetime) -> RequestStanding:
    rows = session.execute(
        select(Invite, Company, InviteAddress, Mail, InviteOpening)
        .join(Company, Company.id == Invite.company_id)
        .join(InviteAddress, InviteAddress.invite_id == Invite.id)
        .join(Mail, (Mail.invite_address_id == InviteAddress.id) & (Mail.kind == MailKind.INVITE))
        .outerjoin(InviteOpening, InviteOpening.invite_address_id == InviteAddress.id)
        .where(Invite.request_id == request.id)
        .order_by(Invite.position, InviteAddress.id, Mail.id)
    ).all()
    newest = {row.InviteAddress.id: row for row in rows}  # an address may have been written to again
    by_invite: dict[int, list[Any]] = defaultdict(list)
    for row in newest.values():
        by_invite[row.Invite.id].append(row)
    return RequestStanding(
        language_name=request.language_name,
        notes=request.notes,
        deadline=request.deadline,
        open=can_answer(request.state, request.deadline, now=now),
        state=request.state,
        companies=tuple(_company(group, request) for group in by_invite.values()),
    )


def _company(rows: list[Any], request: Request) -> CompanyStanding:
    invite, company = rows[0].Invite, rows[0].Company
    return CompanyStanding(
        name=company.name,
        phone=company.phone,
        addresses=tuple(
            AddressStanding(
                email="" if request.contacts_removed_at else row.InviteAddress.email,
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
