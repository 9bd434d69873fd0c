"""Displays: who stands behind a screen's code, and the administrators' list."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from shared.db import reading
from shared.models import Clinic, Display, User
from shared.rules import DisplayScope, Scope
from shared.tokens import hash_token


@dataclass(frozen=True, slots=True)
class DisplayViewer:
    """A screen that shows a clinic's Board."""

    id: int
    scope: DisplayScope
    name: str
    clinic_name: str
    time_zone: str
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class DisplayRow:
    """A display in the list. ``last_seen_at``: to the minute; None if no screen has used the link yet."""

    id: int
    name: str
    made_by: str
    created_at: datetime
    last_seen_at: datetime | None


def display_of(code: str) -> DisplayViewer | None:
    """The display with this code; None for one that was revoked or never was."""
    with reading() as session:
        row = session.execute(
            select(Display, Clinic)
            .join(Clinic, Clinic.id == Display.clinic_id)
            .where(Display.code_hash == hash_token(code), Display.revoked_at.is_(None))
        ).one_or_none()
    if row is None:
        return None
    display, clinic = row
    return DisplayViewer(
        display.id, DisplayScope(clinic.id), display.name, clinic.name, clinic.time_zone, display.last_seen_at
    )


def display_list(scope: Scope) -> tuple[DisplayRow, ...]:
    """The clinic's displays in use, by name."""
    with reading() as session:
        rows = session.execute(
            select(Display, User.name.label("made_by"))
            .join(User, User.id == Display.made_by_id)
            .where(Display.clinic_id == scope.clinic_id, Display.revoked_at.is_(None))
            .order_by(Display.name, Display.id)
        ).all()
    return tuple(
        DisplayRow(row.Display.id, row.Display.name, row.made_by, row.Display.created_at, row.Display.last_seen_at)
        for row in rows
    )
