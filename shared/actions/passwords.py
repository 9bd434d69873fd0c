"""Passwords: asked anew by mail, set by a mailed link, changed by who knows the old one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from shared.actions._accounts import (
    end_sessions,
    lock_user,
    may_send_link,
    note_wrong_password,
    renew_token,
    send_link,
    void_links,
)
from shared.actions._known import KnownBrowser, known_as
from shared.actions.tries import Admission
from shared.audit import SYSTEM, About, Actor, AuditEvent, record
from shared.db import reading, transaction
from shared.models import Clinic, PasswordLink, User
from shared.passwords import hash_password, password_fault, password_matches
from shared.rules import Scope
from shared.texts import login_name
from shared.throttle import give_back
from shared.tokens import VerifiedLink

NOT_NEW = "This is your password already. Choose another one."


class PasswordOutcome(StrEnum):
    SET = "set"
    LINK_DEAD = "link_dead"
    NOT_THE_OLD_ONE = "not_the_old_one"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PasswordResult:
    """What became of a new password; ``fault`` says why it was refused. Where it was set, the browser is ``known``;
    where it was changed, ``token`` is what the login goes on under."""

    outcome: PasswordOutcome
    fault: str = ""
    known: KnownBrowser | None = None
    token: str = ""


def ask_password_reset(email: str, *, now: datetime) -> None:
    """Mail a link to set a password to whoever has this address; the caller never learns whether somebody has.

    Who is deactivated gets none. Who was invited and has no password yet gets the invitation anew. More than a few
    within an hour are not sent: the newest link stays good.
    """
    with transaction() as session:
        user = session.scalar(
            select(User)
            .where(User.email == login_name(email), User.active)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        if user is not None and may_send_link(session, user, now=now):
            send_link(session, user, now=now)
            _record(session, user, AuditEvent.PASSWORD_ASKED, SYSTEM, now)


def set_password_by_link(
    link: VerifiedLink, password: str, *, leaked: Path | None = None, now: datetime
) -> PasswordResult:
    """Set the password of the person whom the link was mailed to. A link works once; all logins of theirs end.

    A second click finds a dead link, also at the same moment: the condition in the write decides.
    """
    with reading() as session:
        user = session.scalar(
            select(User)
            .join(PasswordLink, PasswordLink.user_id == User.id)
            .where(PasswordLink.link_id == link.public_id)
        )
        if user is None:
            return PasswordResult(PasswordOutcome.LINK_DEAD)
        fault = password_fault(password, about=_about(session, user), leaked=leaked)
    if fault:
        return PasswordResult(PasswordOutcome.REFUSED, fault)
    hashed = hash_password(password)  # outside the transaction: it is slow on purpose
    with transaction() as session:
        user = lock_user(session, user.id)
        if not user.active or not _use_link(session, link, now):
            return PasswordResult(PasswordOutcome.LINK_DEAD)
        _set(session, user, hashed, keep=None, now=now)
        return PasswordResult(PasswordOutcome.SET, known=known_as(user))


def change_password(
    scope: Scope, *, old: str, new: str, keep: str, admission: Admission, leaked: Path | None = None, now: datetime
) -> PasswordResult:
    """Change one's own password. Every login of theirs ends but the one with the token ``keep``, which goes on under
    another. The same password again is refused. ``admission`` is the try at the old one, as it was counted."""
    with reading() as session:
        user = session.get_one(User, scope.user_id)
        fault = password_fault(new, about=_about(session, user), leaked=leaked)
    seen = user.password_hash
    if not password_matches(seen, old):
        note_wrong_password(scope, now=now)
        return PasswordResult(PasswordOutcome.NOT_THE_OLD_ONE)
    if password_matches(seen, new):
        fault = NOT_NEW
    if fault:
        _give_back(admission, now)
        return PasswordResult(PasswordOutcome.REFUSED, fault)
    hashed = hash_password(new)
    with transaction() as session:
        user = lock_user(session, scope.user_id)
        if not user.active or user.password_hash != seen:  # changed or reset meanwhile
            return PasswordResult(PasswordOutcome.NOT_THE_OLD_ONE)
        give_back(session, admission.taken, now=now)
        token = renew_token(session, keep)
        _set(session, user, hashed, keep=token, now=now)
        return PasswordResult(PasswordOutcome.SET, known=known_as(user), token=token)


def end_other_logins(
    scope: Scope, login_ids: Collection[int], *, password: str, keep: str, admission: Admission, now: datetime
) -> bool:
    """End those of one's own logins, but the one with the token ``keep``; False if that is not one's password.

    Ids of other people's logins, and of logins that have ended, end nothing.
    """
    with reading() as session:
        seen = session.get_one(User, scope.user_id).password_hash
    if not password_matches(seen, password):
        note_wrong_password(scope, now=now)
        return False
    with transaction() as session:
        user = lock_user(session, scope.user_id)
        if not user.active or user.password_hash != seen:  # changed or reset meanwhile
            return False
        give_back(session, admission.taken, now=now)
        if end_sessions(session, user, besides=keep, only=login_ids, now=now):
            _record(session, user, AuditEvent.LOGINS_ENDED, Actor(user_id=user.id), now)
        return True


def _about(session: Session, user: User) -> tuple[str, ...]:
    return user.email, user.name, session.get_one(Clinic, user.clinic_id).name


def _use_link(session: Session, link: VerifiedLink, now: datetime) -> bool:
    result = session.execute(
        update(PasswordLink)
        .where(PasswordLink.link_id == link.public_id, PasswordLink.used_at.is_(None), PasswordLink.expires_at > now)
        .values(used_at=now)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _set(session: Session, user: User, hashed: str, *, keep: str | None, now: datetime) -> None:
    user.password_hash = hashed
    void_links(session, user, now=now)
    end_sessions(session, user, besides=keep, now=now)
    _record(session, user, AuditEvent.PASSWORD_SET, Actor(user_id=user.id), now)


def _give_back(admission: Admission, now: datetime) -> None:
    """The old password was right, whatever is wrong with the new one."""
    with transaction() as session:
        give_back(session, admission.taken, now=now)


def _record(session: Session, user: User, what: AuditEvent, by: Actor, now: datetime) -> None:
    record(session, what, clinic_id=user.clinic_id, by=by, now=now, about=About("user", user.id))
