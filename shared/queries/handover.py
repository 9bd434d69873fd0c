"""What becomes of a provider's visits when somebody else takes them over: before it is done, and afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit import AuditEvent
from shared.changes import ChangePlan, find_successor, handover_digest, handover_wishes, plan_change, visits_ahead
from shared.db import reading
from shared.errors import DomainError
from shared.models import Appointment, AuditEntry, RequestVisit, User, Visit
from shared.queries.cards import VisitCard, card_of, reference_of, select_cards
from shared.rules import Scope
from shared.states import VisitStatus


@dataclass(frozen=True, slots=True)
class HandedVisit:
    """One visit that a handover touches. ``winner`` has accepted and is withdrawn, ``waiting`` have been asked and are
    withdrawn; ``asked`` are asked anew. ``nobody``: it was asked for and can't be any more."""

    id: int
    reference: str
    starts_at: datetime
    time_zone: str
    winner: str
    waiting: tuple[str, ...]
    asked: tuple[str, ...]
    nobody: bool


@dataclass(frozen=True, slots=True)
class Handover:
    """What handing over would do, by the visits' start. ``warnings`` are (reference, sentence); ``digest`` is what the
    button of its preview promises."""

    successor_name: str
    visits: tuple[HandedVisit, ...]
    warnings: tuple[tuple[str, str], ...]
    digest: str


def handover(scope: Scope, user_id: int, successor_id: int, *, now: datetime) -> Handover | None:
    """What handing over somebody's visits to come would do. Nothing is stored. None if there is nothing to hand over,
    nobody of this id, or nobody to take it. Raises DomainError if it can't be done."""
    with reading() as session:
        user = session.scalar(select(User).where(User.id == user_id, User.clinic_id == scope.clinic_id))
        successor = None if user is None else find_successor(session, user, successor_id)
        if user is None or successor is None:
            return None
        wishes = handover_wishes(session, scope, visits_ahead(session, user, now=now), successor, now=now)
        plans = [plan_change(session, scope, wish, now=now) for wish in wishes]
        if not plans:
            return None
        for plan in plans:
            if plan.errors:
                raise DomainError(" ".join(plan.errors.values()))
        names = {plan.wish.visit_id: _reference(session, plan) for plan in plans}
        visits = [visit for plan in plans for visit in _visits(session, plan, names[plan.wish.visit_id])]
        said = [(names[plan.wish.visit_id], sentence) for plan in plans for sentence in plan.notices]
        return Handover(
            successor_name=successor.name,
            visits=tuple(sorted(visits, key=lambda visit: (visit.starts_at, visit.id))),
            warnings=tuple(dict.fromkeys(said)),
            digest=handover_digest(plans),
        )


def left_unasked(scope: Scope, user_id: int, *, now: datetime) -> tuple[VisitCard, ...]:
    """The visits to come that lost their request when this person last left or changed the role, and have none yet."""
    with reading() as session:
        lines = session.scalars(
            select(AuditEntry)
            .where(
                AuditEntry.clinic_id == scope.clinic_id,
                AuditEntry.about_kind == "user",
                AuditEntry.about_id == user_id,
                AuditEntry.what.in_((AuditEvent.USER_DEACTIVATED, AuditEvent.USER_CHANGED)),
            )
            .order_by(AuditEntry.id.desc())
        )
        left = next((line for line in lines if line.what != AuditEvent.USER_CHANGED or "role" in line.fields), None)
        if left is None:
            return ()
        still = (Visit.request_id.is_(None), Visit.status == VisitStatus.SCHEDULED, Visit.starts_at > now)
        found = select_cards(Visit.clinic_id == scope.clinic_id, Visit.id.in_(_let_go(session, left)), *still)
        return tuple(card_of(row, now=now) for row in session.execute(found))


def _let_go(session: Session, left: AuditEntry) -> set[int]:
    """The visits whose request ended, or which left one, in the transaction that wrote this line of the trail."""
    lines = session.scalars(
        select(AuditEntry).where(
            AuditEntry.clinic_id == left.clinic_id,
            AuditEntry.at == left.at,
            AuditEntry.actor_user_id == left.actor_user_id,
            AuditEntry.what.in_((AuditEvent.REQUEST_MOVED, AuditEvent.VISIT_LEFT_REQUEST)),
        )
    ).all()
    ended = [line.request_id for line in lines if line.what == AuditEvent.REQUEST_MOVED]
    held = select(RequestVisit.visit_id).where(RequestVisit.request_id.in_(ended), RequestVisit.left_at.is_(None))
    return {*session.scalars(held), *(line.visit_id for line in lines if line.visit_id is not None)}


def _reference(session: Session, plan: ChangePlan) -> str:
    appointment_id = session.get_one(Visit, plan.wish.visit_id).appointment_id
    return reference_of(session.get_one(Appointment, appointment_id).number)


def _visits(session: Session, plan: ChangePlan, reference: str) -> Sequence[HandedVisit]:
    """The visits that one appointment's plan touches: also those of another provider, in a request that ends whole."""
    asked = {handle: asking.question.companies for asking in plan.askings for handle in asking.handles}
    endings = {visit_id: ending for ending in plan.endings for visit_id in ending.leaving}
    handed = []
    for visit_id in {change.handle for change in plan.changes} | asked.keys() | endings.keys():
        visit, ending = session.get_one(Visit, visit_id), endings.get(visit_id)
        handed.append(
            HandedVisit(
                id=visit.id,
                reference=reference,
                starts_at=visit.starts_at,
                time_zone=visit.time_zone,
                winner=ending.company_name if ending else "",
                waiting=ending.waiting if ending else (),
                asked=tuple(company.name for company in asked.get(visit_id, ())),
                nobody=visit.request_id is not None and visit_id not in asked,
            )
        )
    return handed
