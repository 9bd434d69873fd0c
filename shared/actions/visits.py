"""Confirming the preview of a new visit: visit or series, request and invites come into being together."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from shared.actions._booking import ask, lock_clinic, make_appointment, make_recurrence, make_visit
from shared.audit import Actor
from shared.db import transaction
from shared.errors import DomainError
from shared.models import Clinic, Confirmation, Visit
from shared.plan import Question, VisitDraft, VisitPlan, make_plan
from shared.rules import Scope


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preview promised: its key (works once), its content's digest, the companies it named, and the zone that
    its times were read in (empty: not promised)."""

    key: str
    digest: str
    company_ids: tuple[int, ...]
    time_zone: str = ""


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
        clinic = lock_clinic(session, scope.clinic_id)
        earlier = session.get(Confirmation, preview.key)
        if earlier is not None and earlier.user_id == scope.user_id and earlier.digest == draft.digest():
            return ConfirmResult(ConfirmOutcome.ALREADY_MADE, visit_id=earlier.visit_id)
        if earlier is not None or preview.digest != draft.digest():
            return ConfirmResult(ConfirmOutcome.CONTENT_CHANGED)
        plan = make_plan(session, scope, draft, now=now)
        if plan.errors or _is_other(plan, preview):
            outcome = ConfirmOutcome.INVALID if plan.errors else ConfirmOutcome.PREVIEW_AGAIN
            return ConfirmResult(outcome, plan=plan)
        visit = _create_visits(session, Actor(user_id=scope.user_id), clinic, plan, now)
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


def _is_other(plan: VisitPlan, preview: Preview) -> bool:
    """Whether the plan is not what the preview showed: other companies, or times read in another zone."""
    return plan.company_ids != preview.company_ids or (preview.time_zone or plan.time_zone) != plan.time_zone


def _create_visits(session: Session, by: Actor, clinic: Clinic, plan: VisitPlan, now: datetime) -> Visit:
    """All visits of the plan under one appointment, and one request for them; returns the first."""
    appointment = make_appointment(session, clinic, now)
    recurrence = None
    if plan.draft.repeat is not None:
        recurrence = make_recurrence(session, appointment.id, plan.draft.repeat, plan.draft.day, now)
    visits = [
        make_visit(
            session,
            plan.draft,
            slot,
            appointment=appointment,
            recurrence_id=recurrence.id if recurrence else None,
            time_zone=plan.time_zone,
            by=by,
            now=now,
        )
        for slot in plan.slots
    ]
    if plan.companies:
        assert plan.deadline is not None
        question = Question(
            language_tag=plan.draft.language_tag,
            language_name=plan.language_name,
            language_short_name=plan.language_short_name,
            notes=plan.draft.notes,
            picks=plan.draft.picks,
            companies=plan.companies,
            deadline=plan.deadline,
        )
        ask(session, question, visits, by=by, now=now)
    return visits[0]
