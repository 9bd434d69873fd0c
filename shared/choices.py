"""Whom a clinic can ask for a language, and whom the ticks of a form stand for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import (
    ClinicLanguage,
    Company,
    CompanyAddress,
    CompanyLanguage,
    HuntGroup,
    HuntGroupMember,
)


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


def resolve_picks(
    session: Session, clinic_id: int, picks: Iterable[str], language: ClinicLanguage
) -> tuple[tuple[CompanyPlan, ...], list[str]]:
    """The companies that ticks stand for, each once however many groups name it, and what is wrong with the others."""
    choices = {choice.value: choice for choice in interpreter_choices(session, clinic_id, language.tag)}
    found: dict[int, CompanyPlan] = {}
    problems: list[str] = []
    for pick in picks:
        choice = choices.get(pick)
        if choice is None or choice.why_not:
            problems.append(_why_not(session, clinic_id, pick, choice, language.name))
        else:
            found |= {company.id: company for company in choice.companies}
    return tuple(found.values()), list(dict.fromkeys(problems))


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
