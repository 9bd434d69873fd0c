"""Letting go of what has been kept long enough: a share at a time, each in a transaction of its own.

Two at once are harmless: rows that somebody else holds are left to them. Each gives how many rows it has emptied.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from shared import privacy
from shared.audit import SYSTEM, AuditEvent, record
from shared.db import transaction
from shared.models import Clinic, Mail, PasswordLink, Request, UserSession, Visit
from shared.states import MailState


def remove_old_patients(clinic_id: int, *, limit: int, now: datetime) -> int:
    """Remove the patient from visits that have been over for as long as the clinic keeps patients. Locks the visits."""
    with transaction() as session:
        ended_before = now - timedelta(days=session.get_one(Clinic, clinic_id).keep_patients_days)
        due = select(Visit).where(*privacy.patient_is_due(clinic_id, ended_before)).order_by(Visit.ends_at, Visit.id)
        visits = session.scalars(due.limit(limit).with_for_update(key_share=True, skip_locked=True)).all()
        for visit in visits:
            record(
                session,
                AuditEvent.PATIENT_REMOVED,
                clinic_id=clinic_id,
                by=SYSTEM,
                now=now,
                visit_id=visit.id,
                fields=privacy.patient_fields_of(visit),
            )
        privacy.empty_patients(session, visits, now=now)
        return len(visits)


def remove_old_notes(clinic_id: int, *, limit: int, now: datetime) -> int:
    """Remove the free texts of requests, once all their visits have been over for as long as patients are kept."""
    with transaction() as session:
        days = session.get_one(Clinic, clinic_id).keep_patients_days
        requests = _due_requests(session, clinic_id, days, Request.notes_removed_at.is_(None), limit, now)
        for request in requests:
            held = privacy.empty_notes(session, request, now=now)
            if held:
                _record(session, request, AuditEvent.NOTES_REMOVED, held, now)
        return len(requests)


def remove_old_contacts(clinic_id: int, *, limit: int, now: datetime) -> int:
    """Remove from requests who answered for the companies and where mails went, once all their visits have been over
    for as long as the clinic keeps that. Locks the requests; their invites and mails are nobody else's any more."""
    with transaction() as session:
        days = session.get_one(Clinic, clinic_id).keep_contacts_days
        requests = _due_requests(session, clinic_id, days, Request.contacts_removed_at.is_(None), limit, now)
        for request in requests:
            privacy.empty_contacts(session, request, now=now)
            _record(session, request, AuditEvent.CONTACTS_REMOVED, ("responder", "recipients"), now)
        return len(requests)


def remove_old_logins(*, keep: timedelta, longest_login: timedelta, limit: int, now: datetime) -> int:
    """Remove logins and password links that have been over for ``keep``, and the addresses of these links' mails.

    A login is over ``longest_login`` after it began at the latest. The trail keeps that it was.
    """
    with transaction() as session:
        ended = select(UserSession.id).where(UserSession.created_at < now - longest_login - keep).limit(limit)
        sessions = session.scalars(ended.with_for_update(skip_locked=True)).all()
        session.execute(delete(UserSession).where(UserSession.id.in_(sessions)))
        waiting = exists().where(Mail.password_link_id == PasswordLink.id, Mail.state == MailState.QUEUED)
        dead = select(PasswordLink.id).where(PasswordLink.expires_at < now - keep, ~waiting).limit(limit)
        links = session.scalars(dead.with_for_update(skip_locked=True)).all()
        privacy.empty_recipients(session, Mail.password_link_id.in_(links))
        session.execute(update(Mail).where(Mail.password_link_id.in_(links)).values(password_link_id=None))
        session.execute(delete(PasswordLink).where(PasswordLink.id.in_(links)))
        return len(sessions) + len(links)


def _due_requests(
    session: Session, clinic_id: int, days: int, kept: ColumnElement[bool], limit: int, now: datetime
) -> Sequence[Request]:
    return session.scalars(
        select(Request)
        .where(*privacy.request_is_due(clinic_id, now - timedelta(days=days)), kept)
        .order_by(Request.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    ).all()


def _record(session: Session, request: Request, what: AuditEvent, fields: tuple[str, ...], now: datetime) -> None:
    record(session, what, clinic_id=request.clinic_id, by=SYSTEM, now=now, request_id=request.id, fields=fields)
