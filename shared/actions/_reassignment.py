"""Whose visits go to whom when a provider leaves. The caller holds the transaction and the clinic's row."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actions._changing import carry_out, locked_plan
from shared.audit import Actor
from shared.changes import ChangeKind, Wish, draft_of, read_family
from shared.errors import DomainError
from shared.models import User, Visit
from shared.rules import Scope
from shared.states import Role, VisitStatus


def visits_ahead(session: Session, provider: User, *, now: datetime) -> Sequence[Visit]:
    """The provider's visits that have not begun, in the order of their ids. One that is going on stays as it is."""
    return session.scalars(
        select(Visit)
        .where(Visit.provider_id == provider.id, Visit.status == VisitStatus.SCHEDULED, Visit.starts_at > now)
        .order_by(Visit.id)
    ).all()


def find_successor(session: Session, leaving: User, successor_id: int) -> User | None:
    """Another active provider of the same clinic, or None."""
    return session.scalar(
        select(User).where(
            User.id == successor_id,
            User.id != leaving.id,
            User.clinic_id == leaving.clinic_id,
            User.role == Role.PROVIDER,
            User.active,
        )
    )


def hand_over_visits(session: Session, scope: Scope, visits: Sequence[Visit], successor: User, *, now: datetime) -> int:
    """Give visits to another provider, as an edit of each appointment would: open and accepted requests are withdrawn
    and asked anew. Gives the number of visits that nobody could be asked for any more.
    """
    unasked = 0
    by = Actor(user_id=scope.user_id)
    appointments: defaultdict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        appointments[visit.appointment_id].append(visit)
    for _id, members in sorted(appointments.items()):
        base = members[0]
        draft = draft_of(session, read_family(session, scope, base.id, now=now), base)
        wish = Wish(
            ChangeKind.EDIT,
            base.id,
            base.version,
            draft=replace(draft, provider_id=successor.id),
            only=tuple(visit.id for visit in members),
        )
        plan = locked_plan(session, scope, wish, now)
        if plan.errors:
            raise DomainError(" ".join(plan.errors.values()))
        carry_out(session, plan, by=by, now=now)
        session.flush()
        unasked += len(plan.unasked)
    return unasked
