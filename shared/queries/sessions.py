"""Who is behind a login's token."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

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


def viewer_of(token: str, *, idle: timedelta, absolute: timedelta, now: datetime) -> Viewer | None:
    """The person with this session; None once it ended, sat idle or grew too old, or the user was deactivated."""
    with reading() as session:
        row = session.execute(
            select(UserSession, User, Clinic)
            .join(User, User.id == UserSession.user_id)
            .join(Clinic, Clinic.id == User.clinic_id)
            .where(
                UserSession.token_hash == hash_token(token),
                UserSession.ended_at.is_(None),
                UserSession.last_seen_at > now - idle,
                UserSession.created_at > now - absolute,
                User.active,
            )
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
