"""What somebody wants of a visit, and the plan of what comes of it. Values only, no database."""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

from shared.plan import Question, Slot, VisitDraft
from shared.states import Reach, RequestEvent

TOLD = frozenset({"provider", "date", "start_time", "duration", "visit_type", "language", "interpreter", "notes"})
"""What companies see of a visit: a change of any of these withdraws (spec, section 6)."""

INTERPRETER_FIELDS = frozenset({"language", "interpreter", "notes"})


class ChangeKind(StrEnum):
    EDIT = "edit"
    ASK = "ask"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that somebody wants. ``version`` is the visit's when they began; ``draft`` (edit and ask) is the whole
    form, ``reason`` belongs to a cancellation and is the clinic's alone. ``only`` names the visits meant (of the same
    appointment) instead of ``reach``."""

    kind: ChangeKind
    visit_id: int
    version: int
    reach: Reach = Reach.THIS
    draft: VisitDraft | None = None
    reason: str = ""
    only: tuple[int, ...] = ()

    def digest(self) -> str:
        """A hash of the content, so that one key can't confirm two different changes."""
        content = [self.kind, self.visit_id, self.reach, self.draft.digest() if self.draft else ""]
        content += [self.reason, *self.only]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class VisitChange:
    """What becomes of one visit. ``handle`` is its id, or a negative number for a date that the new rule adds;
    ``draft`` are its values afterwards, ``fields`` the names of those that change."""

    handle: int
    version: int
    draft: VisitDraft
    slot: Slot
    was: Slot | None
    time_zone: str
    fields: tuple[str, ...] = ()
    cancelled: bool = False

    @property
    def added(self) -> bool:
        """Whether the visit does not exist yet."""
        return self.was is None

    @property
    def told(self) -> frozenset[str]:
        """Those of the changed fields that companies see."""
        return TOLD & frozenset(self.fields)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a current request loses. ``event`` ends it; without one it lives on with the visits that stay.

    ``winner_id`` and ``company_name`` tell who had accepted (0 and empty: nobody). ``keeps`` counts the visits to come
    that the winner keeps of this request; ``loses_last``: it keeps none. ``changes_room``: nor does it hold others of
    the appointment, so room and PIN change. ``waiting`` are the companies that have been asked and have not answered.
    """

    request_id: int
    event: RequestEvent | None
    winner_id: int
    company_name: str
    leaving: tuple[int, ...]
    keeps: int
    loses_last: bool
    changes_room: bool
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """A new request: for which visits (handles), and what it asks."""

    handles: tuple[int, ...]
    question: Question


Asked = tuple[tuple[int, ...], tuple[int, ...]]
"""Handles of visits that one request asks for, and the ids of the companies that it asks."""


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What would be done. Nothing may be done while ``errors`` (field → sentence) holds anything, nor when ``stale``:
    somebody changed the visit after the form was opened, and ``before`` is what it holds now."""

    wish: Wish
    before: VisitDraft
    draft: VisitDraft
    time_zone: str
    provider_name: str
    meant: tuple[VisitChange, ...] = ()
    """All visits that the wish is about, also those that stay as they are."""
    changes: tuple[VisitChange, ...] = ()
    endings: tuple[Ending, ...] = ()
    holders: tuple[str, ...] = ()
    """Companies that lose nothing and are told of a new room and PIN."""
    askings: tuple[Asking, ...] = ()
    unasked: tuple[int, ...] = ()
    """Visits that leave their request and are asked for no more: dispatch is off, or nobody is left to ask."""
    versions: tuple[tuple[int, int], ...] = ()
    stale: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether saving would change nothing at all."""
        return not self.changes and not self.endings and not self.askings

    @property
    def asked(self) -> tuple[Asked, ...]:
        """For which visits who would be asked: what a preview promised and Confirm compares."""
        return tuple(
            sorted(
                (tuple(sorted(asking.handles)), tuple(sorted(company.id for company in asking.question.companies)))
                for asking in self.askings
            )
        )

    @property
    def winner_ids(self) -> tuple[int, ...]:
        """The accepted invites that would lose visits."""
        return tuple(sorted(ending.winner_id for ending in self.endings if ending.winner_id))
