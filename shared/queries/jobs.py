"""What is due."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select

from shared.db import reading
from shared.models import Mail, Request
from shared.states import MailState, RequestState


def mail_is_due(*, now: datetime) -> bool:
    """Whether a mail waits to be sent; one that a worker holds may be among them."""
    with reading() as session:
        due = exists().where(Mail.state == MailState.QUEUED, Mail.next_try_at <= now)
        return bool(session.scalar(select(due)))


def due_request_ids(*, limit: int, now: datetime) -> Sequence[int]:
    """Pending requests whose deadline has come, the longest overdue first."""
    with reading() as session:
        return session.scalars(
            select(Request.id)
            .where(Request.state == RequestState.PENDING, Request.deadline <= now)
            .order_by(Request.deadline, Request.id)
            .limit(limit)
        ).all()
