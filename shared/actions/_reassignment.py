"""Whose visits go to whom when a provider leaves. The caller holds the transaction and the clinic's row."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from shared.actions._changing import carry_out, locked_plan
from shared.audit import Actor
from shared.changes import handover_digest, handover_wishes
from shared.errors import DomainError
from shared.models import User, Visit
from shared.rules import Scope


def hand_over_visits(
    session: Session, scope: Scope, visits: Sequence[Visit], successor: User, *, promised: str, now: datetime
) -> bool:
    """Give visits to another provider, as an edit of each appointment would: open and accepted requests are withdrawn
    and asked anew. Gives False, and does nothing, if that is not what the preview with this digest showed.
    """
    wishes = handover_wishes(session, scope, visits, successor, now=now)
    plans = [locked_plan(session, scope, wish, now) for wish in wishes]
    for plan in plans:
        if plan.errors:
            raise DomainError(" ".join(plan.errors.values()))
    if handover_digest(plans) != promised:
        return False
    for plan in plans:
        carry_out(session, plan, by=Actor(user_id=scope.user_id), now=now)
        session.flush()
    return True
