"""Writes the audit trail, in the caller's transaction."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import event, exists, select
from sqlalchemy.orm import Session

from shared.models import AuditEntry

log = logging.getLogger(__name__)


class AuditEvent(StrEnum):
    """What can have happened. The words are stored: rename none."""

    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    LOGIN_FAILED = "login_failed"
    LOGIN_SLOWED = "login_slowed"
    LOGINS_ENDED = "logins_ended"
    VISIT_CREATED = "visit_created"
    REQUEST_MADE = "request_made"
    REQUEST_MOVED = "request_moved"
    INVITE_ACCEPTED = "invite_accepted"
    INVITE_DECLINED = "invite_declined"
    DECLINE_REASON_GIVEN = "decline_reason_given"
    VISIT_CHANGED = "visit_changed"
    VISIT_CANCELLED = "visit_cancelled"
    VISIT_LEFT_REQUEST = "visit_left_request"
    WINNER_UPDATED = "winner_updated"
    MAIL_SENT = "mail_sent"
    MAIL_BOUNCED = "mail_bounced"
    MAIL_DEAD = "mail_dead"
    MAIL_SENT_AGAIN = "mail_sent_again"
    CLINIC_CREATED = "clinic_created"
    SETTINGS_CHANGED = "settings_changed"
    LANGUAGE_ADDED = "language_added"
    LANGUAGE_CHANGED = "language_changed"
    LANGUAGE_REMOVED = "language_removed"
    COMPANY_ADDED = "company_added"
    COMPANY_CHANGED = "company_changed"
    COMPANY_SUSPENDED = "company_suspended"
    COMPANY_ACCREDITED = "company_accredited"
    HUNT_GROUP_ADDED = "hunt_group_added"
    HUNT_GROUP_CHANGED = "hunt_group_changed"
    HUNT_GROUP_REMOVED = "hunt_group_removed"
    USER_INVITED = "user_invited"
    USER_CHANGED = "user_changed"
    USER_DEACTIVATED = "user_deactivated"
    USER_REACTIVATED = "user_reactivated"
    PASSWORD_ASKED = "password_asked"  # noqa: S105 # nosec B105 # an event
    PASSWORD_SET = "password_set"  # noqa: S105 # nosec B105 # an event
    CODE_REFUSED = "code_refused"
    FACTOR_SET_UP = "factor_set_up"
    FACTOR_REMOVED = "factor_removed"
    FACTOR_RESET = "factor_reset"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    DISPLAY_MADE = "display_made"
    DISPLAY_REVOKED = "display_revoked"
    TRAIL_EXPORTED = "trail_exported"
    PATIENT_REMOVED = "patient_removed"
    NOTES_REMOVED = "notes_removed"
    CONTACTS_REMOVED = "contacts_removed"
    PATIENT_EXPORTED = "patient_exported"
    PATIENT_ERASED = "patient_erased"
    NOTES_ERASED = "notes_erased"


@dataclass(frozen=True, slots=True)
class About:
    """What an administrator's line is about: a kind of row ("company") and its id."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a user, a company by its invite, or the product itself (both None)."""

    user_id: int | None = None
    invite_id: int | None = None


SYSTEM = Actor()

ONE_PRESS = timedelta(minutes=1)
"""How long the same form from the same person counts as the same press of its button."""


def record(
    session: Session,
    what: AuditEvent,
    *,
    clinic_id: int,
    by: Actor,
    now: datetime,
    visit_id: int | None = None,
    request_id: int | None = None,
    invite_id: int | None = None,
    mail_id: int | None = None,
    moved: tuple[str | None, str | None] = (None, None),
    fields: tuple[str, ...] = (),
    about: About | None = None,
) -> None:
    """Add one line to the trail. ``moved`` is (from, to); ``fields`` are names of fields, never their
    values; before them stands what a language (tag), hunt group or display is called, for these can be deleted.

    Once it is committed, the log tells the same, unless it is about a mail: of those the sender tells more."""
    if mail_id is None:
        told: dict[str, object] = {"what": what, "clinic_id": clinic_id, "user_id": by.user_id, "visit_id": visit_id}
        told |= {"request_id": request_id, "invite_id": invite_id, "moved_from": moved[0], "moved_to": moved[1]}
        if about:
            told[f"about_{about.kind}_id"] = about.id
        _tell_later(session, told)
    session.add(
        AuditEntry(
            clinic_id=clinic_id,
            at=now,
            actor_user_id=by.user_id,
            actor_invite_id=by.invite_id,
            what=what,
            visit_id=visit_id,
            request_id=request_id,
            invite_id=invite_id,
            mail_id=mail_id,
            from_state=moved[0],
            to_state=moved[1],
            fields=list(fields),
            about_kind=about.kind if about else None,
            about_id=about.id if about else None,
        )
    )


def _tell_later(session: Session, facts: Mapping[str, object]) -> None:
    told = {name: value for name, value in facts.items() if value is not None}
    event.listen(session, "after_commit", lambda _session: log.info("Trail", extra=told), once=True)


def was_just_done(
    session: Session, what: AuditEvent, *, clinic_id: int, by: Actor, about: About, now: datetime
) -> bool:
    """Whether this person did this a moment ago: then the same form again is a button that was pressed twice."""
    lines = exists().where(
        AuditEntry.clinic_id == clinic_id,
        AuditEntry.at > now - ONE_PRESS,
        AuditEntry.what == what,
        AuditEntry.actor_user_id == by.user_id,
        AuditEntry.about_kind == about.kind,
        AuditEntry.about_id == about.id,
    )
    return session.scalars(select(lines)).one()
