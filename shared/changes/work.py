"""A plan in the making, which the parts of the planning fill in."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from shared.changes.family import Family
from shared.changes.wishes import VisitChange, Wish
from shared.plan import VisitDraft


@dataclass(slots=True)
class Work:
    """A plan in the making."""

    session: Session
    family: Family
    wish: Wish
    before: VisitDraft
    draft: VisitDraft
    errors: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    changes: list[VisitChange] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.family.now

    @property
    def fields(self) -> tuple[str, ...]:
        return self.draft.differs_from(self.before)
