"""What an administrator does with the clinic's people: invite, change, deactivate."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import outbox
from shared.actions._accounts import end_sessions, lock_user, may_send_link, send_link, void_links
from shared.actions._assignments import update_winners
from shared.actions._logins import drop_factor
from shared.actions._reassignment import hand_over_visits
from shared.actions._saving import (
    CONFLICT,
    PREVIEW,
    SaveOutcome,
    SaveResult,
    invalid,
    lock_as_admin,
    saved,
    somebody_was_quicker,
)
from shared.audit import About, Actor, AuditEvent, record, was_just_done
from shared.changes import find_successor, visits_ahead
from shared.db import reading, transaction
from shared.errors import DomainError, LastAdminError
from shared.models import User
from shared.records import KEEPS_ADDRESS, LAST_ADMIN, UserRecord, changed_fields, is_last_admin, read_user
from shared.rules import Scope
from shared.states import Role

TAKEN = "Somebody has this address already. Look for it in the list, among those deactivated too, or use another."
NOT_USABLE = "This address can't be used. Use another address of this person."
HAS_VISITS = "This provider has visits to come. Choose who takes them over."
NO_SUCCESSOR = "Choose another active provider from the list."


class _AddressTakenError(Exception):
    """Somebody has the address, in whichever clinic."""


def invite_user(scope: Scope, wanted: UserRecord, *, now: datetime) -> SaveResult:
    """Add somebody and mail a link to choose a password. An address belongs to one person over all clinics.

    A form whose button is pressed twice finds the person that it added.
    """
    try:
        with transaction() as session:
            lock_as_admin(session, scope)
            user = User(
                clinic_id=scope.clinic_id, email=wanted.email, name=wanted.name, role=wanted.role, created_at=now
            )
            session.add(user)
            _flush_address(session)
            send_link(session, user, now=now)
            _record(session, scope, AuditEvent.USER_INVITED, user, now)
            return saved(user.id)
    except _AddressTakenError:
        return _just_invited(scope, wanted, now) or _address_taken(scope, wanted.email)


def change_user(
    scope: Scope,
    user_id: int,
    wanted: UserRecord,
    *,
    stamp: str,
    takes_over_id: int | None = None,
    promised: str = "",
    now: datetime,
) -> SaveResult:
    """Save name, role and, while no password is chosen, the address, which is then mailed an invitation anew
    (unless enough mails left within the hour: then the earlier link is void, and the list says so).

    Not if somebody else was quicker (``stamp``). A new role ends the person's logins. Companies that hold visits of a
    provider are told of a new name; a provider who becomes something else leaves the visits to ``takes_over_id``,
    as the preview with the digest ``promised`` showed; PREVIEW if that is not what would happen.
    """
    try:
        with transaction() as session:
            lock_as_admin(session, scope)
            user = lock_user(session, user_id, clinic_id=scope.clinic_id)
            stored = read_user(user)
            if somebody_was_quicker(stored, wanted, stamp):
                return CONFLICT
            result = _leave_role(session, scope, user, wanted.role, takes_over_id, promised, now)
            if result.outcome is not SaveOutcome.SAVED:
                return result
            changed = changed_fields(stored, wanted)
            user.name, user.email, user.role = wanted.name, wanted.email, wanted.role
            _flush_address(session)
            if changed:
                _record(session, scope, AuditEvent.USER_CHANGED, user, now, changed)
                _follow(session, scope, user, changed, now)
            return result
    except _AddressTakenError:
        return _address_taken(scope, wanted.email)


def deactivate_user(
    scope: Scope, user_id: int, *, takes_over_id: int | None = None, promised: str = "", now: datetime
) -> SaveResult:
    """Log the person out everywhere and let nobody in with this account. Visits to come go to ``takes_over_id`` first,
    as the preview with the digest ``promised`` showed; PREVIEW if that is not what would happen.

    Doing it twice is harmless. Raises LastAdminError for the last administrator.
    """
    with transaction() as session:
        lock_as_admin(session, scope)
        user = lock_user(session, user_id, clinic_id=scope.clinic_id)
        if not user.active:
            return saved(user.id)
        if is_last_admin(session, user):
            raise LastAdminError(LAST_ADMIN)
        result = _hand_over(session, scope, user, takes_over_id, promised, now)
        if result.outcome is not SaveOutcome.SAVED:
            return result
        user.active = False
        end_sessions(session, user, now=now)
        void_links(session, user, now=now)
        outbox.pass_on_news(session, user, now=now)
        _record(session, scope, AuditEvent.USER_DEACTIVATED, user, now)
        return result


def reactivate_user(scope: Scope, user_id: int, *, now: datetime) -> bool:
    """Let the person in again, with the password they had; who never chose one is invited anew. False if that mail did
    not leave, because enough of them did within the hour."""
    with transaction() as session:
        lock_as_admin(session, scope)
        user = lock_user(session, user_id, clinic_id=scope.clinic_id)
        if user.active:
            return True
        user.active = True
        _record(session, scope, AuditEvent.USER_REACTIVATED, user, now)
        return user.password_hash is not None or _invite_anew(session, user, now)


def send_password_link(scope: Scope, user_id: int, *, now: datetime) -> bool:
    """Mail the person a link to choose a password, again. False if enough of them left within the hour.

    Raises DomainError for somebody deactivated.
    """
    with transaction() as session:
        lock_as_admin(session, scope)
        user = lock_user(session, user_id, clinic_id=scope.clinic_id)
        if not user.active:
            raise DomainError("Who is deactivated gets no link. Reactivate them first.")
        if not may_send_link(session, user, now=now):
            return False
        invited = user.password_hash is None
        send_link(session, user, now=now)
        _record(session, scope, AuditEvent.USER_INVITED if invited else AuditEvent.PASSWORD_ASKED, user, now)
        return True


def log_user_out(scope: Scope, user_id: int, *, now: datetime) -> None:
    """End every login of the person; their password stays good. Doing it twice is harmless."""
    with transaction() as session:
        lock_as_admin(session, scope)
        user = lock_user(session, user_id, clinic_id=scope.clinic_id)
        if end_sessions(session, user, now=now):
            _record(session, scope, AuditEvent.LOGINS_ENDED, user, now)


def reset_factor(scope: Scope, user_id: int, *, now: datetime) -> None:
    """Take away a colleague's second factor, which they have lost, and log them out everywhere. Twice is harmless.

    Raises DomainError for one's own: whoever sits at an open browser would need no password for it.
    """
    if user_id == scope.user_id:
        raise DomainError("Change your own second factor on the page of your account.")
    with transaction() as session:
        lock_as_admin(session, scope)
        user = lock_user(session, user_id, clinic_id=scope.clinic_id)
        if drop_factor(session, user, now=now):
            end_sessions(session, user, now=now)
            _record(session, scope, AuditEvent.FACTOR_RESET, user, now)


def _just_invited(scope: Scope, wanted: UserRecord, now: datetime) -> SaveResult | None:
    """Somebody whom the same person invited just so a moment ago, and who has not answered yet."""
    with reading() as session:
        user = session.scalar(select(User).where(User.email == wanted.email, User.clinic_id == scope.clinic_id))
        if user is None or not user.active or user.password_hash is not None or read_user(user) != wanted:
            return None
        by, about = Actor(user_id=scope.user_id), About("user", user.id)
        is_same = was_just_done(
            session, AuditEvent.USER_INVITED, clinic_id=scope.clinic_id, by=by, about=about, now=now
        )
        return saved(user.id) if is_same else None


def _address_taken(scope: Scope, email: str) -> SaveResult:
    """What stands against an address. Whether another clinic's people have it is not said."""
    with reading() as session:
        own = session.scalar(select(User.id).where(User.email == email, User.clinic_id == scope.clinic_id))
    return invalid({"email": NOT_USABLE if own is None else TAKEN})


