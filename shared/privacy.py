"""What names people and how it is let go: when it has been kept long enough, and what removing it empties.

The caller holds the transaction. Rows stay where they are, because the trail, the counts and the history refer to them.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, String, cast, delete, exists, literal, or_, select, update
from sqlalchemy.orm import Session

from shared.models import Confirmation, Invite, InviteAddress, InviteOpening, Mail, Request, RequestVisit, Visit
from shared.states import MailState, RequestState, VisitStatus

PATIENT_FIELDS = ("patient_name", "patient_contact", "reason", "cancel_reason")
"""What names a visit's patient, or may: the last two are free text."""

REMOVED = "removed:"
"""Begins what stands where an address stood that has to be unlike its neighbours."""


def patient_is_due(clinic_id: int, ended_before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Visits whose patient has been kept long enough, cancelled ones too."""
    return Visit.clinic_id == clinic_id, Visit.patient_removed_at.is_(None), Visit.ends_at < ended_before


def request_is_due(clinic_id: int, ended_before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Requests that are over with all their visits and mails: nothing still to happen needs what they hold."""
    later = exists().where(
        RequestVisit.request_id == Request.id,
        Visit.id == RequestVisit.visit_id,
        or_(RequestVisit.ends_at >= ended_before, Visit.ends_at >= ended_before),
    )
    waiting = exists().where(Mail.request_id == Request.id, Mail.state == MailState.QUEUED)
    return (
        Request.clinic_id == clinic_id,
        Request.created_at < ended_before,
        Request.state != RequestState.PENDING,
        ~later,
        ~waiting,
    )


def requests_of(visit_ids: Sequence[int]) -> ColumnElement[bool]:
    """Requests that these visits were ever part of."""
    return exists().where(RequestVisit.request_id == Request.id, RequestVisit.visit_id.in_(visit_ids))


def serves_a_visit_to_come(*, now: datetime) -> ColumnElement[bool]:
    """Requests that are the current one of a visit that is not over."""
    return exists().where(Visit.request_id == Request.id, Visit.status == VisitStatus.SCHEDULED, Visit.ends_at > now)


def is_to_come(visit: Visit, *, now: datetime) -> bool:
    """Whether the visit may still be held: whom it is with is needed until its end."""
    return visit.status is VisitStatus.SCHEDULED and now < visit.ends_at


def patient_fields_of(visit: Visit) -> tuple[str, ...]:
    """The names of those fields about the patient that hold something."""
    return tuple(name for name in PATIENT_FIELDS if getattr(visit, name))


def empty_patients(session: Session, visits: Sequence[Visit], *, now: datetime) -> None:
    """Remove what names the patient: from the visits' rows, from what the search compares, and from the fingerprints of
    the previews that made or changed them, on which a guess could be tried."""
    for visit in visits:
        visit.patient_name = visit.patient_contact = visit.reason = ""
        visit.cancel_reason = None
        visit.patient_removed_at = now
        visit.version += 1
    ids = [visit.id for visit in visits]
    session.execute(
        update(Confirmation).where(Confirmation.visit_id.in_(ids)).values(digest=""),
        execution_options={"synchronize_session": False},
    )


def reasons_of(session: Session, request_id: int) -> Sequence[int]:
    """The invites of a request whose companies wrote why they declined."""
    found = select(Invite.id).where(Invite.request_id == request_id, Invite.decline_reason != "")
    return session.scalars(found.order_by(Invite.id)).all()


def empty_notes(session: Session, request: Request, *, now: datetime) -> tuple[str, ...]:
    """Remove a request's free texts, which may speak of the patient. Gives the names of those that held something."""
    reasons = reasons_of(session, request.id)
    held = (*(["notes"] if request.notes else []), *(["decline_reason"] if reasons else []))
    request.notes, request.notes_removed_at = "", now
    session.execute(update(Invite).where(Invite.id.in_(reasons)).values(decline_reason=""))
    return held


def empty_contacts(session: Session, request: Request, *, now: datetime) -> None:
    """Remove who spoke for the companies and where mails went: names, addresses, what mail servers said of them, and
    when links were opened. That a company was asked and what it answered stays."""
    request.contacts_removed_at = now
    invites = select(Invite.id).where(Invite.request_id == request.id)
    addresses = select(InviteAddress.id).where(InviteAddress.invite_id.in_(invites))
    session.execute(update(Invite).where(Invite.request_id == request.id).values(responder=""))
    session.execute(delete(InviteOpening).where(InviteOpening.invite_address_id.in_(addresses)))
    session.execute(
        update(InviteAddress).where(InviteAddress.invite_id.in_(invites)).values(email=_removed(InviteAddress.id))
    )
    empty_recipients(session, Mail.request_id == request.id)


def empty_recipients(session: Session, which: ColumnElement[bool]) -> None:
    """Remove the addresses of mails, from their dedupe keys too."""
    session.execute(
        update(Mail).where(which).values(recipient="", last_error="", dedupe_key=_removed(Mail.id)),
        execution_options={"synchronize_session": False},
    )


def _removed(number: SQLColumnExpression[int]) -> ColumnElement[str]:
    return literal(REMOVED) + cast(number, String)
