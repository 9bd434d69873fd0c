"""Wall time and how it is written. Instants are aware UTC; a wall time always travels with its zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_REGIONS = frozenset(
    {
        "Africa", "America", "Antarctica", "Arctic", "Asia",
        "Atlantic", "Australia", "Europe", "Indian", "Pacific",
    }
)  # fmt: skip


class LocalKind(StrEnum):
    """How a wall time maps to instants: one, two (the clock goes back), or none (the clock jumps over it)."""

    EXACT = "exact"
    AMBIGUOUS = "ambiguous"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A wall time placed on the time line. An ambiguous one is its first instant, a skipped one moves by the gap."""

    instant: datetime
    kind: LocalKind


def is_zone(name: str) -> bool:
    """Whether the name is an IANA zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache
def zones() -> tuple[str, ...]:
    """The zones that people choose from: those named by region and place, and UTC; no old short names."""
    places = sorted(name for name in available_timezones() if name.partition("/")[0] in _REGIONS and "/" in name)
    return (*places, "UTC")


def place(day: date, wall: time, zone: str) -> LocalTime:
    """Turn a wall time in an IANA zone into an instant."""
    local = datetime.combine(day, wall, ZoneInfo(zone))
    first, second = local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first == second:
        return LocalTime(first, LocalKind.EXACT)
    if first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local.replace(tzinfo=None):
        return LocalTime(first, LocalKind.SKIPPED)
    return LocalTime(first, LocalKind.AMBIGUOUS)


def day_of(instant: datetime, zone: str) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def day_bounds(first: date, zone: str, *, days: int = 1) -> tuple[datetime, datetime]:
    """Half-open instants [start of first, start of first + days) in a zone; a day may have 23 or 25 hours."""
    return place(first, time.min, zone).instant, place(first + timedelta(days=days), time.min, zone).instant


def week_of(day: date) -> date:
    """The Monday of the day's week."""
    return day - timedelta(days=day.weekday())


def offset_text(instant: datetime, zone: str) -> str:
    """The zone's distance from UTC at that instant: UTC−8, UTC+5:30, UTC."""
    offset = instant.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    minutes = round(abs(offset).total_seconds() / 60)
    if not minutes:
        return "UTC"
    sign = "−" if offset < timedelta() else "+"
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "")


def city(zone: str) -> str:
    """The zone's place, for people: Los Angeles."""
    return zone.rpartition("/")[2].replace("_", " ")


def zone_text(instant: datetime, zone: str) -> str:
    """The zone's name and offset at that instant: PST (UTC−8). Zones without letters are named by their city."""
    name = instant.astimezone(ZoneInfo(zone)).tzname() or ""
    offset = offset_text(instant, zone)
    if not name.isalpha():
        name = f"{city(zone)} time"
    return name if name == offset else f"{name} ({offset})"


def zone_short(instant: datetime, zone: str) -> str:
    """The zone's abbreviation, or its offset where it has none: PST, UTC+4."""
    name = instant.astimezone(ZoneInfo(zone)).tzname() or ""
    return name if name.isalpha() else offset_text(instant, zone)


def day_text(day: date) -> str:
    """Tue 24 Nov 2026."""
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def day_title(day: date) -> str:
    """Tuesday, 24 November."""
    return f"{DAY_NAMES[day.weekday()]}, {day.day} {MONTH_NAMES[day.month - 1]}"


def clock_text(instant: datetime, zone: str) -> str:
    """09:30, without a zone: only where the page has named the zone once."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def date_text(instant: datetime, zone: str) -> str:
    """Tue 24 Nov 2026, in the zone."""
    return day_text(day_of(instant, zone))


def moment_text(instant: datetime, zone: str) -> str:
    """Mon 23 Nov 2026, 21:10 PST (UTC−8)."""
    return f"{date_text(instant, zone)}, {clock_text(instant, zone)} {zone_text(instant, zone)}"


def short_moment_text(instant: datetime, zone: str, *, now: datetime) -> str:
    """21:10 PST today, 21:10 PST tomorrow, or Wed 25 Nov, 21:10 PST."""
    day, today = day_of(instant, zone), day_of(now, zone)
    words = f"{clock_text(instant, zone)} {zone_short(instant, zone)}"
    if day == today:
        return f"{words} today"
    if day == today + timedelta(days=1):
        return f"{words} tomorrow"
    year = f" {day.year}" if day.year != today.year else ""
    return f"{_short_day(day)}{year}, {words}"


def near_day_text(instant: datetime, zone: str, *, now: datetime) -> str:
    """Today, Tomorrow, or Wed 25 Nov; the year only when it is another."""
    day, today = day_of(instant, zone), day_of(now, zone)
    if day == today:
        return "Today"
    if day == today + timedelta(days=1):
        return "Tomorrow"
    return _short_day(day) + (f" {day.year}" if day.year != today.year else "")


def span_text(start: datetime, end: datetime, zone: str) -> str:
    """09:30–10:15 PST (UTC−8); the end names its day when it is another, and its zone name when the clock changes."""
    last = clock_text(end, zone)
    if zone_text(start, zone) != zone_text(end, zone):
        first = f"{clock_text(start, zone)} {zone_text(start, zone)}"
        return f"{first} – {_other_day(start, end, zone)}{last} {zone_text(end, zone)}"
    return f"{clock_text(start, zone)}–{_other_day(start, end, zone)}{last} {zone_text(start, zone)}"


def _other_day(start: datetime, end: datetime, zone: str) -> str:
    day = day_of(end, zone)
    return "" if day == day_of(start, zone) else f"{_short_day(day)} "


def _short_day(day: date) -> str:
    return f"{DAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def remaining_text(left: timedelta) -> str:
    """3 h 12 min, rounded down so that nobody is promised a minute too many; under a minute: less than a minute."""
    minutes = int(left.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    if days:
        return f"{days} {'day' if days == 1 else 'days'}" + (f" {hours} h" if hours else "")
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{minutes} min"


def duration_text(minutes: int) -> str:
    """45 minutes, 1 hour, 1 hour 30 minutes."""
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(f"{hours} {'hour' if hours == 1 else 'hours'}")
    if rest:
        parts.append(f"{rest} {'minute' if rest == 1 else 'minutes'}")
    return " ".join(parts)


FILTERS = {
    "city": city,
    "clock": clock_text,
    "date": date_text,
    "day": day_text,
    "day_title": day_title,
    "duration": duration_text,
    "moment": moment_text,
    "near_day": near_day_text,
    "remaining": remaining_text,
    "short_moment": short_moment_text,
    "span": span_text,
    "zone": zone_text,
    "zone_short": zone_short,
}
"""Template filters, the same for pages and mails."""
