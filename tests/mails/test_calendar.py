"""The winner's calendar file, read by two libraries that know nothing of each other."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from ical.calendar_stream import IcsCalendarStream

from shared.states import MailKind, VisitType
from tests.mails.letters import ABOUT_REQUESTS, ASSIGNED, letter, renderer, visit

CASES = {
    "winter": (datetime(2026, 11, 24, 17, 30, tzinfo=UTC), 45, "America/Los_Angeles"),
    "before the jump": (datetime(2027, 3, 14, 9, 15, tzinfo=UTC), 30, "America/Los_Angeles"),
    "across the jump": (datetime(2027, 3, 14, 9, 45, tzinfo=UTC), 60, "America/Los_Angeles"),
    "after the jump": (datetime(2027, 3, 14, 10, 0, tzinfo=UTC), 45, "America/Los_Angeles"),
    "in the first of two hours": (datetime(2027, 11, 7, 8, 10, tzinfo=UTC), 30, "America/Los_Angeles"),
    "from the first into the second": (datetime(2027, 11, 7, 8, 45, tzinfo=UTC), 45, "America/Los_Angeles"),
    "in the second of two hours": (datetime(2027, 11, 7, 9, 10, tzinfo=UTC), 30, "America/Los_Angeles"),
    "across both": (datetime(2027, 11, 7, 7, 30, tzinfo=UTC), 240, "America/Los_Angeles"),
    "half an hour's shift": (datetime(2027, 4, 3, 15, 0, tzinfo=UTC), 60, "Australia/Lord_Howe"),
    "no summer time": (datetime(2027, 6, 1, 16, 0, tzinfo=UTC), 30, "America/Phoenix"),
    "a quarter of an hour": (datetime(2027, 6, 1, 16, 0, tzinfo=UTC), 30, "Asia/Kathmandu"),
    "over midnight": (datetime(2026, 12, 31, 7, 45, tzinfo=UTC), 60, "America/Los_Angeles"),
    "the other half of the world": (datetime(2026, 12, 1, 20, 0, tzinfo=UTC), 30, "Pacific/Auckland"),
    "utc": (datetime(2026, 12, 1, 20, 0, tzinfo=UTC), 30, "UTC"),
}


def confirmed(folder: Path, **changes: object) -> EmailMessage:
    return renderer(folder).render(letter(MailKind.CONFIRMATION, **changes))


def parts_of(message: EmailMessage) -> tuple[bytes, bytes]:
    """The file twice: as an alternative, and as an attachment."""
    alternative = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
    attachment = next(iter(message.iter_attachments()))
    inline, attached = alternative.get_payload(decode=True), attachment.get_payload(decode=True)
    assert isinstance(inline, bytes)
    assert isinstance(attached, bytes)
    return inline, attached


def file_of(folder: Path, **changes: object) -> bytes:
    return parts_of(confirmed(folder, **changes))[0]


def event_of(file: bytes) -> Any:
    """The one event of a file. Any: the library's types allow everything that any property might hold."""
    events = icalendar.Calendar.from_ical(file).walk("VEVENT")
    assert len(events) == 1
    return events[0]


def test_the_file_is_an_alternative_for_calendars_and_an_attachment_for_people(tmp_path: Path) -> None:
    message = confirmed(tmp_path)

    assert message.get_content_type() == "multipart/mixed"
    types = [part.get_content_type() for part in message.walk()]
    assert types == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics",
    ]  # fmt: skip
    calendar = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
    assert calendar["Content-Type"].params["method"] == "REQUEST"
    assert calendar["Content-Type"].params["charset"] == "utf-8"
    assert next(iter(message.iter_attachments())).get_filename() == "visit.ics"
    inline, attached = parts_of(message)
    assert inline == attached


def test_other_mails_have_no_calendar_file(tmp_path: Path) -> None:
    for kind in set(ABOUT_REQUESTS) - set(ASSIGNED):
        types = {part.get_content_type() for part in renderer(tmp_path).render(letter(kind)).walk()}
        assert types == {"multipart/alternative", "text/plain", "text/html"}


