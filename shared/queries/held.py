"""Everything that is held about one patient: what a copy of it is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from shared.changes import rule_of
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
    Recurrence,
    Request,
    RequestVisit,
    User,
    Visit,
)
from shared.privacy import requests_of
from shared.queries._trail import facts_of, select_trail, sentence_of
from shared.queries.cards import reference_of
from shared.rules import Scope


@dataclass(frozen=True, slots=True)
class HeldVisit:
    """A visit with everything in its row that means something outside the product."""

    id: int
    number: str
    patient_name: str
    patient_contact: str
    reason: str
    status: str
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    time_zone: str
    visit_type: str
    provider: str
    series: str
    created_at: datetime
    created_by: str
    cancelled_at: datetime | None
    cancel_reason: str
    patient_removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldOffer:
    """A visit as companies were told of it."""

    visit_id: int
    starts_at: datetime
    ends_at: datetime
    duration_minutes: int
    time_zone: str
    visit_type: str
    provider: str
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldCompany:
    """A company that was asked, and its answer."""

    company: str
    answer: str
    responder: str
    answered_at: datetime | None
    decline_reason: str
    first_opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A mail about a request: to whom, and what became of it. Its text is not kept."""

    kind: str
    recipient: str
    state: str
    created_at: datetime
    settled_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class HeldRequest:
    """A request that a visit was ever part of."""

    id: int
    number: str
    language: str
    notes: str
    state: str
    created_at: datetime
    created_by: str
    deadline: datetime
    closed_at: datetime | None
    offered: tuple[HeldOffer, ...]
    companies: tuple[HeldCompany, ...]
    mails: tuple[HeldMail, ...]


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A line of the audit trail about these visits or their requests."""

    at: datetime
    number: str
    event: str
    sentence: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldData:
    """Everything that is held about the patient of some visits."""

    clinic: str
    time_zone: str
    visits: tuple[HeldVisit, ...]
    requests: tuple[HeldRequest, ...]
    trail: tuple[HeldLine, ...]


def held_data(scope: Scope, visit_ids: Sequence[int]) -> HeldData:
    """Everything that is held about the patient of those of the visits that are the clinic's."""
    with reading() as session:
        clinic = session.get_one(Clinic, scope.clinic_id)
        creator = aliased(User)
        rows = session.execute(
            select(Visit, Appointment.number, User.name, creator.name, Recurrence)
            .join(Appointment, Appointment.id == Visit.appointment_id)
            .join(User, User.id == Visit.provider_id)
            .join(creator, creator.id == Visit.created_by_id)
            .outerjoin(Recurrence, Recurrence.id == Visit.recurrence_id)
            .where(Visit.clinic_id == scope.clinic_id, Visit.id.in_(visit_ids))
            .order_by(Visit.starts_at, Visit.id)
        ).all()
        own = [row[0].id for row in rows]
        requests = tuple(_requests(session, own))
        return HeldData(
            clinic=clinic.name,
            time_zone=clinic.time_zone,
            visits=tuple(_visit(*row) for row in rows),
            requests=requests,
            trail=tuple(_trail(session, own, [request.id for request in requests])),
        )


def _visit(visit: Visit, number: int, provider: str, created_by: str, recurrence: Recurrence | None) -> HeldVisit:
    return HeldVisit(
        id=visit.id,
        number=reference_of(number),
        patient_name=visit.patient_name,
        patient_contact=visit.patient_contact,
        reason=visit.reason,
        status=visit.status.value,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        duration_minutes=visit.duration_minutes,
        time_zone=visit.time_zone,
        visit_type=visit.visit_type.value,
        provider=provider,
        series=rule_of(recurrence).words if recurrence else "",
        created_at=visit.created_at,
        created_by=created_by,
        cancelled_at=visit.cancelled_at,
        cancel_reason=visit.cancel_reason or "",
        patient_removed_at=visit.patient_removed_at,
    )


def _requests(session: Session, visit_ids: Sequence[int]) -> list[HeldRequest]:
    rows = session.execute(
        select(Request, Appointment.number, User.name)
        .join(Appointment, Appointment.id == Request.appointment_id)
        .join(User, User.id == Request.created_by_id)
        .where(requests_of(visit_ids))
        .order_by(Request.id)
    ).all()
    return [
        HeldRequest(
            id=request.id,
            number=reference_of(number),
            language=request.language_name,
            notes=request.notes,
            state=request.state.value,
            created_at=request.created_at,
            created_by=created_by,
            deadline=request.deadline,
            closed_at=request.closed_at,
            offered=tuple(_offers(session, request.id, visit_ids)),
            companies=tuple(_companies(session, request.id)),
            mails=tuple(_mails(session, request.id)),
        )
        for request, number, created_by in rows
    ]


def _offers(session: Session, request_id: int, visit_ids: Sequence[int]) -> list[HeldOffer]:
    """What was told of these visits: the others of a request may be another person's."""
    rows = session.scalars(
        select(RequestVisit)
        .where(RequestVisit.request_id == request_id, RequestVisit.visit_id.in_(visit_ids))
        .order_by(RequestVisit.starts_at, RequestVisit.visit_id)
    )
    return [
        HeldOffer(
            visit_id=row.visit_id,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            duration_minutes=row.duration_minutes,
            time_zone=row.time_zone,
            visit_type=row.visit_type.value,
            provider=row.provider_name,
            left_at=row.left_at,
        )
        for row in rows
    ]


def _companies(session: Session, request_id: int) -> list[HeldCompany]:
    opened = (
        select(func.min(InviteOpening.opened_at))
        .join(InviteAddress, InviteAddress.id == InviteOpening.invite_address_id)
        .where(InviteAddress.invite_id == Invite.id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Invite, Company.name, opened)
        .join(Company, Company.id == Invite.company_id)
        .where(Invite.request_id == request_id)
        .order_by(Invite.position)
    ).all()
    return [
        HeldCompany(
            company=name,
            answer=invite.answer.value if invite.answer else "",
            responder=invite.responder,
            answered_at=invite.answered_at,
            decline_reason=invite.decline_reason,
            first_opened_at=first_opened_at,
        )
        for invite, name, first_opened_at in rows
    ]


def _mails(session: Session, request_id: int) -> list[HeldMail]:
    rows = session.scalars(select(Mail).where(Mail.request_id == request_id).order_by(Mail.id))
    return [
        HeldMail(
            kind=mail.kind.value,
            recipient=mail.recipient,
            state=mail.state.value,
            created_at=mail.created_at,
            settled_at=mail.settled_at,
            last_error=mail.last_error,
        )
        for mail in rows
    ]


def _trail(session: Session, visit_ids: Sequence[int], request_ids: Sequence[int]) -> list[HeldLine]:
    """Lines of these visits, and of their requests but for what is another visit's alone."""
    of_visits = select(AuditEntry.id).where(AuditEntry.visit_id.in_(visit_ids))
    of_requests = select(AuditEntry.id).where(
        AuditEntry.request_id.in_(request_ids), func.coalesce(AuditEntry.visit_id, 0) == 0
    )
    ids = session.scalars(of_visits.union_all(of_requests)).all()
    rows = session.execute(select_trail(AuditEntry.id.in_(ids)).order_by(AuditEntry.at, AuditEntry.id))
    found = (facts_of(row) for row in rows)
    return [
        HeldLine(
            at=facts.at,
            number=reference_of(facts.number) if facts.number is not None else "",
            event=facts.what,
            sentence=sentence_of(facts),
            fields=facts.fields,
        )
        for facts in found
    ]
