"""How visits and requests come into being, for every action that makes some. The caller holds the transaction."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import outbox
from shared.audit import Actor, AuditEvent, record
from shared.choices import CompanyPlan
from shared.meeting import new_pin, new_room
from shared.models import Appointment, Clinic, Invite, InviteAddress, Recurrence, Request, RequestVisit, User, Visit
from shared.plan import Question, Slot, VisitDraft
from shared.repeat import Repeat
from shared.states import MailKind, RequestState, VisitStatus
from shared.tokens import new_public_id


def lock_clinic(session: Session, clinic_id: int) -> Clinic:
    """Lock the clinic's row, so that its Confirms queue up: of two with the same key the second finds the first.

    NO KEY UPDATE: rows that merely point to the clinic (a mail, an answer's trail) are not held up.
    """
    return session.scalars(
        select(Clinic)
        .where(Clinic.id == clinic_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def make_appointment(session: Session, clinic: Clinic, now: datetime) -> Appointment:
    """The next appointment of a clinic whose row is locked."""
    number = clinic.next_appointment_number
    clinic.next_appointment_number = number + 1
    appointment = Appointment(
        clinic_id=clinic.id, number=number, room=new_room(), pin=free_pin(session), created_at=now
    )
    session.add(appointment)
    session.flush()
    return appointment


def make_recurrence(session: Session, appointment_id: int, repeat: Repeat, first_on: date, now: datetime) -> Recurrence:
    """Store a series' rule, which gives ``first_on`` and dates after it."""
    recurrence = Recurrence(
        appointment_id=appointment_id,
        frequency=repeat.frequency,
        weekdays=list(repeat.weekdays),
        month_day=repeat.month_day,
        first_on=first_on,
        until_on=repeat.until,
        count=repeat.count,
        created_at=now,
    )
    session.add(recurrence)
    session.flush()
    return recurrence


def make_visit(
    session: Session,
    draft: VisitDraft,
    slot: Slot,
    *,
    appointment: Appointment,
    recurrence_id: int | None,
    time_zone: str,
    by: Actor,
    now: datetime,
) -> Visit:
    """One visit of an appointment, with its line in the trail."""
    assert by.user_id is not None
    visit = Visit(
        clinic_id=appointment.clinic_id,
        appointment_id=appointment.id,
        recurrence_id=recurrence_id,
        occurs_on=slot.occurs_on,
        created_by_id=by.user_id,
        time_zone=time_zone,
        status=VisitStatus.SCHEDULED,
        created_at=now,
    )
    fill_visit(visit, draft, slot)
    session.add(visit)
    session.flush()
    record(
        session,
        AuditEvent.VISIT_CREATED,
        clinic_id=visit.clinic_id,
        by=by,
        now=now,
        visit_id=visit.id,
        moved=(None, visit.status),
    )
    return visit


def fill_visit(visit: Visit, draft: VisitDraft, slot: Slot) -> None:
    """Write the form's values and their place in time into a visit's row."""
    visit.patient_name, visit.patient_contact, visit.reason = draft.patient_name, draft.patient_contact, draft.reason
    visit.provider_id, visit.visit_type = draft.provider_id, draft.visit_type
    visit.duration_minutes = draft.duration_minutes
    visit.starts_at, visit.ends_at = slot.starts_at, slot.ends_at


def ask(session: Session, question: Question, visits: Sequence[Visit], *, by: Actor, now: datetime) -> Request:
    """Make a request for visits of one appointment, the current one of each: the offer as told, an invite per company,
    a mail per dispatch address."""
    assert by.user_id is not None
    request = Request(
        clinic_id=visits[0].clinic_id,
        appointment_id=visits[0].appointment_id,
        created_by_id=by.user_id,
        language_tag=question.language_tag,
        language_name=question.language_name,
        language_short_name=question.language_short_name,
        notes=question.notes,
        picks=list(question.picks),
        state=RequestState.PENDING,
        deadline=question.deadline,
        created_at=now,
    )
    session.add(request)
    session.flush()
    for visit in visits:
        session.add(_as_told(request, visit, session.get_one(User, visit.provider_id).name))
        visit.request_id = request.id
        record(
            session,
            AuditEvent.REQUEST_MADE,
            clinic_id=request.clinic_id,
            by=by,
            now=now,
            visit_id=visit.id,
            request_id=request.id,
            moved=(None, request.state),
        )
    for position, company in enumerate(question.companies, start=1):
        _invite(session, request, company, position, now)
    return request


def free_pin(session: Session) -> str:
    """A PIN that no other appointment has; the unique constraint stands behind it."""
    while True:
        pin = new_pin()
        if session.scalar(select(Appointment.id).where(Appointment.pin == pin)) is None:
            return pin


def _as_told(request: Request, visit: Visit, provider_name: str) -> RequestVisit:
    return RequestVisit(
        request_id=request.id,
        visit_id=visit.id,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        duration_minutes=visit.duration_minutes,
        time_zone=visit.time_zone,
        visit_type=visit.visit_type,
        provider_name=provider_name,
        recurrence_id=visit.recurrence_id,
        occurs_on=visit.occurs_on,
    )


def _invite(session: Session, request: Request, company: CompanyPlan, position: int, now: datetime) -> None:
    invite = Invite(request_id=request.id, company_id=company.id, position=position, guest_id=new_public_id())
    session.add(invite)
    session.flush()
    addresses = [
        InviteAddress(invite_id=invite.id, company_address_id=address_id, email=email, link_id=new_public_id())
        for address_id, email in zip(company.address_ids, company.emails, strict=True)
    ]
    session.add_all(addresses)
    session.flush()
    outbox.queue_to_company(session, MailKind.INVITE, request, addresses, now=now)