def test_the_file_is_an_invitation_that_is_already_accepted(tmp_path: Path) -> None:
    file = file_of(tmp_path)
    calendar, event = icalendar.Calendar.from_ical(file), event_of(file)

    assert calendar["METHOD"] == "REQUEST"
    assert calendar["VERSION"] == "2.0"
    assert event["SEQUENCE"] == 0
    assert event["STATUS"] == "CONFIRMED"
    assert event["ORGANIZER"].lower() == "mailto:dispatch@interpreter-dispatch.example"
    assert event["ORGANIZER"].params["CN"] == "Riverside Clinic"
    assert "SENT-BY" not in event["ORGANIZER"].params
    assert event["ATTENDEE"].lower() == "mailto:dispatch@northlight.example"
    assert event["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    assert event["ATTENDEE"].params["RSVP"] == "FALSE"
    assert event["DTSTAMP"].dt == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    assert event["SUMMARY"] == "ASL Interpreter · Riverside Clinic · A-10487"
    for fact in ("Dr. Ana Alvarez", "/meet/", "+1 555 0100", "482 913 075", "Cardiology vocabulary.", "+1 555 0142"):
        assert fact in event["DESCRIPTION"], fact
    assert "http://vendor.test/meet/" in event["LOCATION"]


def test_a_visit_by_phone_takes_place_at_a_number(tmp_path: Path) -> None:
    assert event_of(file_of(tmp_path, visits=(visit(kind=VisitType.PHONE),)))["LOCATION"] == "Phone +1 555 0100"


def test_an_assignment_has_one_uid_for_all_addresses_and_another_assignment_another(tmp_path: Path) -> None:
    def uid(**changes: object) -> str:
        return str(event_of(file_of(tmp_path, **changes))["UID"])

    assert uid() == uid(recipient="second@northlight.example") == uid(notes="Other notes", clinic_name="Renamed")
    assert uid() != uid(guest_id="anotherguestlink", assignment_id=6)
    assert uid().endswith("@interpreter-dispatch.example")


@pytest.mark.parametrize("name", CASES)
def test_both_readers_find_the_visits_instants(name: str, tmp_path: Path) -> None:
    starts_at, minutes, zone = CASES[name]
    ends_at = starts_at + timedelta(minutes=minutes)
    file = file_of(tmp_path, visits=(visit(starts_at, minutes=minutes, zone=zone),))

    event = event_of(file)
    assert (event["DTSTART"].dt.astimezone(UTC), event["DTEND"].dt.astimezone(UTC)) == (starts_at, ends_at)

    found = IcsCalendarStream.calendar_from_ics(file.decode()).events
    assert len(found) == 1
    assert isinstance(found[0].dtstart, datetime)
    assert isinstance(found[0].dtend, datetime)
    assert (found[0].dtstart.astimezone(UTC), found[0].dtend.astimezone(UTC)) == (starts_at, ends_at)
    assert found[0].sequence == 0
    assert found[0].uid == event["UID"]
    assert [str(attendee.uri).lower() for attendee in found[0].attendees] == ["mailto:dispatch@northlight.example"]


@pytest.mark.parametrize("name", CASES)
def test_a_reader_that_knows_no_zones_finds_them_in_the_file(name: str, tmp_path: Path) -> None:
    starts_at, minutes, zone = CASES[name]
    file = file_of(tmp_path, visits=(visit(starts_at, minutes=minutes, zone=zone),))
    calendar, event = icalendar.Calendar.from_ical(file), event_of(file)

    for field, instant in (("DTSTART", starts_at), ("DTEND", starts_at + timedelta(minutes=minutes))):
        named = event[field].params.get("TZID")
        if named is None:
            assert event[field].to_ical().endswith(b"Z"), field
            continue
        zones = [part for part in calendar.walk("VTIMEZONE") if part["TZID"] == named]
        assert len(zones) == 1
        assert isinstance(zones[0], icalendar.Timezone)
        wall = event[field].dt.replace(tzinfo=None)
        local = instant.astimezone(ZoneInfo(zone))
        assert wall == local.replace(tzinfo=None), field
        assert not local.fold, "a wall time that comes twice means the first"
        assert wall.replace(tzinfo=zones[0].to_tz()).astimezone(UTC) == instant, field


def test_lines_are_folded_and_end_as_the_standard_wants(tmp_path: Path) -> None:
    hostile = "Ω" * 200 + '\r\nATTENDEE:mailto:evil@evil.example\nBEGIN:VALARM\nEND:VALARM;,:"\\'
    file = file_of(tmp_path, notes=hostile, clinic_name='Cli"nic\r\nX-EVIL:1', responder=hostile)

    lines = file.split(b"\r\n")
    assert b"\n" not in file.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 75
    names = {line.split(b":")[0].split(b";")[0] for line in lines if line[:1] not in {b" ", b""}}
    assert b"X-EVIL" not in names
    assert b"BEGIN:VALARM" not in lines
    event = event_of(file)
    assert not isinstance(event["ATTENDEE"], list)
    assert "evil@evil.example" in event["DESCRIPTION"]
    assert len(IcsCalendarStream.calendar_from_ics(file.decode()).events[0].attendees) == 1


def test_the_file_never_holds_an_empty_property(tmp_path: Path) -> None:
    file = file_of(tmp_path, notes="").decode()

    assert "Notes" not in file
    for line in file.replace("\r\n ", "").splitlines():
        assert line.partition(":")[2], line
