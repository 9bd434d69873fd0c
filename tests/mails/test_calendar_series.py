"""The winner's calendar file of a series: two libraries find in it exactly the visits that the winner holds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil import rrule
from ical.calendar_stream import IcsCalendarStream

from shared import times
from shared.mails import OfferVisit
from shared.mails.calendar import CalendarFile, Method, calendar_files
from shared.repeat import Repeat
from shared.states import Frequency, MailKind, VisitType
from tests.mails.letters import letter

ZONE = "America/Los_Angeles"
SENDER = "Interpreter Dispatch <dispatch@interpreter-dispatch.example>"
GUEST_URL = "http://vendor.test/meet/signed"
Span = tuple[datetime, datetime]
FREQUENCIES: dict[str, Literal[1, 2, 3]] = {"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY}

WEEKLY = Repeat(Frequency.WEEKLY, (1, 3), None, None, 8)
DAILY = Repeat(Frequency.DAILY, (), None, None, 10)
MONTHLY = Repeat(Frequency.MONTHLY, (), 31, None, 8)
ON_THE_5TH = Repeat(Frequency.MONTHLY, (), 5, None, 6)
SERIES = {
    "weekly": (WEEKLY, date(2026, 11, 24), time(9, 30), ZONE),
    "daily": (DAILY, date(2026, 11, 24), time(9, 30), ZONE),
    "the last of each month": (MONTHLY, date(2026, 12, 31), time(9, 30), ZONE),
    "the fifth of each month": (ON_THE_5TH, date(2026, 12, 5), time(9, 30), ZONE),
    "into summer": (WEEKLY, date(2027, 3, 9), time(9, 30), ZONE),
    "into winter": (DAILY, date(2027, 11, 3), time(9, 30), ZONE),
    "over a skipped time": (DAILY, date(2027, 3, 11), time(2, 30), ZONE),
    "beginning with a skipped time": (DAILY, date(2027, 3, 14), time(2, 30), ZONE),
    "over a time that comes twice": (DAILY, date(2027, 11, 3), time(1, 30), ZONE),
    "while the clock jumps": (DAILY, date(2027, 3, 12), time(1, 40), ZONE),
    "beginning while the clock is set back": (DAILY, date(2027, 11, 7), time(1, 30), ZONE),
    "over half an hour's shift": (DAILY, date(2027, 9, 28), time(2, 10), "Australia/Lord_Howe"),
    "across midnight": (WEEKLY, date(2026, 11, 24), time(23, 45), ZONE),
    "without summer time": (WEEKLY, date(2026, 11, 24), time(9, 30), "Asia/Kathmandu"),
    "utc": (WEEKLY, date(2026, 11, 24), time(9, 30), "UTC"),
}


def offers(
    rule: Repeat, first_on: date, wall: time = time(9, 30), zone: str = ZONE, *, number: int = 1, series: int = 1
) -> list[OfferVisit]:
    """The visits of a series as booking makes them, numbered from ``number``."""
    return [
        OfferVisit(
            visit_id=visit_id,
            starts_at=times.place(day, wall, zone).instant,
            ends_at=times.place(day, wall, zone).instant + timedelta(minutes=45),
            duration_minutes=45,
            time_zone=zone,
            visit_type=VisitType.VIDEO,
            provider_name="Dr. Ana Alvarez",
            recurrence_id=series,
            occurs_on=day,
        )
        for visit_id, day in enumerate(rule.dates(first_on), start=number)
    ]


def files_of(
    held: Iterable[OfferVisit],
    left: Iterable[OfferVisit] = (),
    *,
    rules: Sequence[Repeat] = (WEEKLY,),
    kind: MailKind = MailKind.UPDATED,
    sequence: int = 1,
    past: Iterable[OfferVisit] = (),
) -> list[CalendarFile]:
    written = letter(
        kind,
        visits=tuple(held),
        left=tuple(left),
        past=tuple(past),
        rules=dict(enumerate(rules, start=1)),
        sequence=sequence,
    )
    return calendar_files(written, sender=SENDER, guest_url=GUEST_URL)


def spans(visits: Iterable[OfferVisit]) -> list[Span]:
    return sorted((visit.starts_at, visit.ends_at) for visit in visits)


def events_of(file: CalendarFile) -> list[Any]:
    """The events of a file. Any: the library's types allow everything that any property might hold."""
    return list(icalendar.Calendar.from_ical(file.content).walk("VEVENT"))


