"""The winner's calendar file (iCalendar, RFC 5545; iTIP, RFC 5546)."""

from datetime import datetime
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

from shared.mails.letters import Letter
from shared.meeting import pin_text
from shared.states import VisitType


def calendar_file(letter: Letter, *, sender: str, guest_url: str, method: str = "REQUEST", sequence: int = 0) -> bytes:
    """A calendar file for one recipient of a confirmation.

    One UID per assignment, so a later change or cancellation meets the same entry; a company that wins again gets a
    new one. Times carry the visit's zone with a full VTIMEZONE. ``sequence`` only ever rises for one UID.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Interpreter Dispatch//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    for visit in letter.visits:
        event = Event()
        event.add("uid", assignment_uid(letter, sender))
        event.add("sequence", sequence)
        event.add("dtstamp", letter.created_at)
        event.add("dtstart", _local(visit.starts_at, visit.time_zone))
        event.add("dtend", _local(visit.ends_at, visit.time_zone))
        event.add("summary", f"{letter.language_short_name} Interpreter · {letter.clinic_name} · {letter.reference}")
        event.add("description", _description(letter, guest_url))
        event.add("location", guest_url if visit.visit_type is VisitType.VIDEO else f"Phone {letter.dial_in_number}")
        event.add("url", guest_url)
        event.add("status", "CONFIRMED")
        event.add("transp", "OPAQUE")
        organizer = vCalAddress(f"MAILTO:{parseaddr(sender)[1]}")
        organizer.params["CN"] = vText(letter.clinic_name)
        event.add("organizer", organizer)
        attendee = vCalAddress(f"MAILTO:{letter.recipient}")
        attendee.params["CN"] = vText(letter.company_name)
        attendee.params["PARTSTAT"] = vText("ACCEPTED")
        attendee.params["RSVP"] = vText("FALSE")
        event.add("attendee", attendee)
        calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def assignment_uid(letter: Letter, sender: str) -> str:
    """The UID of an assignment: the same in every file about it, for each of the winner's addresses."""
    return f"{letter.guest_id}-{letter.assignment_id}@{parseaddr(sender)[1].rpartition('@')[2]}"


def _local(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone))


def _description(letter: Letter, guest_url: str) -> str:
    lines = [
        f"{letter.language_name} for {letter.clinic_name}, appointment {letter.reference}.",
        f"Provider: {letter.first.provider_name}",
        f"Guest link: {guest_url}",
        f"Dial-in: {letter.dial_in_number}, PIN {pin_text(letter.pin)}",
    ]
    if letter.notes:
        lines.append(f"Notes: {letter.notes}")
    lines.append(f"Questions: {letter.contact_phone}, {letter.contact_email}")
    return "\n".join(lines)
