"""Confirming a preview: the visit, its request and its invites come into being together."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import outbox
from shared.audit import Actor, AuditEvent, record
from shared.db import transaction
from shared.errors import DomainError
from shared.meeting import new_pin, new_room
from shared.models import (
    Appointment,
    Clinic,
    Confirmation,
    Invite,
    InviteAddress,
    Request,
    RequestVisit,
    Visit,
)
from shared.plan import CompanyPlan, VisitDraft, VisitPlan, make_plan
from shared.rules import Scope
from shared.states import MailKind, RequestState, VisitStatus
from shared.tokens import new_public_id


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preview promised: its key (works once), its content's digest, and the companies it named."""

    key: str
    digest: str
    company_ids: tuple[int, ...]


class ConfirmOutcome(StrEnum):
    CREATED = "created"
    ALREADY_MADE = "already_made"
    CONTENT_CHANGED = "content_changed"
    PREVIEW_AGAIN = "preview_again"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class ConfirmResult:
    """What Confirm came to. ``visit_id`` for the first two outcomes, ``plan`` for the last two."""

    outcome: ConfirmOutcome
    visit_id: int | None = None
    plan: VisitPlan | None = None


def confirm_visit(scope: Scope, draft: VisitDraft, preview: Preview, *, now: datetime) -> ConfirmResult:
    """Create the visit that a preview showed, with its request, invites and mails, in one transaction.

    A second Confirm of the same preview finds the visit of the first. Groups are resolved anew; if that gives other
    companies than the preview named, nothing is made. Locks the clinic's row, which also counts appointments.
    Raises DomainError for a role that may only look.
    """
    if not scope.may_book:
        raise DomainError("Your role can look at visits, not create them.")
    with transaction() as session:
        clinic = _lock_clinic(session, scope.clinic_id)
        earlier = session.get(Confirmation, preview.key)
        if earlier is not None and earlier.user_id == scope.user_id and earlier.digest == draft.digest():
            return ConfirmResult(ConfirmOutcome.ALREADY_MADE, visit_id=earlier.visit_id)
        if earlier is not None or preview.digest != draft.digest():
            return ConfirmResult(ConfirmOutcome.CONTENT_CHANGED)
        plan = make_plan(session, scope, draft, now=now)
        if plan.errors or plan.company_ids != preview.company_ids:
            outcome = ConfirmOutcome.INVALID if plan.errors else ConfirmOutcome.PREVIEW_AGAIN
            return ConfirmResult(outcome, plan=plan)
        visit = _create_visit(session, scope, plan, _next_number(clinic), now)
        session.add(
            Confirmation(
                key=preview.key,
                clinic_id=scope.clinic_id,
                user_id=scope.user_id,
                digest=preview.digest,
                visit_id=visit.id,
                created_at=now,
            )
        )
        return ConfirmResult(ConfirmOutcome.CREATED, visit_id=visit.id)


def _lock_clinic(session: Session, clinic_id: int) -> Clinic:
    """Lock the clinic's row, so that its Confirms queue up: of two with the same key the second finds the first.

    NO KEY UPDATE: rows that merely point to the clinic (a mail, an answer's trail) are not held up.
    """
    return session.scalars(
        select(Clinic)
        .where(Clinic.id == clinic_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _next_number(clinic: Clinic) -> int:
    number = clinic.next_appointment_number
    clinic.next_appointment_number = number + 1
    return number


def _create_visit(session: Session, scope: Scope, plan: VisitPlan, number: int, now: datetime) -> Visit:
    draft = plan.draft
    appointment = Appointment(
        clinic_id=scope.clinic_id, number=number, room=new_room(), pin=_free_pin(session), created_at=now
    )
    session.add(appointment)
    session.flush()
    visit = Visit(
        clinic_id=scope.clinic_id,
        appointment_id=appointment.id,
        provider_id=draft.provider_id,
        created_by_id=scope.user_id,
        patient_name=draft.patient_name,
        patient_contact=draft.patient_contact,
        reason=draft.reason,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        duration_minutes=draft.duration_minutes,
        time_zone=plan.time_zone,
        visit_type=draft.visit_type,
        status=VisitStatus.SCHEDULED,
        created_at=now,
    )
    session.add(visit)
    session.flush()
    by = Actor(user_id=scope.user_id)
    record(
        session,
        AuditEvent.VISIT_CREATED,
        clinic_id=scope.clinic_id,
        by=by,
        now=now,
        visit_id=visit.id,
        moved=(None, visit.status),
    )
    if plan.companies:
        visit.request_id = _ask(session, scope, plan, visit, now)
    return visit


def _ask(session: Session, scope: Scope, plan: VisitPlan, visit: Visit, now: datetime) -> int:
    """Make the request: the offer as told, an invite per company, a mail per dispatch address."""
    assert plan.deadline is not None
    request = Request(
        clinic_id=scope.clinic_id,
        appointment_id=visit.appointment_id,
        created_by_id=scope.user_id,
        language_tag=plan.draft.language_tag,
        language_name=plan.language_name,
        language_short_name=plan.language_short_name,
        notes=plan.draft.notes,
        state=RequestState.PENDING,
        deadline=plan.deadline,
        created_at=now,
    )
    session.add(request)
    session.flush()
    session.add(_as_told(request, visit, plan.provider_name))
    record(
        session,
        AuditEvent.REQUEST_MADE,
        clinic_id=scope.clinic_id,
        by=Actor(user_id=scope.user_id),
        now=now,
        visit_id=visit.id,
        request_id=request.id,
        moved=(None, request.state),
    )
    for position, company in enumerate(plan.companies, start=1):
        _invite(session, request, company, position, now)
    return request.id


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


def _free_pin(session: Session) -> str:
    """A PIN that no other appointment has; the unique constraint stands behind it."""
    while True:
        pin = new_pin()
        if session.scalar(select(Appointment.id).where(Appointment.pin == pin)) is None:
            return pin
