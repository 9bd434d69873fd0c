"""Lists of visits: today, a day with its week, a week, and the Board. Days are days in the clinic's zone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared import times
from shared.db import reading
from shared.models import Visit
from shared.queries.cards import VisitCard, card_of, in_scope, select_cards
from shared.rules import Scope, Sight
from shared.states import BadgeKind

BOARD_DAYS = 8
"""Today and the next seven days."""

_WORST_FIRST = {BadgeKind.NOT_ACCEPTED: 0, BadgeKind.PENDING: 1, BadgeKind.ACCEPTED: 2, BadgeKind.NONE: 3}


@dataclass(frozen=True, slots=True)
class DaySummary:
    """A day of the week strip: how many visits, and how many with each badge (kinds without any are left out)."""

    day: date
    total: int
    counts: tuple[tuple[BadgeKind, int], ...]

    def count(self, kind: BadgeKind) -> int:
        """How many visits of the day have this badge."""
        return dict(self.counts).get(kind, 0)


@dataclass(frozen=True, slots=True)
class DayPage:
    """A day's visits, with its week as a strip."""

    day: date
    today: date
    week: tuple[DaySummary, ...]
    visits: tuple[VisitCard, ...]

    @property
    def summary(self) -> DaySummary:
        """The shown day's counts."""
        return self.week[self.day.weekday()]

    @property
    def before(self) -> date:
        """Where "previous" leads."""
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date:
        """Where "next" leads."""
        return self.day + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WeekPage:
    """A week's visits by day, Monday first. ``day`` is the one asked for."""

    day: date
    today: date
    week: tuple[DaySummary, ...]
    days: tuple[tuple[VisitCard, ...], ...]

    @property
    def before(self) -> date:
        """Where "previous" leads."""
        return self.day - timedelta(weeks=1)

    @property
    def after(self) -> date:
        """Where "next" leads."""
        return self.day + timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class TodayPage:
    """The Dashboard: today's visits, and those of the next seven days that need somebody."""

    today: date
    summary: DaySummary
    visits: tuple[VisitCard, ...]
    attention: tuple[VisitCard, ...]


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The wall page: visits of today and the next seven days that are not over, worst first, no patient in it."""

    today: date
    visits: tuple[VisitCard, ...]
    counts: tuple[tuple[BadgeKind, int], ...]

    def count(self, kind: BadgeKind) -> int:
        """How many of the visits have this badge."""
        return dict(self.counts).get(kind, 0)


def day_page(scope: Scope, day: date, zone: str, *, now: datetime) -> DayPage:
    """One day and its week, read together."""
    monday = times.week_of(day)
    days = _days(scope, monday, 7, zone, now)
    return DayPage(day, times.day_of(now, zone), _summaries(monday, days), days[day.weekday()])


def week_page(scope: Scope, day: date, zone: str, *, now: datetime) -> WeekPage:
    """The week that holds the day."""
    monday = times.week_of(day)
    days = _days(scope, monday, 7, zone, now)
    return WeekPage(day, times.day_of(now, zone), _summaries(monday, days), days)


def today_page(scope: Scope, zone: str, *, now: datetime) -> TodayPage:
    """Today, and what needs somebody soon: Not Accepted first, then confirmations that did not arrive."""
    today = times.day_of(now, zone)
    days = _days(scope, today, BOARD_DAYS, zone, now)
    attention = [
        card
        for day in days
        for card in day
        if not card.over and (card.badge.kind is BadgeKind.NOT_ACCEPTED or card.badge.alarm)
    ]
    return TodayPage(today, _summaries(today, days)[0], days[0], tuple(attention))


def board(scope: Sight, zone: str, *, now: datetime) -> BoardPage:
    """The Board's visits; patient name and reason are blanked before they leave this function."""
    today = times.day_of(now, zone)
    cards = [
        replace(card, patient_name="", reason="")
        for day in _days(scope, today, BOARD_DAYS, zone, now)
        for card in day
        if not card.over and card.badge.kind in _WORST_FIRST
    ]
    cards.sort(key=lambda card: (_urgency(card), card.starts_at, card.id))
    return BoardPage(today, tuple(cards), _count(cards))


def _urgency(card: VisitCard) -> int:
    return 0 if card.badge.alarm else _WORST_FIRST[card.badge.kind]


def _days(scope: Sight, first: date, days: int, zone: str, now: datetime) -> tuple[tuple[VisitCard, ...], ...]:
    start, end = times.day_bounds(first, zone, days=days)
    with reading() as session:
        rows = session.execute(select_cards(*in_scope(scope), Visit.starts_at >= start, Visit.starts_at < end)).all()
        cards = [card_of(row, now=now) for row in rows]
    by_day: dict[date, list[VisitCard]] = {first + timedelta(days=i): [] for i in range(days)}
    for card in cards:
        by_day[times.day_of(card.starts_at, zone)].append(card)
    return tuple(tuple(cards) for cards in by_day.values())


def _summaries(first: date, days: Sequence[Sequence[VisitCard]]) -> tuple[DaySummary, ...]:
    return tuple(
        DaySummary(
            first + timedelta(days=i),
            sum(card.badge.kind is not BadgeKind.CANCELLED for card in day),
            _count(day),
        )
        for i, day in enumerate(days)
    )


def _count(cards: Sequence[VisitCard]) -> tuple[tuple[BadgeKind, int], ...]:
    counts = Counter(card.badge.kind for card in cards)
    return tuple((kind, counts[kind]) for kind in _WORST_FIRST if counts[kind])
