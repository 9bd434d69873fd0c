"""A provider's visits to come in somebody else's hands: one change per appointment, as an edit of it would be."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.changes.family import draft_of, read_family
from shared.changes.wishes import ChangeKind, ChangePlan, Wish
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


def handover_wishes(
    session: Session, scope: Scope, visits: Iterable[Visit], successor: User, *, now: datetime
) -> list[Wish]:
    """One wish for each appointment, in the order of their ids: these visits of it go to the successor."""
    appointments: defaultdict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        appointments[visit.appointment_id].append(visit)
    wishes = []
    for _id, members in sorted(appointments.items()):
        base = members[0]
        draft = draft_of(session, read_family(session, scope, base.id, now=now), base)
        only = tuple(visit.id for visit in members)
        draft = replace(draft, provider_id=successor.id)
        wishes.append(Wish(ChangeKind.EDIT, base.id, base.version, draft=draft, only=only))
    return wishes


def handover_digest(plans: Iterable[ChangePlan]) -> str:
    """A hash of what a preview of a handover names: whose visits, in which versions, who is asked, who loses them."""
    content = [[plan.wish.digest(), plan.versions, plan.asked, plan.winner_ids, sorted(plan.unasked)] for plan in plans]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
