"""Who is behind a login's token."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select

from shared.db import reading
from shared.models import Clinic, User, UserSession
from shared.rules import Scope
from shared.tokens import hash_token


@dataclass(frozen=True, slots=True)
class Viewer:
    """A logged-in person, as pages need them. ``last_seen_at`` is the last activity, polling not counted."""

    scope: Scope
    name: str
    email: str
    clinic_name: str
    time_zone: str
    dispatch_enabled: bool
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class OpenLogin:
    """A login that opens pages still. ``is_this`` marks the one that asks."""

    id: int
    began_at: datetime
    last_seen_at: datetime
    is_this: bool


def open_logins(
    scope: Scope, token: str, *, idle: timedelta, absolute: timedelta, now: datetime
) -> tuple[OpenLogin, ...]:
    """The person's own logins: this one first, then those used last."""
    with reading() as session:
        rows = session.scalars(
            select(UserSession)
            .where(UserSession.user_id == scope.user_id, *_is_open(idle, absolute, now))
            .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
        ).all()
    here = hash_token(token)
    found = [OpenLogin(row.id, row.created_at, row.last_seen_at, row.token_hash == here) for row in rows]
    return tuple(sorted(found, key=lambda login: not login.is_this))


def viewer_of(token: str, *, idle: timedelta, absolute: timedelta, now: datetime) -> Viewer | None:
    """The person with this session; None once it ended, sat idle or grew too old, or the user was deactivated."""
    with reading() as session:
        row = session.execute(
            select(UserSession, User, Clinic)
            .join(User, User.id == UserSession.user_id)
            .join(Clinic, Clinic.id == User.clinic_id)
            .where(UserSession.token_hash == hash_token(token), *_is_open(idle, absolute, now), User.active)
        ).one_or_none()
    if row is None:
        return None
    login, user, clinic = row
    return Viewer(
        scope=Scope(clinic_id=clinic.id, user_id=user.id, role=user.role),
        name=user.name,
        email=user.email,
        clinic_name=clinic.name,
        time_zone=clinic.time_zone,
        dispatch_enabled=clinic.dispatch_enabled,
        last_seen_at=login.last_seen_at,
    )


def _is_open(idle: timedelta, absolute: timedelta, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        UserSession.ended_at.is_(None),
        UserSession.last_seen_at > now - idle,
        UserSession.created_at > now - absolute,
    )
