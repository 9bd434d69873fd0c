"""What saving an administrator's form has in common, whatever it holds. The caller holds the transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.orm import Session

from shared.actions._booking import lock_clinic
from shared.errors import DomainError
from shared.models import Clinic, User
from shared.records import Record, stamp_of
from shared.rules import Scope
from shared.states import Role


class SaveOutcome(StrEnum):
    SAVED = "saved"
    CONFLICT = "conflict"
    INVALID = "invalid"
    PREVIEW = "preview"
    """Nothing was saved: what it would do to visits was not shown yet, or is something else by now."""


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What saving came to. ``id`` is the saved row's, ``errors`` (field → sentence) say why nothing was saved."""

    outcome: SaveOutcome
    id: int = 0
    errors: Mapping[str, str] = field(default_factory=dict)


CONFLICT = SaveResult(SaveOutcome.CONFLICT)
PREVIEW = SaveResult(SaveOutcome.PREVIEW)


def saved(row_id: int) -> SaveResult:
    """It is as the form said, whether or not that changed anything."""
    return SaveResult(SaveOutcome.SAVED, row_id)


def invalid(errors: Mapping[str, str]) -> SaveResult:
    """Nothing was saved: this stands against it."""
    return SaveResult(SaveOutcome.INVALID, errors=errors)


def lock_as_admin(session: Session, scope: Scope) -> Clinic:
    """Lock the scope's clinic, first of all locks: administrators' changes and Confirms go one after the other. Then
    see whether who asks is an administrator still: a colleague may have been quicker.

    Raises DomainError for anybody who is no administrator.
    """
    if not scope.may_administer:
        raise DomainError("Only an administrator of the clinic can change this.")
    clinic = lock_clinic(session, scope.clinic_id)
    actor = session.get_one(User, scope.user_id, populate_existing=True)
    if not actor.active or actor.role is not Role.ADMIN:
        raise DomainError("You are no longer an administrator of the clinic. Ask one to do this.")
    return clinic


def somebody_was_quicker(stored: Record, wanted: Record, stamp: str) -> bool:
    """Whether the record changed since the form was opened, to something else than what the form says."""
    return stamp_of(stored) != stamp and stored != wanted
