"""What an administrator's pages show of the clinic's companies and hunt groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from shared.choices import find_language
from shared.db import reading
from shared.models import (
    ClinicLanguage,
    Company,
    CompanyAddress,
    CompanyLanguage,
    HuntGroup,
    HuntGroupMember,
    Invite,
    Request,
    Visit,
)
from shared.queries.forms import Option
from shared.records import (
    CompanyRecord,
    GroupRecord,
    addresses_of,
    find_company,
    find_group,
    groups_with,
    interpreters_of,
    read_company,
    read_group,
    stamp_of,
)
from shared.rules import Scope
from shared.states import Answer, RequestState


@dataclass(frozen=True, slots=True)
class Address:
    """A dispatch address; ``refused_at`` is set while mail to it comes back."""

    email: str
    refused_at: datetime | None


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A company in the list."""

    id: int
    name: str
    phone: str
    accredited: bool
    languages: tuple[str, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class CompanyPage:
    """A company's form. ``pending`` are requests that it may still answer, ``held`` visits to come that it has won."""

    id: int
    record: CompanyRecord
    stamp: str
    accredited: bool
    addresses: tuple[Address, ...]
    groups: tuple[tuple[int, str], ...]
    pending: int
    held: int


@dataclass(frozen=True, slots=True)
class Member:
    """A company of a hunt group, or one that could be."""

    id: int
    name: str
    accredited: bool


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A hunt group in the list, with its companies in order."""

    id: int
    name: str
    language: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A hunt group's form. ``able``: the companies that could be members, by name."""

    id: int
    record: GroupRecord
    stamp: str
    language: str
    able: tuple[Member, ...]

    def members(self, ids: Iterable[int]) -> tuple[Member, ...]:
        """These companies in the order of their ids given; what can't be a member is left out."""
        able = {member.id: member for member in self.able}
        return tuple(able[company_id] for company_id in ids if company_id in able)


def clinic_languages(scope: Scope) -> tuple[Option, ...]:
    """The clinic's languages for a form's list."""
    with reading() as session:
        return tuple(Option(row.tag, row.name) for row in _languages(session, scope.clinic_id))


def company_list(scope: Scope) -> tuple[CompanyRow, ...]:
    """The clinic's companies by name, those that are suspended last."""
    with reading() as session:
        names = {row.tag: row.name for row in _languages(session, scope.clinic_id)}
        own = select(Company.id).where(Company.clinic_id == scope.clinic_id)
        spoken: dict[int, list[str]] = {}
        for row in session.scalars(select(CompanyLanguage).where(CompanyLanguage.company_id.in_(own))):
            spoken.setdefault(row.company_id, []).append(names.get(row.tag, row.tag))
        addresses: dict[int, list[Address]] = {}
        for address in session.scalars(
            select(CompanyAddress).where(CompanyAddress.company_id.in_(own)).order_by(CompanyAddress.id)
        ):
            addresses.setdefault(address.company_id, []).append(Address(address.email, address.refused_at))
        companies = session.scalars(
            select(Company)
            .where(Company.clinic_id == scope.clinic_id)
            .order_by(Company.accredited.desc(), Company.name, Company.id)
        ).all()
        return tuple(
            CompanyRow(
                id=company.id,
                name=company.name,
                phone=company.phone,
                accredited=company.accredited,
                languages=tuple(sorted(spoken.get(company.id, ()))),
                addresses=tuple(addresses.get(company.id, ())),
            )
            for company in companies
        )


def company_page(scope: Scope, company_id: int, *, now: datetime) -> CompanyPage | None:
    """A company of the clinic, or None."""
    with reading() as session:
        company = find_company(session, scope.clinic_id, company_id)
        if company is None:
            return None
        record = read_company(session, company)
        return CompanyPage(
            id=company.id,
            record=record,
            stamp=stamp_of(record),
            accredited=company.accredited,
            addresses=tuple(Address(row.email, row.refused_at) for row in addresses_of(session, company.id)),
            groups=tuple((group.id, group.name) for group in groups_with(session, company.id)),
            pending=_pending(session, company.id, now),
            held=_held(session, company.id, now),
        )


def group_list(scope: Scope) -> tuple[GroupRow, ...]:
    """The clinic's hunt groups by name."""
    with reading() as session:
        members: dict[int, list[Member]] = {}
        for group_id, company in session.execute(
            select(HuntGroupMember.hunt_group_id, Company)
            .join(Company, Company.id == HuntGroupMember.company_id)
            .where(Company.clinic_id == scope.clinic_id)
            .order_by(HuntGroupMember.position, Company.id)
        ):
            members.setdefault(group_id, []).append(_member(company))
        names = {row.tag: row.name for row in _languages(session, scope.clinic_id)}
        groups = session.scalars(
            select(HuntGroup).where(HuntGroup.clinic_id == scope.clinic_id).order_by(HuntGroup.name)
        ).all()
        return tuple(
            GroupRow(
                id=group.id,
                name=group.name,
                language=names.get(group.language_tag, group.language_tag),
                members=tuple(members.get(group.id, ())),
            )
            for group in groups
        )


def group_page(scope: Scope, group_id: int) -> GroupPage | None:
    """A hunt group of the clinic, or None."""
    with reading() as session:
        group = find_group(session, scope.clinic_id, group_id)
        if group is None:
            return None
        record = read_group(session, group)
        language = find_language(session, scope.clinic_id, group.language_tag)
        able = interpreters_of(session, scope.clinic_id, group.language_tag)
        return GroupPage(
            id=group.id,
            record=record,
            stamp=stamp_of(record),
            language=language.name if language else group.language_tag,
            able=tuple(_member(company) for company in able),
        )


def _languages(session: Session, clinic_id: int) -> Iterable[ClinicLanguage]:
    return session.scalars(
        select(ClinicLanguage).where(ClinicLanguage.clinic_id == clinic_id).order_by(ClinicLanguage.name)
    ).all()


def _member(company: Company) -> Member:
    return Member(company.id, company.name, company.accredited)


def _pending(session: Session, company_id: int, now: datetime) -> int:
    return session.scalars(
        select(func.count())
        .select_from(Request)
        .where(
            Request.state == RequestState.PENDING,
            Request.deadline > now,
            exists().where(Invite.request_id == Request.id, Invite.company_id == company_id, Invite.answer.is_(None)),
        )
    ).one()


def _held(session: Session, company_id: int, now: datetime) -> int:
    return session.scalars(
        select(func.count())
        .select_from(Visit)
        .join(Request, Request.id == Visit.request_id)
        .where(
            Visit.ends_at > now,
            Request.state == RequestState.ACCEPTED,
            exists().where(
                Invite.request_id == Request.id, Invite.company_id == company_id, Invite.answer == Answer.ACCEPTED
            ),
        )
    ).one()
