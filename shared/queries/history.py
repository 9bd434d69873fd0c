"""The history of one visit: what happened to it and to every request that it was ever part of."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from shared.audit import AuditEvent
from shared.models import AuditEntry, Mail, RequestVisit, Visit
from shared.queries._trail import TrailFacts, facts_of, select_trail, sentence_of
from shared.states import RequestState

NEWEST_SHOWN = 12
"""Lines that the details show at once; the rest unfolds."""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the visit's history, as a plain sentence."""

    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class VisitHistory:
    """What happened, the newest first. Mails that were sent stand apart: they are many and say little."""

    newest: tuple[HistoryLine, ...]
    earlier: tuple[HistoryLine, ...]
    mails: tuple[HistoryLine, ...]


def visit_history(session: Session, visit: Visit) -> VisitHistory:
    """The visit's history, in the caller's look at the database."""
    # The lines first, then the names behind them: as one statement, PostgreSQL joins whole tables.
    ids = session.scalars(select(AuditEntry.id).where(*about_visit(visit.clinic_id, visit.id))).all()
    rows = session.execute(select_trail(AuditEntry.id.in_(ids)).order_by(AuditEntry.id.desc())).all()
    found = [facts for row in rows if not _told_already(facts := facts_of(row))]
    lines = [_line(facts) for facts in found if facts.what != AuditEvent.MAIL_SENT]
    return VisitHistory(
        newest=tuple(lines[:NEWEST_SHOWN]),
        earlier=tuple(lines[NEWEST_SHOWN:]),
        mails=tuple(_line(facts) for facts in found if facts.what == AuditEvent.MAIL_SENT),
    )


def about_visit(clinic_id: int, visit_id: int) -> tuple[ColumnElement[bool], ...]:
    """Lines of the visit itself, and of its requests but for what concerns their other visits alone.

    A visit that left an accepted request has no part in what came after, but for the mails that told of its leaving.
    """
    line, told = aliased(AuditEntry), aliased(RequestVisit)
    queued_at = select(Mail.created_at).where(Mail.id == line.mail_id).correlate(line).scalar_subquery()
    of_requests = (
        select(line.id)
        .join(told, told.request_id == line.request_id)
        .where(
            told.visit_id == visit_id,
            func.coalesce(line.visit_id, 0) == 0,  # an IS NULL would tempt SQLite to go through all such lines
            or_(told.left_at.is_(None), func.coalesce(queued_at, line.at) <= told.left_at),
        )
    )
    ids = select(line.id).where(line.visit_id == visit_id).union_all(of_requests)
    # The clinic is asked of the visit: asked of the lines, SQLite would read the clinic's whole trail.
    return exists().where(Visit.id == visit_id, Visit.clinic_id == clinic_id), AuditEntry.id.in_(ids)


def _told_already(facts: TrailFacts) -> bool:
    """The company's acceptance tells of the request's; the visit's cancellation of the request's."""
    ends = {RequestState.ACCEPTED.value, RequestState.CANCELLED.value}
    return facts.what == AuditEvent.REQUEST_MOVED and facts.to_state in ends


def _line(facts: TrailFacts) -> HistoryLine:
    return HistoryLine(facts.at, sentence_of(facts))
