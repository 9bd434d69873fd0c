"""Changing visits: edit, ask again, cancel. One transaction, which does what its preview showed or nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actions._booking import lock_clinic
from shared.actions._changing import carry_out, locked_plan
from shared.audit import Actor
from shared.changes import Asked, ChangePlan, Wish
from shared.db import transaction
from shared.errors import DomainError
from shared.models import Confirmation, Visit
from shared.rules import Scope


@dataclass(frozen=True, slots=True)
class ChangePromise:
    """What a preview of a change promised: its key (works once), its content's digest, and what it named: the versions
    of the visits it touches, which companies it asks for which of them, and the winners it takes visits from."""

    key: str
    digest: str
    versions: tuple[tuple[int, int], ...]
    asked: tuple[Asked, ...]
    winner_ids: tuple[int, ...]


class ChangeOutcome(StrEnum):
    CHANGED = "changed"
    ALREADY_MADE = "already_made"
    CONTENT_CHANGED = "content_changed"
    STALE = "stale"
    WON_MEANWHILE = "won_meanwhile"
    PREVIEW_AGAIN = "preview_again"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """What Confirm came to. ``plan`` is what the same wish would do now, for every outcome that did nothing."""

    outcome: ChangeOutcome
    visit_id: int
    plan: ChangePlan | None = None


_UNLESS_CHANGED = frozenset({ChangeOutcome.CHANGED, ChangeOutcome.WON_MEANWHILE, ChangeOutcome.PREVIEW_AGAIN})
"""Somebody else's change is shown before any of these."""


def change_visit(scope: Scope, wish: Wish, promise: ChangePromise, *, now: datetime) -> ChangeResult:
    """Do what a preview of a change showed, or nothing. A second Confirm of the same preview finds it done.

    Somebody else's change since (STALE), a company's acceptance since (WON_MEANWHILE) and other companies to ask, or
    others for some visits (PREVIEW_AGAIN), are shown first. Locks clinic, then the appointment's visits, their
    requests, invites, mails. Raises NotFoundError for a visit that is not the scope's, DomainError for one that can't
    be changed.
    """
    if not scope.may_book:
        raise DomainError("Your role can look at visits, not change them.")
    with transaction() as session:
        lock_clinic(session, scope.clinic_id)
        earlier = session.get(Confirmation, promise.key)
        if earlier is not None and earlier.user_id == scope.user_id and earlier.digest == wish.digest():
            return ChangeResult(ChangeOutcome.ALREADY_MADE, earlier.visit_id)
        plan = locked_plan(session, scope, wish, now)
        outcome = _outcome(wish, promise, plan, known=earlier is not None)
        if outcome in _UNLESS_CHANGED and _changed_since(session, promise):
            outcome = ChangeOutcome.STALE
        if outcome is not ChangeOutcome.CHANGED:
            return ChangeResult(outcome, wish.visit_id, plan)
        session.add(
            Confirmation(
                key=promise.key,
                clinic_id=scope.clinic_id,
                user_id=scope.user_id,
                digest=promise.digest,
                visit_id=wish.visit_id,
                created_at=now,
            )
        )
        carry_out(session, plan, by=Actor(user_id=scope.user_id), now=now)
        return ChangeResult(ChangeOutcome.CHANGED, wish.visit_id)


def _outcome(wish: Wish, promise: ChangePromise, plan: ChangePlan, *, known: bool) -> ChangeOutcome:
    if known or promise.digest != wish.digest():
        return ChangeOutcome.CONTENT_CHANGED
    seen = dict(promise.versions)
    if plan.stale or any(seen.get(visit_id, version) != version for visit_id, version in plan.versions):
        return ChangeOutcome.STALE
    if plan.errors:
        return ChangeOutcome.INVALID
    if not set(plan.winner_ids) <= set(promise.winner_ids):
        return ChangeOutcome.WON_MEANWHILE
    return ChangeOutcome.CHANGED if plan.asked == promise.asked else ChangeOutcome.PREVIEW_AGAIN


def _changed_since(session: Session, promise: ChangePromise) -> bool:
    """Whether a visit that the preview named is another now, also one that is not in the plan: cancelled."""
    found = select(Visit.id, Visit.version).where(Visit.id.in_(dict(promise.versions)))
    return {tuple(row) for row in session.execute(found)} != set(promise.versions)
