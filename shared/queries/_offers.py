"""The offer of a request as it was told, read from the request and not from the visits."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.mails import OfferVisit
from shared.models import RequestVisit


def offer_visits(session: Session, request_id: int) -> tuple[OfferVisit, ...]:
    """The visits of a request as told, by their start."""
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
        )
        for row in rows
    )
