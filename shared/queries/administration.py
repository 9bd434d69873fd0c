"""What an administrator's pages show of the clinic itself: its settings and its languages."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from shared import languages
from shared.choices import find_language
from shared.db import reading
from shared.languages import Findings
from shared.models import (
    Clinic,
    ClinicLanguage,
    Company,
    CompanyLanguage,
    HuntGroup,
    Invite,
    Request,
    SecondFactor,
    User,
    Visit,
)
from shared.records import ClinicRecord, LanguageRecord, interpreters_of, read_clinic, stamp_of
from shared.rules import Scope
from shared.states import Answer, RequestState


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """The settings, their stamp, how many companies hold a visit still to come (they are told of changes), and how many
    people who can log in have no second factor."""

    record: ClinicRecord
    stamp: str
    holders: int
    without_factor: int


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """A language of the clinic in the list. ``companies`` counts those that interpret it, suspended ones too."""

    tag: str
    name: str
    short_name: str
    companies: int
    groups: int


@dataclass(frozen=True, slots=True)
class LanguageList:
    """The clinic's languages by name, and what a search in the whole standard found."""

    languages: tuple[LanguageRow, ...]
    found: Findings

    @property
    def tags(self) -> frozenset[str]:
        """The tags that the clinic has."""
        return frozenset(row.tag for row in self.languages)


@dataclass(frozen=True, slots=True)
class LanguagePage:
    """A language of the clinic and what uses it. ``groups`` are (id, name); ``open_requests`` are pending ones."""

    tag: str
    record: LanguageRecord
    stamp: str
    companies: tuple[str, ...]
    groups: tuple[tuple[int, str], ...]
    open_requests: int


def settings_page(scope: Scope, *, now: datetime) -> SettingsPage:
    """The clinic's settings as they are."""
    with reading() as session:
        record = read_clinic(session.get_one(Clinic, scope.clinic_id))
        holders, without = _holders(session, scope.clinic_id, now), _without_factor(session, scope.clinic_id)
        return SettingsPage(record, stamp_of(record), holders, without)


def language_list(scope: Scope, search: str) -> LanguageList:
    """The clinic's languages, and those of the standard that fit a search (none for an empty one)."""
    with reading() as session:
        own_company = Company.clinic_id == scope.clinic_id
        companies = Counter(
            session.scalars(
                select(CompanyLanguage.tag).join(Company, Company.id == CompanyLanguage.company_id).where(own_company)
            )
        )
        groups = Counter(session.scalars(select(HuntGroup.language_tag).where(HuntGroup.clinic_id == scope.clinic_id)))
        rows = session.scalars(
            select(ClinicLanguage).where(ClinicLanguage.clinic_id == scope.clinic_id).order_by(ClinicLanguage.name)
        ).all()
    own = tuple(LanguageRow(row.tag, row.name, row.short_name, companies[row.tag], groups[row.tag]) for row in rows)
    return LanguageList(own, languages.find(search))


def language_page(scope: Scope, tag: str, *, now: datetime) -> LanguagePage | None:
    """A language of the clinic with what uses it, or None for a tag that it does not have."""
    with reading() as session:
        language = find_language(session, scope.clinic_id, tag)
        if language is None:
            return None
        record = LanguageRecord(language.name, language.short_name)
        groups = session.execute(
            select(HuntGroup.id, HuntGroup.name)
            .where(HuntGroup.clinic_id == scope.clinic_id, HuntGroup.language_tag == tag)
            .order_by(HuntGroup.name)
        )
        open_requests = session.scalars(
            select(func.count())
            .select_from(Request)
            .where(
                Request.clinic_id == scope.clinic_id,
                Request.language_tag == tag,
                Request.state == RequestState.PENDING,
                Request.deadline > now,
            )
        ).one()
        return LanguagePage(
            tag=tag,
            record=record,
            stamp=stamp_of(record),
            companies=tuple(company.name for company in interpreters_of(session, scope.clinic_id, tag)),
            groups=tuple((group.id, group.name) for group in groups),
            open_requests=open_requests,
        )


def _holders(session: Session, clinic_id: int, now: datetime) -> int:
    return session.scalars(
        select(func.count(distinct(Invite.company_id)))
        .join(Request, Request.id == Invite.request_id)
        .join(Visit, Visit.request_id == Request.id)
        .where(
            Visit.clinic_id == clinic_id,
            Visit.ends_at > now,
            Request.state == RequestState.ACCEPTED,
            Invite.answer == Answer.ACCEPTED,
        )
    ).one()


def _without_factor(session: Session, clinic_id: int) -> int:
    return session.scalars(
        select(func.count())
        .select_from(User)
        .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
        .where(
            User.clinic_id == clinic_id, User.active, User.password_hash.is_not(None), SecondFactor.user_id.is_(None)
        )
    ).one()
