"""The clinic's people, as administrators see them, and who is behind a password link."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shared.db import reading
from shared.models import Clinic, Mail, PasswordLink, SecondFactor, User, Visit
from shared.outbox import TO_USERS, user_mail_key
from shared.queries.cards import VisitCard, card_of, select_cards
from shared.queries.forms import Option
from shared.records import LAST_ADMIN, UserRecord, is_last_admin, read_user
from shared.rules import Scope, UserState, password_link_holds, user_state
from shared.states import MailState, Role, VisitStatus
from shared.tokens import VerifiedLink

SHOWN_VISITS = 10
"""How many of the visits that somebody has to take over a page lists."""


@dataclass(frozen=True, slots=True)
class UserRow:
    """One person in the list. ``visits_ahead`` have not begun. ``undelivered``: the newest mail did not arrive.

    ``link_expired``: the person was invited and let the link grow too old.
    """

    id: int
    name: str
    email: str
    role: Role
    state: UserState
    visits_ahead: int
    undelivered: bool
    link_expired: bool
    is_self: bool
    has_factor: bool


@dataclass(frozen=True, slots=True)
class UserDetails:
    """One person, with the first of the visits ahead and who could take them over. ``record`` is what a form holds.
    ``obstacle`` says why this person can't be deactivated; empty if nothing stands against it."""

    row: UserRow
    record: UserRecord
    visits: tuple[VisitCard, ...]
    successors: tuple[Option, ...]
    obstacle: str


@dataclass(frozen=True, slots=True)
class PasswordPage:
    """Whose password a link sets. ``is_new``: there was none before."""

    name: str
    email: str
    clinic_name: str
    is_new: bool


def user_list(scope: Scope, *, now: datetime) -> tuple[UserRow, ...]:
    """Everybody of the clinic by name, those deactivated last."""
    with reading() as session:
        people = session.scalars(
            select(User).where(User.clinic_id == scope.clinic_id).order_by(User.active.desc(), User.name, User.id)
        ).all()
        return tuple(_rows(session, scope, people, now))


def user_details(scope: Scope, user_id: int, *, now: datetime) -> UserDetails | None:
    """One person of the clinic; None for another clinic's."""
    with reading() as session:
        user = session.scalar(select(User).where(User.id == user_id, User.clinic_id == scope.clinic_id))
        if user is None:
            return None
        cards = session.execute(select_cards(*_ahead(now), Visit.provider_id == user.id).limit(SHOWN_VISITS))
        others = session.scalars(
            select(User)
            .where(User.clinic_id == scope.clinic_id, User.role == Role.PROVIDER, User.active, User.id != user.id)
            .order_by(User.name, User.id)
        )
        return UserDetails(
            row=_rows(session, scope, [user], now)[0],
            record=read_user(user),
            visits=tuple(card_of(row, now=now) for row in cards),
            successors=tuple(Option(str(other.id), other.name) for other in others),
            obstacle=LAST_ADMIN if is_last_admin(session, user) else "",
        )


def password_page(link: VerifiedLink, *, now: datetime) -> PasswordPage | None:
    """Whose link it is; None once it was used or replaced, grew too old, or its owner was deactivated."""
    with reading() as session:
        row = session.execute(
            select(PasswordLink, User, Clinic)
            .join(User, User.id == PasswordLink.user_id)
            .join(Clinic, Clinic.id == User.clinic_id)
            .where(PasswordLink.link_id == link.public_id)
        ).one_or_none()
    if row is None:
        return None
    stored, user, clinic = row
    if not password_link_holds(active=user.active, used_at=stored.used_at, expires_at=stored.expires_at, now=now):
        return None
    return PasswordPage(user.name, user.email, clinic.name, is_new=user.password_hash is None)


def _ahead(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Visit.status == VisitStatus.SCHEDULED, Visit.starts_at > now


def _rows(session: Session, scope: Scope, people: Sequence[User], now: datetime) -> list[UserRow]:
    ids = [user.id for user in people]
    counted = session.execute(
        select(Visit.provider_id, func.count().label("visits"))
        .where(Visit.provider_id.in_(ids), *_ahead(now))
        .group_by(Visit.provider_id)
    )
    ahead = {row.provider_id: row.visits for row in counted}
    newest = _newest_links(session, ids)
    with_factor = set(session.scalars(select(SecondFactor.user_id).where(SecondFactor.user_id.in_(ids))))
    failed = _failed(session, list(newest.values()))
    rows = []
    for user in people:
        link = newest.get(user.id)
        state = user_state(active=user.active, has_password=user.password_hash is not None)
        rows.append(
            UserRow(
                id=user.id,
                name=user.name,
                email=user.email,
                role=user.role,
                state=state,
                visits_ahead=ahead.get(user.id, 0),
                undelivered=user.active and link is not None and link.used_at is None and link.id in failed,
                link_expired=state is UserState.INVITED and (link is None or link.expires_at <= now),
                is_self=user.id == scope.user_id,
                has_factor=user.id in with_factor,
            )
        )
    return rows


def _newest_links(session: Session, user_ids: list[int]) -> dict[int, PasswordLink]:
    newest = select(func.max(PasswordLink.id)).where(PasswordLink.user_id.in_(user_ids)).group_by(PasswordLink.user_id)
    return {link.user_id: link for link in session.scalars(select(PasswordLink).where(PasswordLink.id.in_(newest)))}


def _failed(session: Session, links: list[PasswordLink]) -> set[int | None]:
    """Which of the links went out by a mail that did not arrive. A link has one mail, found by its key's index."""
    keys = [user_mail_key(kind, link) for kind in TO_USERS for link in links]
    return set(
        session.scalars(
            select(Mail.password_link_id).where(
                Mail.dedupe_key.in_(keys), Mail.state.in_((MailState.BOUNCED, MailState.DEAD))
            )
        )
    )
