"""What has to happen to a person's logins and password links, for every action on people. The caller holds the
transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from shared import outbox
from shared.audit import Actor, AuditEvent, record
from shared.db import transaction
from shared.errors import NotFoundError
from shared.models import PasswordLink, User, UserSession
from shared.rules import PASSWORD_MAILS_PER_HOUR, Scope, password_link_expiry
from shared.states import MailKind
from shared.tokens import hash_token, new_public_id, new_session_token


def lock_user(session: Session, user_id: int, *, clinic_id: int | None = None) -> User:
    """Lock a person's row, so that changes of a password, a role and an account happen one after the other.

    Raises NotFoundError for nobody, and for somebody of another clinic than ``clinic_id``.
    """
    found = select(User).where(User.id == user_id)
    user = session.scalar(
        (found if clinic_id is None else found.where(User.clinic_id == clinic_id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if user is None:
        raise NotFoundError
    return user


def end_sessions(
    session: Session,
    user: User,
    *,
    besides: str | None = None,
    only: Collection[int] | None = None,
    now: datetime,
) -> bool:
    """Log the person out everywhere, but for the session with the token ``besides``; or out of ``only`` those sessions.
    Whether that ended any."""
    found = update(UserSession).where(UserSession.user_id == user.id, UserSession.ended_at.is_(None))
    if besides is not None:
        found = found.where(UserSession.token_hash != hash_token(besides))
    if only is not None:
        found = found.where(UserSession.id.in_(only))
    result = session.execute(found.values(ended_at=now))
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


def renew_token(session: Session, token: str) -> str:
    """Let a login go on under another token, which is returned; how long it lasts is as before. Whoever holds the old
    one holds nothing. A login that has ended meanwhile stays so."""
    renewed = new_session_token()
    session.execute(
        update(UserSession)
        .where(UserSession.token_hash == hash_token(token), UserSession.ended_at.is_(None))
        .values(token_hash=hash_token(renewed))
    )
    return renewed


def void_links(session: Session, user: User, *, now: datetime) -> None:
    """Make every open password link of the person useless; a mail with one that has not left is dropped on its way."""
    session.execute(
        update(PasswordLink)
        .where(PasswordLink.user_id == user.id, PasswordLink.used_at.is_(None), PasswordLink.expires_at > now)
        .values(expires_at=now)
    )


def may_send_link(session: Session, user: User, *, now: datetime) -> bool:
    """Whether one more mail with a password link may go to the person whose row is locked."""
    made = select(func.count()).where(
        PasswordLink.user_id == user.id, PasswordLink.created_at > now - timedelta(hours=1)
    )
    return session.scalars(made).one() < PASSWORD_MAILS_PER_HOUR


def send_link(session: Session, user: User, *, now: datetime) -> None:
    """Mail the person a new link to set a password: an invitation, or a reset for who has one. Older links are void."""
    void_links(session, user, now=now)
    invited = user.password_hash is None
    link = PasswordLink(
        user_id=user.id,
        link_id=new_public_id(),
        created_at=now,
        expires_at=password_link_expiry(created_at=now, invited=invited),
    )
    session.add(link)
    session.flush()
    outbox.queue_to_user(session, MailKind.USER_INVITE if invited else MailKind.PASSWORD_RESET, user, link, now=now)


def note_wrong_password(scope: Scope, *, now: datetime) -> None:
    """Whoever sits down at somebody's open browser and guesses leaves a trace, as at the login. A transaction of its
    own: nothing else is written."""
    with transaction() as session:
        by = Actor(user_id=scope.user_id)
        record(session, AuditEvent.LOGIN_FAILED, clinic_id=scope.clinic_id, by=by, now=now)
