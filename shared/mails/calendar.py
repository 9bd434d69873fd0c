"""The winner's calendar file (iCalendar, RFC 5545; iTIP, RFC 5546)."""

from datetime import datetime, timedelta
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vCalAddress, vText

from shared.mails.letters import Letter
from shared.meeting import pin_text
from shared.states import VisitType


def calendar_file(letter: Letter, *, sender: str, guest_url: str, method: str = "REQUEST", sequence: int = 0) -> bytes:
    """A calendar file for one recipient of a confirmation.

    One UID per assignment, so a later change or cancellation meets the same entry; a company that wins again gets a
    new one. Times carry the visit's zone with its VTIMEZONE. ``sequence`` only ever rises for one UID.
    """
    letter = letter.legible()
    calendar = Calendar()
    calendar.add("prodid", "-//Interpreter Dispatch//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    last = max(visit.ends_at for visit in letter.visits)
    for zone in sorted({visit.time_zone for visit in letter.visits}):
        calendar.add_component(_time_zone(zone, first=letter.first.starts_at, last=last))
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
        organizer = vCalAddress(f"mailto:{parseaddr(sender)[1]}")
        organizer.params["CN"] = vText(letter.clinic_name)
        event.add("organizer", organizer)
        attendee = vCalAddress(f"mailto:{letter.recipient}")
        attendee.params["CN"] = vText(letter.company_name)
        attendee.params["PARTSTAT"] = vText("ACCEPTED")
        attendee.params["RSVP"] = vText("FALSE")
        event.add("attendee", attendee)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def assignment_uid(letter: Letter, sender: str) -> str:
    """The UID of an assignment: the same in every file about it, for each of the winner's addresses."""
    return f"{letter.guest_id}-{letter.assignment_id}@{parseaddr(sender)[1].rpartition('@')[2]}"


def _local(instant: datetime, zone: str) -> datetime:
    """The instant in its zone, or in UTC when the clock shows that time again, which a zone cannot express."""
    local = instant.astimezone(ZoneInfo(zone))
    return instant if local.fold else local


def _time_zone(name: str, *, first: datetime, last: datetime) -> Timezone:
    """A VTIMEZONE that holds from a year before the first instant to the last one.

    The library's own starts summer time an hour late: an onset is told by the clock that it ends (RFC 5545, 3.6.5).
    """
    zone, day, minute = ZoneInfo(name), timedelta(days=1), timedelta(minutes=1)
    component = Timezone()
    component.add("tzid", name)
    moment = first.replace(second=0, microsecond=0) - 366 * day
    offset = _add_observance(component, moment.astimezone(zone), None)
    while moment < last:
        if (moment + day).astimezone(zone).utcoffset() == offset:
            moment += day
            continue
        while moment.astimezone(zone).utcoffset() == offset:
            moment += minute
        offset = _add_observance(component, moment.astimezone(zone), offset)
    return component


def _add_observance(component: Timezone, onset: datetime, before: timedelta | None) -> timedelta:
    """Add the offset that begins at the onset and return it; ``before`` is the one that ends there, if any."""
    offset = onset.utcoffset() or timedelta()
    before = offset if before is None else before
    observance = TimezoneDaylight() if onset.dst() else TimezoneStandard()
    observance.add("dtstart", onset.replace(tzinfo=None) - offset + before)
    observance.add("tzoffsetfrom", before)
    observance.add("tzoffsetto", offset)
    observance.add("tzname", onset.tzname() or "")
    component.add_component(observance)
    return offset


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
