"""One patient's data: taken along, and erased."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import privacy
from shared.actions._moves import lock_invites, lock_request
from shared.actions._saving import lock_as_admin
from shared.audit import Actor, AuditEvent, record
from shared.db import transaction
from shared.erasure import ErasurePlan, plan_erasure
from shared.models import Request, Visit
from shared.rules import Scope


def note_patient_export(scope: Scope, visit_ids: Sequence[int], *, now: datetime) -> None:
    """Write down who takes a copy of what is held about the patient of these visits, before it leaves.

    Raises DomainError for anybody who is no administrator. Another clinic's visits are left out.
    """
    with transaction() as session:
        lock_as_admin(session, scope)
        own = select(Visit.id).where(Visit.clinic_id == scope.clinic_id, Visit.id.in_(visit_ids)).order_by(Visit.id)
        for visit_id in session.scalars(own).all():
            _record(session, AuditEvent.PATIENT_EXPORTED, scope, now, visit_id=visit_id)


def erase_patient(scope: Scope, visit_ids: Sequence[int], *, promised: str, now: datetime) -> ErasurePlan | None:
    """Erase what names the patient of these visits, if the plan still is the one that the preview showed (``promised``
    is its digest); None otherwise, and nothing is erased. Gives what was erased.

    A second press finds another plan: nothing is left. Locks the clinic, the visits, then their requests and invites.
    Raises DomainError for anybody who is no administrator.
    """
    with transaction() as session:
        lock_as_admin(session, scope)
        _lock(session, scope, visit_ids)
        plan = plan_erasure(session, scope, visit_ids, now=now)
        if plan.is_empty or plan.digest() != promised:
            return None
        visits = [session.get_one(Visit, erased.id) for erased in plan.erased]
        privacy.empty_patients(session, visits, now=now)
        for erased in plan.erased:
            _record(session, AuditEvent.PATIENT_ERASED, scope, now, visit_id=erased.id, fields=erased.held)
        for silenced in plan.silenced:
            held = privacy.empty_notes(session, session.get_one(Request, silenced.request_id), now=now)
            _record(session, AuditEvent.NOTES_ERASED, scope, now, request_id=silenced.request_id, fields=held)
        return plan


def _lock(session: Session, scope: Scope, visit_ids: Sequence[int]) -> None:
    """Lock the clinic's visits of these, then the requests that they were ever part of."""
    visits = session.scalars(
        select(Visit)
        .where(Visit.clinic_id == scope.clinic_id, Visit.id.in_(visit_ids))
        .order_by(Visit.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    own = [visit.id for visit in visits]
    for request_id in session.scalars(select(Request.id).where(privacy.requests_of(own)).order_by(Request.id)).all():
        lock_request(session, request_id)
        lock_invites(session, request_id)


def _record(
    session: Session,
    what: AuditEvent,
    scope: Scope,
    now: datetime,
    *,
    visit_id: int | None = None,
    request_id: int | None = None,
    fields: tuple[str, ...] = (),
) -> None:
    record(
        session,
        what,
        clinic_id=scope.clinic_id,
        by=Actor(user_id=scope.user_id),
        now=now,
        visit_id=visit_id,
        request_id=request_id,
        fields=fields,
    )
