"""Logging in and out."""

from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update

from shared.audit import Actor, AuditEvent, record
from shared.db import reading, transaction
from shared.models import User, UserSession
from shared.tokens import hash_token, new_session_token

_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody has this password")


@dataclass(frozen=True, slots=True)
class Login:
    """A login that worked: the token for the browser, and whose it is."""

    token: str
    user_id: int


def hash_password(password: str) -> str:
    """Argon2id with the library's recommended cost."""
    return _hasher.hash(password)


def log_in(*, email: str, password: str, replaces: str | None, now: datetime) -> Login | None:
    """Open a session under a new token, or None. An unknown address costs as much time as a wrong password.

    ``replaces`` is the token that the browser held before, if any; it ends here.
    """
    with reading() as session:
        user = session.scalar(select(User).where(User.email == email.strip().lower(), User.active))
        password_hash = user.password_hash if user is not None and user.password_hash else _NOBODY
    matches = _verify(password_hash, password)  # outside the transaction: it is slow on purpose
    with transaction() as session:
        if user is None or user.password_hash is None:
            return None
        by = Actor(user_id=user.id)
        if not matches:
            record(session, AuditEvent.LOGIN_FAILED, clinic_id=user.clinic_id, by=by, now=now)
            return None
        token = new_session_token()
        if replaces is not None:
            session.execute(
                update(UserSession)
                .where(UserSession.token_hash == hash_token(replaces), UserSession.ended_at.is_(None))
                .values(ended_at=now)
            )
        session.add(UserSession(user_id=user.id, token_hash=hash_token(token), created_at=now, last_seen_at=now))
        record(session, AuditEvent.LOGGED_IN, clinic_id=user.clinic_id, by=by, now=now)
        return Login(token, user.id)


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


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
