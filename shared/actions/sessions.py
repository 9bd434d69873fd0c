"""Logging in and out."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.actions._known import KnownBrowser, known_as
from shared.actions.tries import Admission
from shared.audit import Actor, AuditEvent, record
from shared.db import reading, transaction
from shared.models import User, UserSession
from shared.passwords import password_matches, renewed_hash
from shared.texts import login_name
from shared.throttle import give_back, spend
from shared.tokens import hash_token, new_session_token


@dataclass(frozen=True, slots=True)
class Login:
    """A login that worked: the token for the browser, whose it is, and what the browser is known as from here on."""

    token: str
    user_id: int
    known: KnownBrowser


def log_in(*, email: str, password: str, admission: Admission, replaces: str | None, now: datetime) -> Login | None:
    """Open a session under a new token, or None. An unknown address costs as much time as a wrong password.

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
        token = new_session_token()
        if replaces is not None:
            session.execute(
                update(UserSession)
                .where(UserSession.token_hash == hash_token(replaces), UserSession.ended_at.is_(None))
                .values(ended_at=now)
            )
        session.add(UserSession(user_id=user.id, token_hash=hash_token(token), created_at=now, last_seen_at=now))
        record(session, AuditEvent.LOGGED_IN, clinic_id=user.clinic_id, by=by, now=now)
        return Login(token, user.id, known_as(user, admission.known))


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
