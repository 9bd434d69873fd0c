"""Displays: links that show the Board on a screen without a login."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.actions._saving import SaveResult, invalid, lock_as_admin, saved
from shared.audit import About, Actor, AuditEvent, record
from shared.db import transaction
from shared.errors import NotFoundError
from shared.models import Display
from shared.rules import Scope
from shared.tokens import hash_token

NAME_TAKEN = "Another display has this name. Choose another, so that you can tell them apart."


def make_display(scope: Scope, name: str, code: str, *, now: datetime) -> SaveResult:
    """Make a display whose screen shows itself by the code; only its hash is kept. The same code and name again is a
    button that was pressed twice."""
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        hashed = hash_token(code)
        display = session.scalar(select(Display).where(Display.clinic_id == clinic.id, Display.code_hash == hashed))
        if display is not None and display.name == name and display.revoked_at is None:
            return saved(display.id)
        if display is not None or _is_taken(session, clinic.id, name):
            return invalid({"name": NAME_TAKEN})
        display = Display(clinic_id=clinic.id, name=name, code_hash=hashed, made_by_id=scope.user_id, created_at=now)
        session.add(display)
        session.flush()
        _record(session, scope, AuditEvent.DISPLAY_MADE, display, now)
        return saved(display.id)


def revoke_display(scope: Scope, display_id: int, *, now: datetime) -> str:
    """Switch a display off, at once and for good; gives its name. Twice is harmless."""
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        display = session.scalar(select(Display).where(Display.id == display_id, Display.clinic_id == clinic.id))
        if display is None:
            raise NotFoundError
        if display.revoked_at is None:
            display.revoked_at = now
            _record(session, scope, AuditEvent.DISPLAY_REVOKED, display, now)
        return display.name


def touch_display(display_id: int, *, now: datetime) -> None:
    """Note that the display is in use."""
    with transaction() as session:
        session.execute(update(Display).where(Display.id == display_id).values(last_seen_at=now))


def _is_taken(session: Session, clinic_id: int, name: str) -> bool:
    """Whether a display in use has the name, capitals aside."""
    names = session.scalars(select(Display.name).where(Display.clinic_id == clinic_id, Display.revoked_at.is_(None)))
    return name.casefold() in {other.casefold() for other in names}


def _record(session: Session, scope: Scope, what: AuditEvent, display: Display, now: datetime) -> None:
    """Its name as of then stands first among the fields, as with hunt groups."""
    by, about = Actor(user_id=scope.user_id), About("display", display.id)
    record(session, what, clinic_id=scope.clinic_id, by=by, now=now, fields=(display.name,), about=about)