def expanded_by_hand(file: CalendarFile) -> list[Span]:
    """RRULE, EXDATE and RECURRENCE-ID as RFC 5545 tells, in wall time of DTSTART's zone."""
    found: list[Span] = []
    events = events_of(file)
    replaced = {(str(e["UID"]), wall_of(e["RECURRENCE-ID"].dt)) for e in events if "RECURRENCE-ID" in e}
    for event in events:
        starts_at, ends_at = event["DTSTART"].dt, event["DTEND"].dt
        length = ends_at.astimezone(UTC) - starts_at.astimezone(UTC)
        walls = [wall_of(starts_at)]
        if "RRULE" in event:
            excluded = {wall_of(day.dt) for day in exdates(event)}
            excluded |= {wall for uid, wall in replaced if uid == str(event["UID"])}
            walls = [wall for wall in rule_of(event) if wall not in excluded]
        for wall in walls:
            first = wall.replace(tzinfo=starts_at.tzinfo).astimezone(UTC)
            found.append((first, first + length))
    return sorted(found)


def wall_of(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def exdates(event: Any) -> list[Any]:
    found = event.get("EXDATE", [])
    return [day for line in (found if isinstance(found, list) else [found]) for day in line.dts]


def rule_of(event: Any) -> list[datetime]:
    parts, starts_at = event["RRULE"], event["DTSTART"].dt
    [until] = parts["UNTIL"]
    return list(
        rrule.rrule(
            FREQUENCIES[parts["FREQ"][0]],
            dtstart=wall_of(starts_at),
            until=wall_of(until.astimezone(starts_at.tzinfo)),
            byweekday=[("MO", "TU", "WE", "TH", "FR", "SA", "SU").index(day) for day in parts.get("BYDAY", [])] or None,
            bymonthday=list(parts.get("BYMONTHDAY", [])) or None,
            bysetpos=list(parts.get("BYSETPOS", [])) or None,
        )
    )


def expanded_by_ical(file: CalendarFile) -> list[Span]:
    """The same by a calendar library that expands on its own."""
    calendar = IcsCalendarStream.calendar_from_ics(file.content.decode())
    found = []
    for event in calendar.timeline_tz(UTC):
        assert isinstance(event.dtstart, datetime)
        assert isinstance(event.dtend, datetime)
        found.append((event.dtstart.astimezone(UTC), event.dtend.astimezone(UTC)))
    return sorted(found)


def check(file: CalendarFile, held: Iterable[OfferVisit]) -> None:
    """Both readers find the visits held, no more and no less."""
    wanted = spans(held)
    assert expanded_by_hand(file) == wanted
    assert expanded_by_ical(file) == wanted
    assert b"RDATE" not in file.content


def uids(files: Iterable[CalendarFile]) -> set[str]:
    return {str(event["UID"]) for file in files for event in events_of(file)}


@pytest.mark.parametrize("name", SERIES)
def test_both_readers_find_all_visits_of_a_series(name: str) -> None:
    rule, first_on, wall, zone = SERIES[name]
    series = offers(rule, first_on, wall, zone)
    [file] = files_of(series, rules=[rule], kind=MailKind.CONFIRMATION, sequence=0)

    assert file.method is Method.REQUEST
    check(file, series)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize(
    "gone", [{1}, {2, 3}, {5}, {1, 2, 6}, {2, 4, 5}], ids=["first", "middle", "fifth", "ends", "gaps"]
)
def test_both_readers_find_what_remains_when_dates_have_left(name: str, gone: set[int]) -> None:
    rule, first_on, wall, zone = SERIES[name]
    series = offers(rule, first_on, wall, zone)
    held = [visit for visit in series if visit.visit_id not in gone]
    files = files_of(held, [visit for visit in series if visit.visit_id in gone], rules=[rule])

    assert files[0].method is Method.REQUEST
    check(files[0], held)
    assert uids(files) == uids(files_of(series, rules=[rule]))


@pytest.mark.parametrize("name", ["weekly", "the last of each month", "into summer"])
def test_a_moved_date_is_an_exception_to_the_series(name: str) -> None:
    rule, first_on, wall, zone = SERIES[name]
    series = offers(rule, first_on, wall, zone)
    for position in (0, 2, len(series) - 1):
        moved = list(series)
        later = moved[position].starts_at + timedelta(days=1, hours=4)
        moved[position] = replace(moved[position], starts_at=later, ends_at=later + timedelta(minutes=45))
        [file] = files_of(moved, rules=[rule])

        check(file, moved)
        [exception] = [event for event in events_of(file) if "RECURRENCE-ID" in event]
        assert exception["RECURRENCE-ID"].dt == datetime.combine(rule.dates(first_on)[position], wall, ZoneInfo(zone))


OTHERWISE: dict[str, dict[str, Any]] = {
    "duration": {"duration_minutes": 90},
    "type": {"visit_type": VisitType.PHONE},
    "provider": {"provider_name": "Dr. Ben Ito"},
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_visit_of_another_kind_is_an_exception_to_the_series(name: str) -> None:
    series = offers(WEEKLY, date(2026, 11, 24))
    changed = OTHERWISE[name]
    length = timedelta(minutes=changed.get("duration_minutes", 45))
    series[3] = replace(series[3], ends_at=series[3].starts_at + length, **changed)
    [file] = files_of(series)

    check(file, series)
    [exception] = [event for event in events_of(file) if "RECURRENCE-ID" in event]
    usual = next(event for event in events_of(file) if "RRULE" in event)
    assert (exception["LOCATION"] == "Phone +1 555 0100") == (name == "type")
    assert ("Dr. Ben Ito" in exception["DESCRIPTION"]) == (name == "provider")
    assert "Dr. Ana Alvarez" in usual["DESCRIPTION"]


def test_of_a_series_whose_first_date_is_another_kind_the_usual_kind_is_the_rule() -> None:
    series = offers(WEEKLY, date(2026, 11, 24))
    series[0] = replace(series[0], visit_type=VisitType.PHONE)
    [file] = files_of(series)

    check(file, series)
    assert len(events_of(file)) == 2


def test_a_time_that_the_clock_jumps_over_is_an_entry_of_its_own() -> None:
    rule, first_on, wall, zone = SERIES["over a skipped time"]
    series = offers(rule, first_on, wall, zone)
    [file] = files_of(series, rules=[rule])

    assert len(uids([file])) == 2
    [alone] = [event for event in events_of(file) if "RRULE" not in event]
    assert alone["DTSTART"].dt.astimezone(UTC) == datetime(2027, 3, 14, 10, 30, tzinfo=UTC)


def test_an_entry_of_its_own_that_left_comes_in_a_file_that_cancels_it() -> None:
    rule, first_on, wall, zone = SERIES["over a skipped time"]
    series = offers(rule, first_on, wall, zone)
    files = files_of(series[:3] + series[4:], series[3:4], rules=[rule])

    assert [file.method for file in files] == [Method.REQUEST, Method.CANCEL]
    check(files[0], series[:3] + series[4:])
    check(files[1], series[3:4])
    assert uids(files[:1]).isdisjoint(uids(files[1:]))
    assert uids(files) == uids(files_of(series, rules=[rule]))
    assert {str(event["STATUS"]) for event in events_of(files[1])} == {"CANCELLED"}


def test_two_rules_in_one_assignment_are_two_entries() -> None:
    first = offers(WEEKLY, date(2026, 11, 24))
    second = offers(DAILY, date(2027, 1, 4), time(14, 0), number=20, series=2)
    [file] = files_of(first + second, rules=[WEEKLY, DAILY])
    check(file, first + second)
    assert len(uids([file])) == 2

    files = files_of(second, first, rules=[WEEKLY, DAILY])
    check(files[0], second)
    check(files[1], first)
    assert uids(files) == uids([file])


def test_a_series_with_one_date_left_is_a_single_entry_with_the_same_uid() -> None:
    series = offers(WEEKLY, date(2026, 11, 24))
    for position in (0, 3, 7):
        held = series[position]
        [file] = files_of([held], [visit for visit in series if visit is not held])

        check(file, [held])
        [event] = events_of(file)
        assert "RRULE" not in event
        assert uids([file]) == uids(files_of(series))


def test_a_single_visit_of_an_appointment_without_a_rule_has_no_rule() -> None:
    [visit] = offers(Repeat(Frequency.DAILY, count=1), date(2026, 11, 24))
    [file] = files_of([replace(visit, recurrence_id=None, occurs_on=None)], rules=[])

    check(file, [visit])
    assert b"RRULE" not in file.content


def test_a_cancellation_cancels_every_entry_that_was_ever_told() -> None:
    rule, first_on, wall, zone = SERIES["over a skipped time"]
    series = offers(rule, first_on, wall, zone)
    [file] = files_of(series[4:], series[:4], rules=[rule], kind=MailKind.CANCELLATION, sequence=5)

    assert file.method is Method.CANCEL
    assert icalendar.Calendar.from_ical(file.content)["METHOD"] == "CANCEL"
    assert uids([file]) == uids(files_of(series, rules=[rule]))
    assert {(str(event["STATUS"]), int(event["SEQUENCE"])) for event in events_of(file)} == {("CANCELLED", 5)}


def test_an_assignment_that_ends_after_some_visits_leaves_these_in_the_calendar() -> None:
    series = offers(WEEKLY, date(2026, 11, 24))
    files = files_of(series[3:6], series[6:], past=series[:3], kind=MailKind.CANCELLATION)
    assert [file.method for file in files] == [Method.REQUEST]
    check(files[0], series[:3])

    rule, first_on, wall, zone = SERIES["over a skipped time"]
    series = offers(rule, first_on, wall, zone)
    files = files_of(series[3:], past=series[:3], rules=[rule], kind=MailKind.CANCELLATION)
    assert [file.method for file in files] == [Method.REQUEST, Method.CANCEL]
    check(files[0], series[:3])
    check(files[1], series[3:4])


def test_every_event_of_a_file_has_its_sequence_and_people() -> None:
    series = offers(WEEKLY, date(2026, 11, 24))
    series[2] = replace(series[2], visit_type=VisitType.PHONE)
    for file in files_of(series, sequence=7):
        for event in events_of(file):
            assert event["SEQUENCE"] == 7
            assert event["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
            assert event["ORGANIZER"].lower() == "mailto:dispatch@interpreter-dispatch.example"


def test_dates_are_told_in_a_zone_that_the_file_explains_and_the_end_in_utc() -> None:
    rule, first_on, wall, zone = SERIES["into summer"]
    [file] = files_of(offers(rule, first_on, wall, zone), rules=[rule])
    [event] = events_of(file)

    assert event["DTSTART"].params["TZID"] == ZONE
    assert event["RRULE"]["UNTIL"][0].tzinfo is not None
    assert event["RRULE"]["UNTIL"][0].utcoffset() == timedelta()
    assert "COUNT" not in event["RRULE"]
    observances: list[Any] = icalendar.Calendar.from_ical(file.content).walk("DAYLIGHT")
    assert [seen["DTSTART"].dt for seen in observances if seen["DTSTART"].dt.year == 2027] == [
        datetime(2027, 3, 14, 2, 0)  # noqa: DTZ001 - wall time, as the file tells it
    ]
