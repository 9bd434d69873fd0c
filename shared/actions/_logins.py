"""What a right password opens: a session, or the half-open step before it. The caller holds the transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, update
from sqlalchemy.orm import Session

from shared.actions._known import KnownBrowser, known_as
from shared.audit import Actor, AuditEvent, record
from shared.models import Clinic, PasswordProof, RecoveryCode, SecondFactor, User, UserSession
from shared.proofs import mark_of
from shared.states import ProofKind
from shared.tokens import hash_token, new_session_token

KEPT_FOR = timedelta(days=1)
"""How long a person's proofs are kept: far longer than any of them holds, or counts against a guesser."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login that worked: the token for the browser, whose it is, and what the browser is known as from here on."""

    token: str
    user_id: int
    known: KnownBrowser


@dataclass(frozen=True, slots=True)
class HalfLogin:
    """The password was right, and a code comes next, or a second factor to be set up (``kind``). ``token`` goes into
    the browser; it opens nothing but that step."""

    token: str
    kind: ProofKind


def open_session(
    session: Session, user: User, *, replaces: str | None, known: KnownBrowser | None = None, now: datetime
) -> Login:
    """Log the person in under a new token. The one that the browser held before (``replaces``), if any, ends here.
    ``known`` is what the browser was known as; after a second step it is known anew."""
    token = new_session_token()
    if replaces is not None:
        session.execute(
            update(UserSession)
            .where(UserSession.token_hash == hash_token(replaces), UserSession.ended_at.is_(None))
            .values(ended_at=now)
        )
    session.add(UserSession(user_id=user.id, token_hash=hash_token(token), created_at=now, last_seen_at=now))
    record(session, AuditEvent.LOGGED_IN, clinic_id=user.clinic_id, by=Actor(user_id=user.id), now=now)
    return Login(token, user.id, known_as(user, known))


def step_after_password(session: Session, user: User) -> ProofKind | None:
    """What has to follow the password before a session opens; None if nothing has to."""
    if session.get(SecondFactor, user.id) is not None:
        return ProofKind.CODE
    return ProofKind.SET_UP if session.get_one(Clinic, user.clinic_id).second_factor_required else None


def open_proof(session: Session, user: User, kind: ProofKind, *, now: datetime) -> str:
    """Note that the password was right and give the token for the browser. What is long over goes."""
    session.execute(
        delete(PasswordProof).where(PasswordProof.user_id == user.id, PasswordProof.created_at <= now - KEPT_FOR)
    )
    token = new_session_token()
    session.add(
        PasswordProof(
            user_id=user.id, kind=kind, token_hash=hash_token(token), password_mark=mark_of(user), created_at=now
        )
    )
    return token


def drop_factor(session: Session, user: User, *, now: datetime) -> bool:
    """Take the person's second factor and recovery codes away and end every half-open step; False if there was none."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    removed = session.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))
    assert isinstance(removed, CursorResult)
    session.execute(
        update(PasswordProof)
        .where(PasswordProof.user_id == user.id, PasswordProof.ended_at.is_(None))
        .values(ended_at=now)
    )
    return removed.rowcount == 1
