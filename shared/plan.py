"""What a filled-in visit form would become: which visits, who would be asked, until when, and what stands against it.

Preview and Confirm make the same plan, the first to show it, the second inside its transaction to act on it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import times
from shared.choices import CompanyPlan, find_language, resolve_picks
from shared.models import Clinic, ClinicLanguage, User, Visit
from shared.repeat import MOST_VISITS, Repeat
from shared.rules import Scope, deadline_for
from shared.states import Frequency, Role, VisitStatus, VisitType

MAX_DURATION = timedelta(hours=8)
MOST_OVERLAPS = 5

FIELD_NAMES = {"provider_id": "provider", "day": "date", "wall": "start_time", "duration_minutes": "duration",
               "language_tag": "language", "picks": "interpreter"}  # fmt: skip
"""What the form, the messages and the trail call those values whose name is another."""


@dataclass(frozen=True, slots=True)
class VisitDraft:
    """The visit form's values. ``wall`` is wall time on ``day`` in the visit's zone; ``picks`` are ticked choices."""

    patient_name: str
    patient_contact: str
    provider_id: int
    day: date
    wall: time
    duration_minutes: int
    visit_type: VisitType
    reason: str
    language_tag: str
    picks: tuple[str, ...]
    notes: str
    repeat: Repeat | None = None

    def digest(self) -> str:
        """A hash of the content: the same for the same values, whatever their order on the page."""
        content = asdict(self) | {"picks": sorted(self.picks)}
        return hashlib.sha256(json.dumps(content, default=str, sort_keys=True).encode()).hexdigest()

    def differs_from(self, other: "VisitDraft") -> tuple[str, ...]:
        """The names of the fields whose values differ."""
        return tuple(
            FIELD_NAMES.get(part.name, part.name)
            for part in fields(self)
            if _comparable(getattr(self, part.name)) != _comparable(getattr(other, part.name))
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """One visit's place in time. ``occurs_on`` is the date that the series' rule gave, None outside a series;
    ``moved``: daylight saving skips its wall time there, so it begins later by the gap; ``twice``: the clock shows it
    twice there, and it takes the first."""

    occurs_on: date | None
    starts_at: datetime
    ends_at: datetime
    moved: bool = False
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks, of whom, until when."""

    language_tag: str
    language_name: str
    language_short_name: str
    notes: str
    picks: tuple[str, ...]
    companies: tuple[CompanyPlan, ...]
    deadline: datetime

    @property
    def asks(self) -> tuple[str, tuple[int, ...], str]:
        """What makes two questions one: language, companies and notes."""
        return self.language_tag, tuple(sorted(company.id for company in self.companies)), self.notes


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """What would be made. Nothing may be made of it while ``errors`` (field → sentence) holds anything."""

    draft: VisitDraft
    time_zone: str
    slots: tuple[Slot, ...]
    provider_name: str
    language_name: str
    language_short_name: str
    companies: tuple[CompanyPlan, ...]
    deadline: datetime | None
    errors: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def starts_at(self) -> datetime:
        """The first visit's start."""
        return self.slots[0].starts_at

    @property
    def ends_at(self) -> datetime:
        """The first visit's end."""
        return self.slots[0].ends_at

    @property
    def company_ids(self) -> tuple[int, ...]:
        """Who would be asked, in a stable order: what a preview promised and Confirm compares."""
        return tuple(sorted(company.id for company in self.companies))


def make_plan(session: Session, scope: Scope, draft: VisitDraft, *, now: datetime) -> VisitPlan:
    """Plan a visit of the scope's clinic: ``errors`` stand against it, ``notices`` are worth knowing."""
    clinic = session.get_one(Clinic, scope.clinic_id)
    errors: dict[str, str] = {}
    notices: list[str] = []
    slots = _slots(draft, clinic.time_zone, errors, notices, now)
    provider = find_provider(session, scope, draft.provider_id)
    if provider is None:
        errors["provider"] = "Choose a provider from the list."
    elif "start_time" not in errors:
        notices += overlaps(session, provider, slots, clinic.time_zone)
    language, companies = interpreters(session, clinic, draft, errors)
    return VisitPlan(
        draft=draft,
        time_zone=clinic.time_zone,
        slots=slots,
        provider_name=provider.name if provider else "",
        language_name=language.name if language else "",
        language_short_name=language.short_name if language else "",
        companies=companies,
        deadline=(
            deadline_for(confirmed_at=now, invite_duration=clinic.invite_duration, next_start=slots[0].starts_at)
            if companies
            else None
        ),
        errors=errors,
        notices=tuple(notices),
    )


def providers(session: Session, scope: Scope) -> list[User]:
    """Whom the scope may book for: its own self if it is a provider, else all active providers of the clinic."""
    found = select(User).where(User.clinic_id == scope.clinic_id, User.role == Role.PROVIDER, User.active)
    if scope.provider_id is not None:
        found = found.where(User.id == scope.provider_id)
    return list(session.scalars(found.order_by(User.name)))


def find_provider(session: Session, scope: Scope, provider_id: int) -> User | None:
    """The provider with this id, if the scope may book for it."""
    return next((user for user in providers(session, scope) if user.id == provider_id), None)


