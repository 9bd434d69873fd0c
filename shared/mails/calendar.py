"""The winner's calendar files (iCalendar, RFC 5545; iTIP, RFC 5546)."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parseaddr
from enum import StrEnum
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vCalAddress, vText

from shared import times
from shared.mails.letters import Letter, OfferVisit
from shared.meeting import pin_text
from shared.repeat import Repeat
from shared.states import VisitType


class Method(StrEnum):
    """What a calendar is asked to do (RFC 5546)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """One file: a calendar takes one method at a time."""

    method: Method
    content: bytes


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the visits of a series share but for the date: a visit of another shape is an exception to the series."""

    wall: time
    duration_minutes: int
    time_zone: str
    visit_type: VisitType
    provider_name: str

    def start_on(self, day: date) -> datetime:
        """The aware local start that the series has on a day."""
        return datetime.combine(day, self.wall, ZoneInfo(self.time_zone))

    def fits(self, day: date) -> bool:
        """Whether a rule can give this day: not if the clock jumps over the start, nor if it is changed during the
        visit, because calendars differ on how long a repeated entry lasts then."""
        if times.place(day, self.wall, self.time_zone).kind is times.LocalKind.SKIPPED:
            return False
        start, length = self.start_on(day), timedelta(minutes=self.duration_minutes)
        end = (start.astimezone(UTC) + length).astimezone(start.tzinfo)
        return end.replace(tzinfo=None) - start.replace(tzinfo=None) == length


@dataclass(frozen=True, slots=True)
class _Entry:
    """One calendar entry: a single visit, or a series with its rule. ``held`` are the visits left in it."""

    uid: str
    rule: Repeat | None
    shape: _Shape
    told: tuple[OfferVisit, ...]
    held: tuple[OfferVisit, ...]


def calendar_files(letter: Letter, *, sender: str, guest_url: str) -> list[CalendarFile]:
    """The files for one recipient of a confirmation, an update or a cancellation.

    One UID per assignment, so a later change or cancellation meets the same entry; a company that wins again gets a
    new one. A series is one entry with a rule, its missing dates and its exceptions; what a rule can't express (a visit
    while the clock is changed, dates of a second rule) is an entry of its own. Entries that an update leaves without a
    visit come in a second file that cancels them. ``letter.sequence`` only ever rises for one UID.
    """
    letter = letter.legible()
    entries = _entries(letter, sender)
    if letter.is_cancelled and not letter.past:
        return [_file(letter, Method.CANCEL, entries, sender, guest_url)]
    held, gone = [entry for entry in entries if entry.held], [entry for entry in entries if not entry.held]
    files = [_file(letter, Method.REQUEST, held, sender, guest_url)]
    return files + ([_file(letter, Method.CANCEL, gone, sender, guest_url)] if gone else [])


def _file(letter: Letter, method: Method, entries: list[_Entry], sender: str, guest_url: str) -> CalendarFile:
    calendar = Calendar()
    calendar.add("prodid", "-//Interpreter Dispatch//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    told = [visit for entry in entries for visit in entry.told]
    first, last = min(visit.starts_at for visit in told), max(visit.ends_at for visit in told)
    for zone in sorted({visit.time_zone for visit in told}):
        calendar.add_component(_time_zone(zone, first=first, last=last))
    for entry in entries:
        for event in _events(letter, entry, guest_url):
            _add_people(event, letter, sender)
            event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
            event.add("transp", "OPAQUE")
            calendar.add_component(event)
    return CalendarFile(method, bytes(calendar.to_ical()))


def _entries(letter: Letter, sender: str) -> list[_Entry]:
    """The entries of an assignment, from all that was ever told of it: so that none changes its UID later."""
    told = sorted((*letter.visits, *letter.left, *letter.past), key=lambda visit: (visit.starts_at, visit.visit_id))
    groups: dict[str, list[OfferVisit]] = {}
    for visit in told:
        groups.setdefault(_key(visit, told, letter), []).append(visit)
    stays = letter.past if letter.past and letter.is_cancelled else (*letter.past, *letter.visits)
    held = {visit.visit_id for visit in stays}
    return [
        _Entry(
            uid=_uid(letter, sender, suffix="" if position == 0 else f"-{key}"),
            rule=letter.rules.get(group[0].recurrence_id or 0) if key.startswith("r") else None,
            shape=_usual_shape(group),
            told=tuple(group),
            held=tuple(visit for visit in group if visit.visit_id in held),
        )
        for position, (key, group) in enumerate(groups.items())
    ]


def _key(visit: OfferVisit, told: list[OfferVisit], letter: Letter) -> str:
    """Which entry a visit stands in: its rule's, or one of its own."""
    alone = f"v{visit.visit_id}"
    if visit.recurrence_id is None or visit.occurs_on is None or visit.recurrence_id not in letter.rules:
        return alone
    shape = _usual_shape([other for other in told if other.recurrence_id == visit.recurrence_id])
    return f"r{visit.recurrence_id}" if shape.fits(visit.occurs_on) else alone


