"""What is due."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, select

from shared.db import reading
from shared.models import Clinic, Mail, Request
from shared.outbox import ahead_of_time
from shared.states import MailKind, MailState, RequestState


def mail_is_due(*, now: datetime) -> bool:
    """Whether a mail waits to be sent that no worker holds."""
    with reading() as session:
        free = or_(Mail.lease_until.is_(None), Mail.lease_until <= now)
        known = Mail.kind.in_(MailKind)
        due = exists().where(Mail.state == MailState.QUEUED, known, Mail.next_try_at <= now, free)
        return bool(session.scalar(select(due)))


def mail_is_ahead_of_time(lease: timedelta, *, now: datetime) -> bool:
    """Whether a mail waits for an instant that only a clock which was set back since can have given."""
    put_off, leased = ahead_of_time(lease, now=now)
    with reading() as session:
        return bool(session.scalar(select(exists().where(or_(and_(*put_off), and_(*leased))))))


def due_request_ids(*, limit: int, now: datetime) -> Sequence[int]:
    """Pending requests whose deadline has come, the longest overdue first."""
    with reading() as session:
        return session.scalars(
            select(Request.id)
            .where(Request.state == RequestState.PENDING, Request.deadline <= now)
            .order_by(Request.deadline, Request.id)
            .limit(limit)
        ).all()


def clinic_ids() -> Sequence[int]:
    """All clinics."""
    with reading() as session:
        return session.scalars(select(Clinic.id).order_by(Clinic.id)).all()
