"""What an administrator's forms hold: the values of one record, and a stamp that tells whether it is still the same.

Queries read a record to show it; actions read it again inside their transaction, to see what a form changes and
whether somebody else was quicker.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared.models import (
    Clinic,
    Company,
    CompanyAddress,
    CompanyLanguage,
    HuntGroup,
    HuntGroupMember,
    User,
)
from shared.states import Role


@dataclass(frozen=True, slots=True)
class ClinicRecord:
    """A clinic's settings."""

    name: str
    dispatch_enabled: bool
    invite_duration_seconds: int
    time_zone: str
    contact_phone: str
    contact_email: str
    dial_in_number: str
    keep_patients_days: int
    keep_contacts_days: int
    second_factor_required: bool


@dataclass(frozen=True, slots=True)
class LanguageRecord:
    """What the clinic calls a language."""

    name: str
    short_name: str


@dataclass(frozen=True, slots=True)
class CompanyRecord:
    """A company. ``languages`` are tags of the clinic's languages, in order; ``addresses`` as they were added."""

    name: str
    phone: str
    time_zone: str
    languages: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A hunt group. ``companies`` are ids, in the group's order."""

    name: str
    companies: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UserRecord:
    """Somebody of the clinic."""

    name: str
    email: str
    role: Role


LAST_ADMIN = "Nobody else can log in as an administrator. Make somebody else an administrator first."

NO_LANGUAGE = "This is no language of the clinic, or not any more. Go back to the list of languages."
NOT_IN_LIST = (
    "One of the companies is not on the list of those that interpret the language (any more). "
    "Look at the companies again."
)
KEEPS_ADDRESS = "The address of somebody who has a password stays as it is."

Record = ClinicRecord | LanguageRecord | CompanyRecord | GroupRecord | UserRecord


def stamp_of(record: Record) -> str:
    """A short hash of the values: goes with a form, so that its saving can tell whether they are still the same."""
    return hashlib.sha256(json.dumps(asdict(record), sort_keys=True).encode()).hexdigest()[:16]


def changed_fields(old: Record, new: Record) -> tuple[str, ...]:
    """The names of the fields that differ."""
    return tuple(field.name for field in fields(old) if getattr(old, field.name) != getattr(new, field.name))


def read_clinic(clinic: Clinic) -> ClinicRecord:
    """The settings in a clinic's row."""
    return ClinicRecord(**{field.name: getattr(clinic, field.name) for field in fields(ClinicRecord)})


def read_user(user: User) -> UserRecord:
    """What a form about somebody holds."""
    return UserRecord(user.name, user.email, user.role)


def is_last_admin(session: Session, user: User) -> bool:
    """Whether without this person nobody could log in as an administrator."""
    if not user.active or user.role is not Role.ADMIN or user.password_hash is None:
        return False
    others = exists().where(
        User.clinic_id == user.clinic_id,
        User.id != user.id,
        User.role == Role.ADMIN,
        User.active,
        User.password_hash.is_not(None),
    )
    return not session.scalars(select(others)).one()


def read_company(session: Session, company: Company) -> CompanyRecord:
    """A company's record, with its languages and addresses."""
    return CompanyRecord(
        name=company.name,
        phone=company.phone,
        time_zone=company.time_zone,
        languages=tuple(
            session.scalars(
                select(CompanyLanguage.tag)
                .where(CompanyLanguage.company_id == company.id)
                .order_by(CompanyLanguage.tag)
            )
        ),
        addresses=tuple(address.email for address in addresses_of(session, company.id)),
    )


def read_group(session: Session, group: HuntGroup) -> GroupRecord:
    """A group's record, with its companies in order."""
    members = session.scalars(
        select(HuntGroupMember.company_id)
        .where(HuntGroupMember.hunt_group_id == group.id)
        .order_by(HuntGroupMember.position, HuntGroupMember.company_id)
    )
    return GroupRecord(group.name, tuple(members))


def addresses_of(session: Session, company_id: int) -> Sequence[CompanyAddress]:
    """A company's dispatch addresses, oldest first."""
    return session.scalars(
        select(CompanyAddress).where(CompanyAddress.company_id == company_id).order_by(CompanyAddress.id)
    ).all()


def find_company(session: Session, clinic_id: int, company_id: int) -> Company | None:
    """The clinic's company with this id; another clinic's is not found."""
    return session.scalar(select(Company).where(Company.id == company_id, Company.clinic_id == clinic_id))


def find_group(session: Session, clinic_id: int, group_id: int) -> HuntGroup | None:
    """The clinic's hunt group with this id; another clinic's is not found."""
    return session.scalar(select(HuntGroup).where(HuntGroup.id == group_id, HuntGroup.clinic_id == clinic_id))


def interpreters_of(session: Session, clinic_id: int, tag: str) -> Sequence[Company]:
    """The clinic's companies that interpret a language, suspended ones too, by name."""
    return session.scalars(
        select(Company)
        .join(CompanyLanguage, CompanyLanguage.company_id == Company.id)
        .where(Company.clinic_id == clinic_id, CompanyLanguage.tag == tag)
        .order_by(Company.name, Company.id)
    ).all()


def groups_with(session: Session, company_id: int) -> Sequence[HuntGroup]:
    """The hunt groups that a company is in, by name."""
    return session.scalars(
        select(HuntGroup)
        .join(HuntGroupMember, HuntGroupMember.hunt_group_id == HuntGroup.id)
        .where(HuntGroupMember.company_id == company_id)
        .order_by(HuntGroup.name)
    ).all()
