"""The clinic's audit trail: a page of a period for people, and all of it in batches for a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from shared.db import reading
from shared.models import AuditEntry
from shared.queries._paging import Place, place_of
from shared.queries._trail import TrailFacts, facts_of, select_trail, sentence_of
from shared.queries.cards import reference_of
from shared.queries.history import about_visit
from shared.rules import Scope

PAGE_SIZE = 50
BATCH_SIZE = 500
"""Lines that an export holds in memory at once."""


@dataclass(frozen=True, slots=True)
class TrailLine:
    """One line of the trail in plain words; ``visit_id`` and ``reference`` where it is about a visit."""

    at: datetime
    sentence: str
    visit_id: int | None
    reference: str


@dataclass(frozen=True, slots=True)
class TrailPage:
    """One page of a period, the newest line first."""

    lines: tuple[TrailLine, ...]
    place: Place


def trail_page(scope: Scope, begins: datetime, ends: datetime, page: int) -> TrailPage:
    """A page of what happened in [begins, ends); a page past the end gives the last one."""
    period = _period(scope, begins, ends)
    with reading() as session:
        total = session.scalar(select(func.count()).select_from(AuditEntry).where(*period)) or 0
        place = place_of(page, size=PAGE_SIZE, total=total)
        newest = (AuditEntry.at.desc(), AuditEntry.id.desc())
        ids = session.scalars(
            select(AuditEntry.id).where(*period).order_by(*newest).offset(place.before).limit(PAGE_SIZE)
        ).all()
        rows = session.execute(select_trail(AuditEntry.id.in_(ids)).order_by(*newest)).all()
        return TrailPage(tuple(_line(facts_of(row)) for row in rows), place)


def trail_of_period(
    scope: Scope, begins: datetime, ends: datetime, *, now: datetime
) -> Iterator[tuple[TrailFacts, ...]]:
    """Every line of [begins, ends), the oldest first, in batches. The period ends now if it is not over."""
    return _batches(*_period(scope, begins, ends), AuditEntry.at <= now)


def trail_of_visit(scope: Scope, visit_id: int, *, now: datetime) -> Iterator[tuple[TrailFacts, ...]]:
    """Every line about a visit and the requests that it was ever part of, the oldest first, in batches."""
    return _batches(*about_visit(scope.clinic_id, visit_id), AuditEntry.at <= now)


def _period(scope: Scope, begins: datetime, ends: datetime) -> tuple[ColumnElement[bool], ...]:
    return AuditEntry.clinic_id == scope.clinic_id, AuditEntry.at >= begins, AuditEntry.at < ends


def _batches(*conditions: ColumnElement[bool]) -> Iterator[tuple[TrailFacts, ...]]:
    """Each batch goes on behind the last line of the one before: lines never change, so nothing has to be held open."""
    behind: tuple[ColumnElement[bool], ...] = ()
    while True:
        with reading() as session:
            oldest = (AuditEntry.at, AuditEntry.id)
            ids = session.scalars(
                select(AuditEntry.id).where(*conditions, *behind).order_by(*oldest).limit(BATCH_SIZE)
            ).all()
            rows = session.execute(select_trail(AuditEntry.id.in_(ids)).order_by(*oldest)).all()
            batch = tuple(facts_of(row) for row in rows)
        if not batch:
            return
        yield batch
        last = batch[-1]
        behind = (
            AuditEntry.at >= last.at,
            or_(AuditEntry.at > last.at, and_(AuditEntry.at == last.at, AuditEntry.id > last.id)),
        )


def _line(facts: TrailFacts) -> TrailLine:
    reference = reference_of(facts.number) if facts.number is not None else ""
    return TrailLine(facts.at, sentence_of(facts), facts.visit_id, reference)