def _usual_shape(group: list[OfferVisit]) -> _Shape:
    """The shape that most visits of a series have; of equals the earliest visit's."""
    return Counter(_shape_of(visit) for visit in group).most_common(1)[0][0]


def _shape_of(visit: OfferVisit) -> _Shape:
    local = visit.starts_at.astimezone(ZoneInfo(visit.time_zone))
    return _Shape(
        local.time().replace(fold=0), visit.duration_minutes, visit.time_zone, visit.visit_type, visit.provider_name
    )


def _events(letter: Letter, entry: _Entry, guest_url: str) -> list[Event]:
    """An entry's events: the visit, or the series and after it each of its exceptions."""
    visits = entry.held or entry.told
    dated = sorted(((v.occurs_on, v) for v in visits if v.occurs_on is not None), key=lambda pair: pair[0])
    if entry.rule is None or len(dated) < 2:
        return [_event(letter, entry, visit, guest_url) for visit in visits]
    days = [day for day, _visit in dated]
    series = _event(letter, entry, None, guest_url, day=days[0])
    series.add("rrule", entry.rule.calendar_rule(entry.shape.start_on(days[-1]).astimezone(UTC)))
    rule = Repeat(entry.rule.frequency, entry.rule.weekdays, entry.rule.month_day, until=days[-1])
    missing = [day for day in rule.dates(days[0]) if day not in days]
    if missing:
        series.add("exdate", [entry.shape.start_on(day) for day in missing])
    exceptions = []
    for day, visit in dated:
        if visit.starts_at != entry.shape.start_on(day).astimezone(UTC) or _shape_of(visit) != entry.shape:
            event = _event(letter, entry, visit, guest_url)
            event.add("recurrence-id", entry.shape.start_on(day))
            exceptions.append(event)
    return [series, *exceptions]


def _event(
    letter: Letter, entry: _Entry, visit: OfferVisit | None, guest_url: str, *, day: date | None = None
) -> Event:
    """One event: a visit as it is, or (without a visit) the series as it usually is, beginning on ``day``."""
    event, shape = Event(), _shape_of(visit) if visit else entry.shape
    if visit is not None:
        starts_at, ends_at = _local(visit.starts_at, visit.time_zone), _local(visit.ends_at, visit.time_zone)
    else:
        assert day is not None
        starts_at = shape.start_on(day)
        ends_at = (starts_at.astimezone(UTC) + timedelta(minutes=shape.duration_minutes)).astimezone(
            ZoneInfo(shape.time_zone)
        )
    event.add("uid", entry.uid)
    event.add("sequence", letter.sequence)
    event.add("dtstamp", letter.created_at)
    event.add("dtstart", starts_at)
    event.add("dtend", ends_at)
    event.add("summary", f"{letter.language_short_name} Interpreter · {letter.clinic_name} · {letter.reference}")
    event.add("description", _description(letter, shape.provider_name, guest_url))
    if shape.visit_type is VisitType.PHONE and letter.dial_in_number:
        event.add("location", f"Phone {letter.dial_in_number}")
    elif guest_url:
        event.add("location", guest_url)
    if guest_url:
        event.add("url", guest_url)
    return event


def _add_people(event: Event, letter: Letter, sender: str) -> None:
    organizer = vCalAddress(f"mailto:{parseaddr(sender)[1]}")
    organizer.params["CN"] = vText(letter.clinic_name)
    event.add("organizer", organizer)
    attendee = vCalAddress(f"mailto:{letter.recipient}")
    attendee.params["CN"] = vText(letter.company_name)
    attendee.params["PARTSTAT"] = vText("ACCEPTED")
    attendee.params["RSVP"] = vText("FALSE")
    event.add("attendee", attendee)


def _uid(letter: Letter, sender: str, *, suffix: str) -> str:
    """The UID of an entry: the same in every file about it, for each of the winner's addresses."""
    return f"{letter.guest_id}-{letter.assignment_id}{suffix}@{parseaddr(sender)[1].rpartition('@')[2]}"


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


def _description(letter: Letter, provider_name: str, guest_url: str) -> str:
    lines = [
        f"{letter.language_name} for {letter.clinic_name}, appointment {letter.reference}.",
        f"Provider: {provider_name}",
    ]
    if guest_url:
        lines.append(f"Guest link: {guest_url}")
    if letter.pin:
        lines.append(f"Dial-in: {letter.dial_in_number}, PIN {pin_text(letter.pin)}")
    if letter.notes:
        lines.append(f"Notes: {letter.notes}")
    lines.append(f"Questions: {letter.contact_phone}, {letter.contact_email}")
    return "\n".join(lines)
