"""Wall times and instants: ordinary days, and the days when a zone's clock is moved."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.times import LocalKind, day_bounds, day_of, is_zone, place, week_of

ZONES = [
    "America/Los_Angeles",
    "America/New_York",
    "America/Phoenix",
    "America/St_Johns",
    "America/Havana",  # midnight itself is skipped, and comes twice
    "America/Santiago",
    "Europe/London",
    "Europe/Dublin",
    "Asia/Kathmandu",
    "Asia/Dubai",
    "Australia/Lord_Howe",  # its clock moves by half an hour
    "Pacific/Apia",  # left out a whole day in 2011
    "UTC",
]
QUARTER = timedelta(minutes=15)

zones = st.sampled_from(ZONES)
days = st.dates(date(2011, 1, 1), date(2030, 12, 31))
walls = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


def instants_of(day: date, wall: time, zone: str) -> list[datetime]:
    """Every instant at which the zone's clock shows this wall time, found by looking at all of them."""
    local = datetime.combine(day, wall)
    middle = local.replace(tzinfo=UTC)
    candidates = (middle + steps * QUARTER for steps in range(-4 * 16, 4 * 16 + 1))
    return [at for at in candidates if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local]


@given(days, walls, zones)
def test_a_wall_time_is_placed_on_the_first_instant_that_shows_it(day: date, wall: time, zone: str) -> None:
    shown = instants_of(day, wall, zone)
    placed = place(day, wall, zone)

    kinds = {0: LocalKind.SKIPPED, 1: LocalKind.EXACT, 2: LocalKind.AMBIGUOUS}
    assert placed.kind is kinds[len(shown)]
    if shown:
        assert placed.instant == shown[0]


@pytest.mark.parametrize(
    ("zone", "day", "wall", "moved_to"),
    [
        ("America/Los_Angeles", date(2027, 3, 14), time(2, 30), time(3, 30)),
        ("America/Los_Angeles", date(2027, 3, 14), time(2, 0), time(3, 0)),
        ("Europe/London", date(2027, 3, 28), time(1, 59), time(2, 59)),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 10), time(2, 40)),
        ("America/Havana", date(2027, 3, 14), time(0, 0), time(1, 0)),
    ],
)
def test_a_time_that_the_clock_jumps_over_moves_by_the_gap(zone: str, day: date, wall: time, moved_to: time) -> None:
    placed = place(day, wall, zone)

    assert placed.kind is LocalKind.SKIPPED
    assert placed.instant.astimezone(ZoneInfo(zone)).time() == moved_to


@pytest.mark.parametrize(
    ("zone", "day", "wall", "first"),
    [
        ("America/Los_Angeles", date(2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("Europe/London", date(2026, 10, 25), time(1, 0), datetime(2026, 10, 25, 0, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2027, 4, 4), time(1, 45), datetime(2027, 4, 3, 14, 45, tzinfo=UTC)),
    ],
)
def test_a_time_that_comes_twice_is_its_first(zone: str, day: date, wall: time, first: datetime) -> None:
    placed = place(day, wall, zone)

    assert placed.kind is LocalKind.AMBIGUOUS
    assert placed.instant == first


@pytest.mark.parametrize(
    ("zone", "day", "wall"),
    [
        ("America/Los_Angeles", date(2027, 3, 14), time(1, 59)),
        ("America/Los_Angeles", date(2027, 3, 14), time(3, 0)),
        ("America/Los_Angeles", date(2026, 11, 1), time(2, 0)),
        ("Australia/Lord_Howe", date(2027, 4, 4), time(2, 0)),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 30)),
        ("UTC", date(2026, 11, 1), time(1, 30)),
    ],
)
def test_the_times_around_a_change_are_exact(zone: str, day: date, wall: time) -> None:
    placed = place(day, wall, zone)

    assert placed.kind is LocalKind.EXACT
    assert placed.instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == datetime.combine(day, wall)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Los_Angeles", date(2026, 11, 24), 24),
        ("America/Los_Angeles", date(2027, 3, 14), 23),
        ("America/Los_Angeles", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2027, 4, 4), 24.5),
        ("America/Havana", date(2027, 3, 14), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Asia/Kathmandu", date(2026, 11, 1), 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(zone: str, day: date, hours: float) -> None:
    first, last = day_bounds(day, zone)
    assert last - first == timedelta(hours=hours)


@given(days, zones, st.integers(1, 10))
def test_days_follow_each_other_without_gap_or_overlap(day: date, zone: str, count: int) -> None:
    bounds = [day_bounds(day + timedelta(days=number), zone) for number in range(count)]

    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))
    assert day_bounds(day, zone, days=count) == (bounds[0][0], bounds[-1][1])


@given(days, zones)
def test_every_instant_of_a_day_belongs_to_it(day: date, zone: str) -> None:
    first, last = day_bounds(day, zone)
    moment = timedelta(microseconds=1)

    if first < last:
        assert day_of(first, zone) == day
        assert day_of(last - moment, zone) == day
    assert day_of(last, zone) > day
    assert day_of(first - moment, zone) < day


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 25), date(2026, 11, 29)])
def test_a_week_begins_on_monday(day: date) -> None:
    assert week_of(day) == date(2026, 11, 23)


@pytest.mark.parametrize("name", ["America/Los_Angeles", "UTC", "Asia/Kathmandu"])
def test_a_zone_of_this_world_is_known(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "America", "a\0b", "Europe/" * 99]
)
def test_what_is_no_zone_is_refused_without_an_error(name: str) -> None:
    assert not is_zone(name)