def _flush_address(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise _AddressTakenError from error


def _invite_anew(session: Session, user: User, now: datetime) -> bool:
    """Mail an invitation in place of the ones before, which are void. False if enough mails left within the hour."""
    if not may_send_link(session, user, now=now):
        void_links(session, user, now=now)
        return False
    send_link(session, user, now=now)
    return True


def _leave_role(
    session: Session,
    scope: Scope,
    user: User,
    role: Role,
    takes_over_id: int | None,
    promised: str,
    now: datetime,
) -> SaveResult:
    """Hand over the visits of who takes another role, unless something stands against it."""
    if role is user.role:
        return saved(user.id)
    if is_last_admin(session, user):
        return invalid({"role": LAST_ADMIN})
    return _hand_over(session, scope, user, takes_over_id, promised, now)


def _hand_over(
    session: Session, scope: Scope, user: User, takes_over_id: int | None, promised: str, now: datetime
) -> SaveResult:
    """Give the person's visits to come to somebody else, unless something stands against it or came between."""
    visits = visits_ahead(session, user, now=now)
    if not visits:
        return saved(user.id)
    if takes_over_id is None:
        return invalid({"takes_over": HAS_VISITS})
    successor = find_successor(session, user, takes_over_id)
    if successor is None:
        return invalid({"takes_over": NO_SUCCESSOR})
    if not promised or not hand_over_visits(session, scope, visits, successor, promised=promised, now=now):
        return PREVIEW
    return saved(user.id)


def _follow(session: Session, scope: Scope, user: User, changed: tuple[str, ...], now: datetime) -> None:
    """What a change brings with it."""
    if "role" in changed:
        end_sessions(session, user, now=now)
    if "name" in changed:
        by = Actor(user_id=scope.user_id)
        update_winners(session, scope.clinic_id, by=by, fields=("name",), provider_id=user.id, now=now)
    if "email" in changed:
        if user.password_hash is not None:
            raise DomainError(KEEPS_ADDRESS)
        if user.active:
            _invite_anew(session, user, now)


def _record(
    session: Session, scope: Scope, what: AuditEvent, user: User, now: datetime, fields: tuple[str, ...] = ()
) -> None:
    by, about = Actor(user_id=scope.user_id), About("user", user.id)
    record(session, what, clinic_id=scope.clinic_id, by=by, now=now, fields=fields, about=about)
