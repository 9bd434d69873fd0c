"""The offer of a request as it was told, read from the request and not from the visits."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.changes import rule_of
from shared.mails import OfferVisit
from shared.models import Recurrence, RequestVisit
from shared.repeat import Repeat
from shared.rules import lost_all_to_come


def offer_visits(session: Session, request_id: int) -> tuple[OfferVisit, ...]:
    """The visits of a request as told, by their start; those too that have left it since (``left_at``)."""
    rows = session.scalars(
        select(RequestVisit)
        .where(RequestVisit.request_id == request_id)
        .order_by(RequestVisit.starts_at, RequestVisit.visit_id)
    )
    return tuple(
        OfferVisit(
            visit_id=row.visit_id,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            duration_minutes=row.duration_minutes,
            time_zone=row.time_zone,
            visit_type=row.visit_type,
            provider_name=row.provider_name,
            recurrence_id=row.recurrence_id,
            occurs_on=row.occurs_on,
            left_at=row.left_at,
        )
        for row in rows
    )


def has_nothing_to_come(visits: Iterable[OfferVisit]) -> bool:
    """Whether an accepted request has lost all that was still to come: its past visits are history, its links dead."""
    return lost_all_to_come((visit.left_at, visit.ends_at) for visit in visits)


def offer_rules(session: Session, visits: Iterable[OfferVisit]) -> dict[int, Repeat]:
    """The rules of the series that the visits belong to, by recurrence id."""
    ids = {visit.recurrence_id for visit in visits if visit.recurrence_id is not None}
    return {row.id: rule_of(row) for row in session.scalars(select(Recurrence).where(Recurrence.id.in_(ids)))}
