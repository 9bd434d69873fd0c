"""Logging in and out."""

import logging
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.actions._logins import HalfLogin, Login, open_proof, open_session, step_after_password
from shared.actions.tries import Admission
from shared.audit import Actor, AuditEvent, record
from shared.db import reading, transaction
from shared.models import User, UserSession
from shared.passwords import password_matches, renewed_hash
from shared.texts import login_name
from shared.throttle import give_back, spend
from shared.tokens import hash_token

log = logging.getLogger(__name__)


def log_in(
    *, email: str, password: str, admission: Admission, replaces: str | None, now: datetime
) -> Login | HalfLogin | None:
    """Open a session under a new token, or None. An unknown address costs as much time as a wrong password.
    Where a second factor has to follow, no session opens but the step to it.

    ``admission`` is the try as it was counted. ``replaces`` is the token that the browser held before, if any; it ends
    here. Raises BusyError, for known and unknown addresses alike, if too many log in at once. A hash whose cost is no
    longer today's is renewed: a second login of the same person in that moment finds another hash, and is repeated.
    """
    with reading() as session:
        user = session.scalar(select(User).where(User.email == login_name(email), User.active))
    matches = password_matches(user.password_hash if user else None, password)  # slow on purpose: holds no connection
    renewed = renewed_hash(user.password_hash, password) if matches and user and user.password_hash else None
    with transaction() as session:
        if user is None or not _is_unchanged(session, user):
            _count_failure(session, admission, now)
            return None
        by = Actor(user_id=user.id)
        if not matches:
            _count_failure(session, admission, now)
            record(session, AuditEvent.LOGIN_FAILED, clinic_id=user.clinic_id, by=by, now=now)
            return None
        give_back(session, admission.taken, now=now)
        if renewed is not None:
            session.execute(update(User).where(User.id == user.id).values(password_hash=renewed))
            user.password_hash = renewed  # read in another session: what follows is bound to the hash as it is now
        next_step = step_after_password(session, user)
        if next_step is not None:
            about = {"user_id": user.id, "clinic_id": user.clinic_id, "next_step": next_step}
            log.info("A password was right, the second step is still to come", extra=about)
            return HalfLogin(open_proof(session, user, next_step, now=now), next_step)
        return open_session(session, user, replaces=replaces, known=admission.known, now=now)


def log_out(token: str, *, now: datetime) -> None:
    """End the session; the token opens nothing from here on. Ending it twice is harmless."""
    with transaction() as session:
        row = session.execute(
            select(UserSession, User)
            .join(User, User.id == UserSession.user_id)
            .where(UserSession.token_hash == hash_token(token), UserSession.ended_at.is_(None))
        ).one_or_none()
        if row is not None:
            row[0].ended_at = now
            record(
                session,
                AuditEvent.LOGGED_OUT,
                clinic_id=row[1].clinic_id,
                by=Actor(user_id=row[1].id),
                now=now,
            )


def touch_session(token: str, *, now: datetime) -> None:
    """Note a person's activity. Polling is not activity and does not come here."""
    with transaction() as session:
        row = session.scalar(
            select(UserSession).where(UserSession.token_hash == hash_token(token), UserSession.ended_at.is_(None))
        )
        if row is not None:
            row.last_seen_at = now


def _count_failure(session: Session, admission: Admission, now: datetime) -> None:
    """The same rows for a wrong password and for nobody's address, so that both take as long."""
    for bucket in admission.if_it_fails:
        spend(session, bucket, now=now)


def _is_unchanged(session: Session, seen: User) -> bool:
    """Lock the user's row and see whether the password that was checked still opens anything.

    Without it a login that began before the password was changed could outlive the end of all sessions.
    """
    return seen.password_hash is not None and bool(
        session.scalar(
            select(User.id)
            .where(User.id == seen.id, User.active, User.password_hash == seen.password_hash)
            .with_for_update(key_share=True)
        )
    )
