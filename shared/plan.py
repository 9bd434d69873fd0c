"""What a filled-in visit form would become: who would be asked, until when, and what stands against it.

Preview and Confirm make the same plan, the first to show it, the second inside its transaction to act on it.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import times
from shared.models import (
    Clinic,
    ClinicLanguage,
    Company,
    CompanyAddress,
    CompanyLanguage,
    HuntGroup,
    HuntGroupMember,
    User,
    Visit,
)
from shared.rules import Scope, deadline_for
from shared.states import Role, VisitStatus, VisitType

MAX_DURATION = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class VisitDraft:
    """The visit form's values. ``wall`` is wall time on ``day`` in the clinic's zone; ``picks`` are ticked choices."""

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

    def digest(self) -> str:
        """A hash of the content: the same for the same values, whatever their order on the page."""
        content = asdict(self) | {"picks": sorted(self.picks)}
        return hashlib.sha256(json.dumps(content, default=str, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CompanyPlan:
    """A company that would be asked; ``address_ids`` and ``emails`` go in step."""

    id: int
    name: str
    phone: str
    time_zone: str
    address_ids: tuple[int, ...]
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One tick box under Interpreter. ``why_not`` says why it can't be ticked; empty if it can."""

    value: str
    label: str
    detail: str
    why_not: str
    companies: tuple[CompanyPlan, ...]


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """What would be made. Nothing may be made of it while ``errors`` (field → sentence) holds anything."""

    draft: VisitDraft
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    provider_name: str
    language_name: str
    language_short_name: str
    companies: tuple[CompanyPlan, ...]
    deadline: datetime | None
    errors: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def company_ids(self) -> tuple[int, ...]:
        """Who would be asked, in a stable order: what a preview promised and Confirm compares."""
        return tuple(sorted(company.id for company in self.companies))


def find_language(session: Session, clinic_id: int, tag: str) -> ClinicLanguage | None:
    """The clinic's language with this tag; None for anything else, also for what no database takes as text."""
    return session.get(ClinicLanguage, (clinic_id, tag)) if tag.isprintable() else None


def interpreter_choices(session: Session, clinic_id: int, language_tag: str) -> list[Choice]:
    """Groups, then companies of the clinic for a language, as tick boxes. Suspended companies are not offered."""
    companies = {company.id: company for company in _companies(session, clinic_id, language_tag) if company.accredited}
    plans = _company_plans(session, companies.values())
    groups = session.scalars(
        select(HuntGroup)
        .where(HuntGroup.clinic_id == clinic_id, HuntGroup.language_tag == language_tag)
        .order_by(HuntGroup.name)
    ).all()
    choices = []
    for group in groups:
        members = tuple(plans[company_id] for company_id in _members(session, group.id) if company_id in plans)
        usable = tuple(member for member in members if member.address_ids)
        choices.append(
            Choice(
                value=f"group:{group.id}",
                label=group.name,
                detail="Group: " + ", ".join(member.name for member in usable) if usable else "Group",
                why_not="" if usable else "No company of this group can be asked now.",
                companies=usable,
            )
        )
    return choices + [
        Choice(
            value=f"company:{plan.id}",
            label=plan.name,
            detail="",
            why_not="" if plan.address_ids else f"No working mail address. Call {plan.phone}.",
            companies=(plan,) if plan.address_ids else (),
        )
        for plan in sorted(plans.values(), key=lambda plan: plan.name)
    ]


