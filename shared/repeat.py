"""How a series repeats: the rule a person chose, and the dates it gives. Dates only; wall time lives in the visits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

from dateutil import rrule

from shared.states import Frequency
from shared.times import DAYS, day_text

MOST_VISITS = 52

_FREQUENCIES: Mapping[Frequency, Literal[1, 2, 3]] = {
    Frequency.DAILY: rrule.DAILY,
    Frequency.WEEKLY: rrule.WEEKLY,
    Frequency.MONTHLY: rrule.MONTHLY,
}


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule. ``weekdays`` (0 is Monday) belong to a weekly one, ``month_day`` to a monthly one; it ends after
    ``count`` dates or on ``until``, whichever is set."""

    frequency: Frequency
    weekdays: tuple[int, ...] = ()
    month_day: int | None = None
    until: date | None = None
    count: int | None = None

    def dates(self, first_on: date) -> tuple[date, ...]:
        """The rule's dates from ``first_on`` on, ``first_on`` itself only if the rule gives it.

        One more than allowed at most, so that "too many" can be told.
        """
        found = rrule.rrule(
            _FREQUENCIES[self.frequency],
            dtstart=datetime.combine(first_on, time.min),
            count=min(self.count or MOST_VISITS + 1, MOST_VISITS + 1),
            byweekday=sorted(self.weekdays) or None,
            bymonthday=self._month_days or None,
            bysetpos=-1 if self._month_days else None,
        )
        days = (moment.date() for moment in found)
        return tuple(day for day in days if self.until is None or day <= self.until)

    @property
    def _month_days(self) -> list[int]:
        """The days of which the month's last one counts: 31 means 31, or 30, 29, 28 where the month is shorter."""
        if self.month_day is None:
            return []
        return list(range(28, self.month_day + 1)) if self.month_day > 28 else [self.month_day]

    def calendar_rule(self, until: datetime) -> dict[str, object]:
        """The rule as iCalendar writes it (RFC 5545, RECUR), ending at an aware UTC instant."""
        parts: dict[str, object] = {"freq": self.frequency.value.upper(), "until": until}
        if self.weekdays:
            parts["byday"] = [("MO", "TU", "WE", "TH", "FR", "SA", "SU")[day] for day in sorted(self.weekdays)]
        if self._month_days:
            parts["bymonthday"] = self._month_days
        if len(self._month_days) > 1:
            parts["bysetpos"] = -1
        return parts

    @property
    def words(self) -> str:
        """Every week on Tue and Thu, 6 times."""
        return f"{self.pace}, {self._end}"

    @property
    def pace(self) -> str:
        """Every week on Tue and Thu: how often, without the end."""
        if self.frequency is Frequency.DAILY:
            return "Every day"
        if self.frequency is Frequency.WEEKLY:
            days = [DAYS[day] for day in sorted(self.weekdays)]
            named = " and ".join(filter(None, (", ".join(days[:-1]), days[-1]))) if days else ""
            return f"Every week on {named}" if named else "Every week"
        if self.month_day is not None and self.month_day > 28:
            return f"Every month on day {self.month_day}, or the last day of a shorter month"
        return f"Every month on day {self.month_day}" if self.month_day else "Every month"

    @property
    def _end(self) -> str:
        if self.until is not None:
            return f"until {day_text(self.until)}"
        return "once" if self.count == 1 else f"{self.count} times"
