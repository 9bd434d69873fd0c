"""What whoever watches an installation wants to know of its rows. Each is one statement, on an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, select

from shared.db import reading
from shared.models import Invite, Mail, Request
from shared.states import MailState, RequestState


@dataclass(frozen=True, slots=True)
class Outbox:
    """How many mails have not left, how many of them are due, and since when the oldest of these is."""

    queued: int
    due: int
    due_since: datetime | None


def outbox_depth(*, now: datetime) -> Outbox:
    """The outbox now. A mail is not due while a worker holds it, and due again from the end of its lease."""
    since = case((Mail.lease_until > Mail.next_try_at, Mail.lease_until), else_=Mail.next_try_at)
    is_due = and_(Mail.next_try_at <= now, since <= now)
    found = select(func.count(), func.count(case((is_due, 1))), func.min(case((is_due, since))))
    with reading() as session:
        row = session.execute(found.where(Mail.state == MailState.QUEUED)).one()
    return Outbox(*row)


def requests_due_since(*, now: datetime) -> datetime | None:
    """The deadline of the pending request that should have been closed first, if one should have been."""
    with reading() as session:
        return session.scalar(
            select(func.min(Request.deadline)).where(Request.state == RequestState.PENDING, Request.deadline <= now)
        )


def requests_by_state() -> Mapping[RequestState, int]:
    """How many requests are in each state, those too in which there is none."""
    counts = dict.fromkeys(RequestState, 0)
    with reading() as session:
        for state, number in session.execute(select(Request.state, func.count()).group_by(Request.state)):
            counts[state] = number
    return counts


def first_answers(*, within: timedelta, now: datetime) -> Sequence[timedelta]:
    """How long each request waited for its first answer, if that came within this time."""
    first = func.min(Invite.answered_at)
    found = (
        select(Request.created_at, first)
        .join(Invite, Invite.request_id == Request.id)
        # Answered means open then, so its deadline came later; every state, because the index begins with the state.
        .where(Request.state.in_(tuple(RequestState)), Request.deadline > now - within)
        .group_by(Request.id, Request.created_at)
        .having(first > now - within)
    )
    with reading() as session:
        rows = session.execute(found).all()
    return [answered_at - created_at for created_at, answered_at in rows if answered_at is not None]
