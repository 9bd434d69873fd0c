"""The badges of the visits that an open page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.db import reading
from shared.models import Visit
from shared.queries._badge import Badge
from shared.queries.cards import card_of, in_scope, select_cards
from shared.queries.schedule import BOARD_DAYS
from shared.rules import DisplayScope, Sight

__all__ = ["Badge", "LiveBadge", "badges"]


@dataclass(frozen=True, slots=True)
class LiveBadge:
    """A badge on an open page. ``over``: the visit has ended and the badge can't change any more."""

    badge: Badge
    reference: str
    over: bool


def badges(scope: Sight, visit_ids: Sequence[int], *, now: datetime) -> list[LiveBadge]:
    """The badges of those of the visits that the scope may see; others are left out without a word. A display sees
    none that is over, and none beyond its Board."""
    seen = in_scope(scope)
    if isinstance(scope, DisplayScope):
        seen = (*seen, Visit.ends_at > now, Visit.starts_at < now + timedelta(days=BOARD_DAYS))
    with reading() as session:
        rows = session.execute(select_cards(*seen, Visit.id.in_(visit_ids))).all()
        cards = [card_of(row, now=now) for row in rows]
    return [LiveBadge(card.badge, card.reference, card.over) for card in cards]
