"""Carries out the plan of a change: what it withdraws, whom it asks anew, who is told, in the caller's transaction."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actions._assignments import end_assignment, update_assignment
from shared.actions._booking import ask, fill_visit, free_pin, make_recurrence, make_visit
from shared.actions._moves import close_if_due, lock_invites, lock_request, record_move, settle_invites
from shared.audit import Actor, AuditEvent, record
from shared.changes import ChangeKind, ChangePlan, Ending, VisitChange, Wish, plan_change
from shared.errors import NotFoundError
from shared.meeting import new_room
from shared.models import Appointment, Recurrence, Request, RequestVisit, Visit
from shared.rules import Scope
from shared.states import Reach, RequestState, VisitStatus, next_request_state


def locked_plan(session: Session, scope: Scope, wish: Wish, now: datetime) -> ChangePlan:
    """Lock the appointment's visits, then their current requests and invites; close what is overdue; then plan."""
    appointment_id = session.scalar(
        select(Visit.appointment_id).where(Visit.id == wish.visit_id, Visit.clinic_id == scope.clinic_id)
    )
    if appointment_id is None:
        raise NotFoundError
    visits = session.scalars(
        select(Visit)
        .where(Visit.appointment_id == appointment_id)
        .order_by(Visit.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for request_id in sorted({visit.request_id for visit in visits if visit.request_id is not None}):
        request = lock_request(session, request_id)
        lock_invites(session, request_id)
        close_if_due(session, request, now=now)
    session.flush()
    return plan_change(session, scope, wish, now=now)


def carry_out(session: Session, plan: ChangePlan, *, by: Actor, now: datetime) -> None:
    """Do what a plan without errors says; the caller holds the locks of locked_plan.

    Winners are told before new requests are made, so that a cancellation or an update leaves before a new question.
    Those who were asked and have not answered are told last: whoever is asked anew is told nothing else.
    """
    base = session.get_one(Visit, plan.wish.visit_id)
    appointment = session.get_one(Appointment, base.appointment_id)
    recurrence = _new_rule(session, plan, now)
    visits = {c.handle: _apply(session, plan, c, appointment, recurrence, by, now) for c in plan.changes}
    for ending in plan.endings:
        _end(session, ending, by, now)
    _tell_holders(session, plan, appointment, by, now)
    for visit_id in plan.unasked:
        session.get_one(Visit, visit_id).request_id = None
    for asking in plan.askings:
        asked = [visits.get(handle) or session.get_one(Visit, handle) for handle in asking.handles]
        ask(session, asking.question, asked, by=by, now=now)
    touched = {visit_id for visit_id, _version in plan.versions}
    for visit_id in sorted(touched):
        session.get_one(Visit, visit_id).version += 1
    session.flush()
    for ending in plan.endings:
        if ending.event is not None:
            settle_invites(session, session.get_one(Request, ending.request_id), now=now)


def _new_rule(session: Session, plan: ChangePlan, now: datetime) -> Recurrence | None:
    """A changed rule begins a series of its own; the old one ends before it, as it does when its rest is cancelled."""
    base, wish = session.get_one(Visit, plan.wish.visit_id), plan.wish
    if wish.reach is not Reach.FOLLOWING or base.recurrence_id is None or base.occurs_on is None:
        return None
    changed = plan.draft.repeat != plan.before.repeat
    if not changed and wish.kind is not ChangeKind.CANCEL:
        return None
    old = session.get_one(Recurrence, base.recurrence_id)
    if old.first_on < base.occurs_on:
        old.until_on, old.count = base.occurs_on - timedelta(days=1), None
    if not changed or plan.draft.repeat is None:
        return None
    # Not the first visit's date: the rule may begin with one that somebody took out, or moved behind another.
    first_on = plan.draft.repeat.dates(base.occurs_on)[0]
    return make_recurrence(session, base.appointment_id, plan.draft.repeat, first_on, now)


def _apply(
    session: Session,
    plan: ChangePlan,
    change: VisitChange,
    appointment: Appointment,
    recurrence: Recurrence | None,
    by: Actor,
    now: datetime,
) -> Visit:
    if change.added:
        return make_visit(
            session,
            change.draft,
            change.slot,
            appointment=appointment,
            recurrence_id=recurrence.id if recurrence else None,
            time_zone=change.time_zone,
            by=by,
            now=now,
        )
    visit = session.get_one(Visit, change.handle)
    if change.cancelled:
        _cancel(session, visit, plan.wish.reason, by, now)
        return visit
    fill_visit(visit, change.draft, change.slot)
    if recurrence is not None:
        visit.recurrence_id = recurrence.id
    record(
        session,
        AuditEvent.VISIT_CHANGED,
        clinic_id=visit.clinic_id,
        by=by,
        now=now,
        visit_id=visit.id,
        fields=change.fields,
    )
    return visit


def _cancel(session: Session, visit: Visit, reason: str, by: Actor, now: datetime) -> None:
    before, visit.status = visit.status, VisitStatus.CANCELLED
    visit.cancelled_at, visit.cancel_reason = now, reason or None
    record(
        session,
        AuditEvent.VISIT_CANCELLED,
        clinic_id=visit.clinic_id,
        by=by,
        now=now,
        visit_id=visit.id,
        moved=(before, visit.status),
        fields=("reason",) if reason else (),
    )


def _end(session: Session, ending: Ending, by: Actor, now: datetime) -> None:
    """Move a request out of the way, or take the leaving visits out of one that lives on. A winner that keeps nothing
    to come is told that it is over; visits that are past by then stay in its request as history."""
    request = session.get_one(Request, ending.request_id)
    if ending.event is not None:
        before = request.state
        state = next_request_state(before, ending.event)
        assert state is not None, f"{before} knows no {ending.event}"
        request.state, request.closed_at = state, now
        record_move(session, request, before, by=by, now=now)
    else:
        _leave(session, request, ending, by, now)
    for visit in (session.get_one(Visit, visit_id) for visit_id in ending.leaving):
        if visit.status is VisitStatus.SCHEDULED:  # a cancelled one keeps what it was asked for as its history
            visit.request_id = None
    session.flush()
    if ending.event is not None or ending.loses_last:
        end_assignment(session, request, now=now)


def _leave(session: Session, request: Request, ending: Ending, by: Actor, now: datetime) -> None:
    for visit_id in ending.leaving:
        session.get_one(RequestVisit, (request.id, visit_id)).left_at = now
        record(
            session,
            AuditEvent.VISIT_LEFT_REQUEST,
            clinic_id=request.clinic_id,
            by=by,
            now=now,
            visit_id=visit_id,
            request_id=request.id,
        )


def _tell_holders(session: Session, plan: ChangePlan, appointment: Appointment, by: Actor, now: datetime) -> None:
    """Tell the winners that keep visits. A room that a company has lost for good gets another name and PIN, and whoever
    still holds visits of the appointment is told these."""
    fields: dict[int, tuple[str, ...]] = {
        ending.request_id: ("date",) for ending in plan.endings if ending.event is None and not ending.loses_last
    }
    if any(ending.changes_room for ending in plan.endings):
        appointment.room, appointment.pin = new_room(), free_pin(session)
        for request_id in _holding(session, appointment.id, now):
            fields[request_id] = (*fields.get(request_id, ()), "pin")
    for request_id, changed in sorted(fields.items()):
        update_assignment(session, session.get_one(Request, request_id), by=by, fields=changed, now=now)


def _holding(session: Session, appointment_id: int, now: datetime) -> list[int]:
    """The accepted requests with visits of the appointment still to come."""
    found = (
        select(Request.id)
        .join(Visit, Visit.request_id == Request.id)
        .where(
            Visit.appointment_id == appointment_id,
            Visit.status == VisitStatus.SCHEDULED,
            Visit.ends_at > now,
            Request.state == RequestState.ACCEPTED,
        )
        .distinct()
    )
    return list(session.scalars(found))