def slot_on(day: date, wall: time, zone: str, duration_minutes: int, *, occurs_on: date | None) -> Slot:
    """The place in time of a visit on a day; a skipped wall time begins later by the gap."""
    placed = times.place(day, wall, zone)
    ends_at = placed.instant + timedelta(minutes=duration_minutes)
    return Slot(
        occurs_on,
        placed.instant,
        ends_at,
        moved=placed.kind is times.LocalKind.SKIPPED,
        twice=placed.kind is times.LocalKind.AMBIGUOUS,
    )


def repeat_error(repeat: Repeat, first_on: date, dates: Sequence[date], *, must_begin: bool) -> str:
    """What is wrong with a rule that begins on a date; empty if nothing is."""
    if repeat.frequency is Frequency.WEEKLY and not repeat.weekdays:
        return "Choose at least one day of the week."
    if repeat.until is not None and repeat.until < first_on:
        return "The last date is before the first one. Choose a later one."
    if not dates:
        return "This rule gives no date. Choose another end."
    if must_begin and dates[0] != first_on:
        return f"The first date is a {times.DAY_NAMES[first_on.weekday()]}. Tick that day too, or choose another date."
    if len(dates) > MOST_VISITS:
        return f"At most {MOST_VISITS} visits. Choose an earlier end or a smaller number."
    return ""


def overlaps(
    session: Session, provider: User, slots: Sequence[Slot], zone: str, *, without: frozenset[int] = frozenset()
) -> list[str]:
    """A provider in two places is a warning, not an error: the clinic may mean it. ``without`` are visits that move."""
    if not slots:
        return []
    first, last = min(slot.starts_at for slot in slots), max(slot.ends_at for slot in slots)
    others = session.scalars(
        select(Visit)
        .where(
            Visit.provider_id == provider.id,
            Visit.status == VisitStatus.SCHEDULED,
            Visit.starts_at < last,
            Visit.starts_at > first - MAX_DURATION,
        )
        .order_by(Visit.starts_at)
    ).all()
    met = [
        other
        for other in others
        if other.id not in without
        and any(other.starts_at < slot.ends_at and other.ends_at > slot.starts_at for slot in slots)
    ]
    dated = len(slots) > 1
    said = [
        f"{provider.name} already has a visit at that time: "
        + (f"{times.date_text(other.starts_at, zone)}, " if dated else "")
        + f"{times.span_text(other.starts_at, other.ends_at, zone)}."
        for other in met[:MOST_OVERLAPS]
    ]
    return said + ([f"And at {len(met) - MOST_OVERLAPS} more of these times."] if len(met) > MOST_OVERLAPS else [])


def interpreters(
    session: Session, clinic: Clinic, draft: VisitDraft, errors: dict[str, str]
) -> tuple[ClinicLanguage | None, tuple[CompanyPlan, ...]]:
    """The language and the companies that the draft asks, each company once however many groups name it."""
    if not draft.language_tag and not draft.picks:
        if draft.notes:
            errors["language"] = "Notes for Interpreter need a language and an interpreter, or clear the notes."
        return None, ()
    if not clinic.dispatch_enabled:
        errors["language"] = (
            "Interpreter requests are switched off for this clinic. An administrator can switch them on. "
            "Pressed again, the button creates a visit without an interpreter."
        )
        return None, ()
    language = find_language(session, clinic.id, draft.language_tag)
    if language is None:
        errors["language"] = "Choose the language that the interpreter is for."
        return None, ()
    if not draft.picks:
        errors["interpreter"] = "Choose at least one company or group to ask, or choose no language."
        return language, ()
    companies, problems = resolve_picks(session, clinic.id, draft.picks, language)
    if problems:
        errors["interpreter"] = " ".join(problems)
        return language, ()
    return language, companies


def _slots(draft: VisitDraft, zone: str, errors: dict[str, str], notices: list[str], now: datetime) -> tuple[Slot, ...]:
    """The visits' places in time, at least one; what stands against them goes to ``errors``."""
    first = slot_on(draft.day, draft.wall, zone, draft.duration_minutes, occurs_on=None)
    if first.moved and draft.repeat is None:
        errors["start_time"] = "The clock jumps over this time on that day. Choose an earlier or a later one."
    elif first.starts_at <= now:
        errors["start_time"] = f"That time has passed in {times.city(zone)}. Choose a later one."
    elif first.twice and draft.repeat is None:
        notices.append(twice_notice(draft.wall, first.starts_at, zone))
    if draft.repeat is None:
        return (first,)
    dates = draft.repeat.dates(draft.day)
    problem = repeat_error(draft.repeat, draft.day, dates, must_begin=True)
    if problem:
        errors["repeat"] = problem
        return (first,)
    return tuple(slot_on(day, draft.wall, zone, draft.duration_minutes, occurs_on=day) for day in dates)


def twice_notice(wall: time, starts_at: datetime, zone: str) -> str:
    """Says which of two instants a wall time means that the clock shows twice."""
    return (
        f"The clock goes back on that day and {wall:%H:%M} comes twice. "
        f"The visit takes the first, {times.zone_text(starts_at, zone)}."
    )


def _comparable(value: object) -> object:
    return sorted(value) if isinstance(value, tuple) else value
