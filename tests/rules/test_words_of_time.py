"""How instants and lengths are written for people."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import times
from shared.times import duration_text, remaining_text, span_text, zone_text

PACIFIC = "America/Los_Angeles"


def utc(month: int, day: int, hour: int = 0, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "words"),
    [
        (PACIFIC, utc(11, 24), "PST (UTC−8)"),
        (PACIFIC, utc(7, 1), "PDT (UTC−7)"),
        ("Asia/Kathmandu", utc(11, 24), "Kathmandu time (UTC+5:45)"),
        ("Asia/Dubai", utc(11, 24), "Dubai time (UTC+4)"),
        ("UTC", utc(11, 24), "UTC"),
        ("Europe/London", utc(11, 24), "GMT (UTC)"),
        ("Europe/London", utc(7, 1), "BST (UTC+1)"),
        ("America/St_Johns", utc(11, 24), "NST (UTC−3:30)"),
        ("Australia/Lord_Howe", utc(11, 24), "Lord Howe time (UTC+11)"),
        ("America/Argentina/Buenos_Aires", utc(11, 24), "Buenos Aires time (UTC−3)"),
    ],
)
def test_a_zone_is_named_with_its_distance_from_utc(zone: str, at: datetime, words: str) -> None:
    assert zone_text(at, zone) == words


@pytest.mark.parametrize(("zone", "words"), [(PACIFIC, "PST"), ("Asia/Dubai", "UTC+4"), ("Asia/Kathmandu", "UTC+5:45")])
def test_the_short_name_of_a_zone_without_letters_is_its_distance(zone: str, words: str) -> None:
    assert times.zone_short(utc(11, 24), zone) == words


def test_an_instant_is_written_with_its_day_in_the_zone() -> None:
    at = utc(11, 24, 5, 10)
    assert times.moment_text(at, PACIFIC) == "Mon 23 Nov 2026, 21:10 PST (UTC−8)"
    assert times.moment_text(at, "UTC") == "Tue 24 Nov 2026, 05:10 UTC"
    assert times.date_text(at, PACIFIC) == "Mon 23 Nov 2026"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (utc(11, 24, 5, 10), "21:10 PST today"),
        (utc(11, 24, 8, 0), "00:00 PST tomorrow"),
        (utc(11, 25, 8, 0), "Wed 25 Nov, 00:00 PST"),
        (utc(1, 2, 20, 0, year=2027), "Sat 2 Jan 2027, 12:00 PST"),
        (utc(11, 23, 7, 59), "Sun 22 Nov, 23:59 PST"),
    ],
)
def test_a_near_instant_says_today_or_tomorrow_by_the_zones_own_midnight(at: datetime, words: str) -> None:
    assert times.short_moment_text(at, PACIFIC, now=utc(11, 23, 20, 0)) == words


def test_a_span_names_its_zone_once() -> None:
    start = utc(11, 24, 17, 30)
    assert span_text(start, start + timedelta(minutes=45), PACIFIC) == "09:30–10:15 PST (UTC−8)"


def test_a_span_over_midnight_names_the_day_on_which_it_ends() -> None:
    start = utc(11, 25, 7, 30)
    assert span_text(start, start + timedelta(hours=1), PACIFIC) == "23:30–Wed 25 Nov 00:30 PST (UTC−8)"


def test_a_span_over_a_change_of_the_clock_names_both_zones() -> None:
    autumn = utc(11, 1, 8, 30)
    assert span_text(autumn, autumn + timedelta(hours=1), PACIFIC) == "01:30 PDT (UTC−7) – 01:30 PST (UTC−8)"

    spring = utc(3, 14, 9, 45, year=2027)
    assert span_text(spring, spring + timedelta(minutes=30), PACIFIC) == "01:45 PST (UTC−8) – 03:15 PDT (UTC−7)"


def test_a_span_over_midnight_and_a_change_names_day_and_both_zones() -> None:
    start = utc(10, 3, 14, 0)
    words = span_text(start, start + timedelta(hours=2), "Australia/Lord_Howe")
    assert words == "00:30 Lord Howe time (UTC+10:30) – 03:00 Lord Howe time (UTC+11)"

    late = utc(3, 14, 7, 30, year=2027)
    assert span_text(late, late + timedelta(hours=4), PACIFIC) == ("23:30 PST (UTC−8) – Sun 14 Mar 04:30 PDT (UTC−7)")


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59, milliseconds=999), "less than a minute"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=3, minutes=12, seconds=59), "3 h 12 min"),
        (timedelta(hours=24), "1 day"),
        (timedelta(hours=24, minutes=59), "1 day"),
        (timedelta(days=2, hours=5), "2 days 5 h"),
    ],
)
def test_the_time_left_is_rounded_down(left: timedelta, words: str) -> None:
    assert remaining_text(left) == words


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=40)))
def test_nobody_is_promised_more_time_than_is_left(left: timedelta) -> None:
    units = {"day": 1440, "days": 1440, "h": 60, "min": 1}
    numbers = iter(remaining_text(left).split())
    promised = timedelta(minutes=sum(int(number) * units[next(numbers)] for number in numbers))

    assert promised <= left
    assert left - promised < timedelta(hours=1)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (1, "1 minute"),
        (45, "45 minutes"),
        (60, "1 hour"),
        (61, "1 hour 1 minute"),
        (150, "2 hours 30 minutes"),
        (480, "8 hours"),
    ],
)
def test_a_duration_is_written_in_hours_and_minutes(minutes: int, words: str) -> None:
    assert duration_text(minutes) == words


def test_days_have_their_names() -> None:
    assert times.day_text(date(2026, 11, 24)) == "Tue 24 Nov 2026"
    assert times.day_title(date(2026, 11, 24)) == "Tuesday, 24 November"