def make_plan(session: Session, scope: Scope, draft: VisitDraft, *, now: datetime) -> VisitPlan:
    """Plan a visit of the scope's clinic: ``errors`` stand against it, ``notices`` are worth knowing."""
    clinic = session.get_one(Clinic, scope.clinic_id)
    placed = times.place(draft.day, draft.wall, clinic.time_zone)
    starts_at, ends_at = placed.instant, placed.instant + timedelta(minutes=draft.duration_minutes)
    errors: dict[str, str] = {}
    notices: list[str] = []
    if placed.kind is times.LocalKind.SKIPPED:
        errors["start_time"] = "The clock jumps over this time on that day. Choose an earlier or a later one."
    elif starts_at <= now:
        errors["start_time"] = f"That time has passed in {times.city(clinic.time_zone)}. Choose a later one."
    elif placed.kind is times.LocalKind.AMBIGUOUS:
        notices.append(
            f"The clock goes back on that day and {draft.wall:%H:%M} comes twice. "
            f"The visit takes the first, {times.zone_text(starts_at, clinic.time_zone)}."
        )
    provider = _provider(session, scope, draft.provider_id)
    if provider is None:
        errors["provider"] = "Choose a provider from the list."
    elif "start_time" not in errors:
        notices += _overlaps(session, provider, starts_at, ends_at, clinic.time_zone)
    language, companies = _interpreters(session, clinic, draft, errors)
    return VisitPlan(
        draft=draft,
        time_zone=clinic.time_zone,
        starts_at=starts_at,
        ends_at=ends_at,
        provider_name=provider.name if provider else "",
        language_name=language.name if language else "",
        language_short_name=language.short_name if language else "",
        companies=companies,
        deadline=(
            deadline_for(confirmed_at=now, invite_duration=clinic.invite_duration, next_start=starts_at)
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


def _provider(session: Session, scope: Scope, provider_id: int) -> User | None:
    return next((user for user in providers(session, scope) if user.id == provider_id), None)


def _overlaps(session: Session, provider: User, starts_at: datetime, ends_at: datetime, zone: str) -> list[str]:
    """A provider in two places is a warning, not an error: the clinic may mean it."""
    others = session.scalars(
        select(Visit)
        .where(
            Visit.provider_id == provider.id,
            Visit.status == VisitStatus.SCHEDULED,
            Visit.starts_at < ends_at,
            Visit.starts_at > starts_at - MAX_DURATION,
            Visit.ends_at > starts_at,
        )
        .order_by(Visit.starts_at)
    ).all()
    return [
        f"{provider.name} already has a visit at that time: {times.span_text(other.starts_at, other.ends_at, zone)}."
        for other in others
    ]


def _interpreters(
    session: Session, clinic: Clinic, draft: VisitDraft, errors: dict[str, str]
) -> tuple[ClinicLanguage | None, tuple[CompanyPlan, ...]]:
    """The language and the companies that the draft asks, each company once however many groups name it."""
    if not draft.language_tag and not draft.picks:
        if draft.notes:
            errors["language"] = "Notes for Interpreter need a language and an interpreter, or clear the notes."
        return None, ()
    if not clinic.dispatch_enabled:
        errors["language"] = "Interpreter requests are switched off for this clinic. Choose no language."
        return None, ()
    language = find_language(session, clinic.id, draft.language_tag)
    if language is None:
        errors["language"] = "Choose the language that the interpreter is for."
        return None, ()
    if not draft.picks:
        errors["interpreter"] = "Choose at least one company or group to ask, or choose no language."
        return language, ()
    choices = {choice.value: choice for choice in interpreter_choices(session, clinic.id, language.tag)}
    problems = [
        _why_not(session, clinic.id, pick, choices.get(pick), language.name)
        for pick in draft.picks
        if pick not in choices or choices[pick].why_not
    ]
    if problems:
        errors["interpreter"] = " ".join(dict.fromkeys(problems))
        return language, ()
    asked = {company.id: company for pick in draft.picks for company in choices[pick].companies}
    return language, tuple(asked.values())


def _why_not(session: Session, clinic_id: int, pick: str, choice: Choice | None, language_name: str) -> str:
    """Why a tick that is not (or no longer) on offer can't be asked; another clinic's is simply not on the list."""
    if choice is not None:
        return f"{choice.label}: {choice.why_not}"
    kind, _, number = pick.partition(":")
    company = None
    if kind == "company" and number.isascii() and number.isdigit() and len(number) < 19:
        company = session.scalar(select(Company).where(Company.id == int(number), Company.clinic_id == clinic_id))
    if company is None:
        return "One of the interpreters chosen is not on the list any more. Choose again."
    if not company.accredited:
        return f"{company.name} is suspended and can't be asked. Choose another."
    return f"{company.name} does not interpret {language_name}. Choose another."


def _companies(session: Session, clinic_id: int, language_tag: str) -> Sequence[Company]:
    return session.scalars(
        select(Company)
        .join(CompanyLanguage, CompanyLanguage.company_id == Company.id)
        .where(Company.clinic_id == clinic_id, CompanyLanguage.tag == language_tag)
    ).all()


def _company_plans(session: Session, companies: Iterable[Company]) -> dict[int, CompanyPlan]:
    found = {company.id: company for company in companies}
    addresses: dict[int, list[CompanyAddress]] = {company_id: [] for company_id in found}
    for address in session.scalars(
        select(CompanyAddress)
        .where(CompanyAddress.company_id.in_(found), CompanyAddress.refused_at.is_(None))
        .order_by(CompanyAddress.id)
    ):
        addresses[address.company_id].append(address)
    return {
        company.id: CompanyPlan(
            id=company.id,
            name=company.name,
            phone=company.phone,
            time_zone=company.time_zone,
            address_ids=tuple(address.id for address in addresses[company.id]),
            emails=tuple(address.email for address in addresses[company.id]),
        )
        for company in found.values()
    }


def _members(session: Session, group_id: int) -> Sequence[int]:
    return session.scalars(
        select(HuntGroupMember.company_id)
        .where(HuntGroupMember.hunt_group_id == group_id)
        .order_by(HuntGroupMember.position, HuntGroupMember.company_id)
    ).all()
