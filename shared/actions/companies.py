"""What an administrator changes of the clinic's companies. A company is suspended, never deleted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from shared.actions._reach import forget_addresses, lock_open_invites, tell_address
from shared.actions._saving import CONFLICT, SaveResult, invalid, lock_as_admin, saved, somebody_was_quicker
from shared.audit import About, Actor, AuditEvent, record, was_just_done
from shared.db import transaction
from shared.errors import NotFoundError
from shared.models import ClinicLanguage, Company, CompanyAddress, CompanyLanguage, InviteAddress
from shared.records import (
    CompanyRecord,
    addresses_of,
    changed_fields,
    find_company,
    groups_with,
    read_company,
)
from shared.rules import Scope

NO_COMPANY = "There is no such company at this clinic. Go back to the list of companies."


def add_company(scope: Scope, wanted: CompanyRecord, *, accredited: bool, now: datetime) -> SaveResult:
    """Add a company, accredited at once or not yet. Names are unique within a clinic, capitals aside.

    A form whose button is pressed twice finds the company that it added.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        added = _just_added(session, scope, wanted, accredited, now)
        if added is not None:
            return saved(added.id)
        errors = _objections(session, clinic.id, None, wanted)
        if errors:
            return invalid(errors)
        company = Company(
            clinic_id=clinic.id,
            name=wanted.name,
            phone=wanted.phone,
            time_zone=wanted.time_zone,
            accredited=accredited,
            created_at=now,
        )
        session.add(company)
        session.flush()
        session.add_all(CompanyLanguage(company_id=company.id, tag=tag) for tag in wanted.languages)
        session.add_all(CompanyAddress(company_id=company.id, email=email) for email in wanted.addresses)
        state = _state(accredited=accredited)
        _record(session, AuditEvent.COMPANY_ADDED, scope, company.id, now, moved=(None, state))
        return saved(company.id)


def change_company(
    scope: Scope,
    company_id: int,
    wanted: CompanyRecord,
    *,
    works_again: Sequence[str] = (),
    stamp: str,
    now: datetime,
) -> SaveResult:
    """Save a company, unless somebody else did since the form was opened (``stamp``).

    A new address gets every invite that the company may still answer, and the confirmation of visits it holds; so does
    an address that came back and is said to work again (``works_again``), whose mark goes. Locks the clinic, then
    requests, invites and mails, then the addresses. Raises NotFoundError for another clinic's company.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        company = find_company(session, clinic.id, company_id)
        if company is None:
            raise NotFoundError(NO_COMPANY)
        stored = read_company(session, company)
        wanted = replace(wanted, addresses=_in_order(stored, wanted))
        if somebody_was_quicker(stored, wanted, stamp):
            return CONFLICT
        errors = _objections(session, clinic.id, company, wanted)
        if errors:
            return invalid(errors)
        changed = changed_fields(stored, wanted)
        again = _save_addresses(session, company, wanted.addresses, works_again, now)
        if again and "addresses" not in changed:
            changed += ("addresses",)
        company.name, company.phone, company.time_zone = wanted.name, wanted.phone, wanted.time_zone
        for tag in set(stored.languages) - set(wanted.languages):
            session.delete(session.get_one(CompanyLanguage, (company.id, tag)))
        session.add_all(
            CompanyLanguage(company_id=company.id, tag=tag) for tag in set(wanted.languages) - set(stored.languages)
        )
        if changed:
            _record(session, AuditEvent.COMPANY_CHANGED, scope, company.id, now, fields=changed)
        return saved(company.id)


def accredit_company(scope: Scope, company_id: int, *, accredited: bool, now: datetime) -> None:
    """Accredit a company or suspend it: a suspended one can't be chosen and is skipped in groups. What it was asked
    before it may still win, and what it has won it keeps. The same twice changes nothing.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        company = find_company(session, clinic.id, company_id)
        if company is None:
            raise NotFoundError(NO_COMPANY)
        if company.accredited != accredited:
            what = AuditEvent.COMPANY_ACCREDITED if accredited else AuditEvent.COMPANY_SUSPENDED
            moved = (_state(accredited=company.accredited), _state(accredited=accredited))
            company.accredited = accredited
            _record(session, what, scope, company.id, now, moved=moved)


def _state(*, accredited: bool) -> str:
    return "accredited" if accredited else "suspended"


def _just_added(
    session: Session, scope: Scope, wanted: CompanyRecord, accredited: bool, now: datetime
) -> Company | None:
    """A company that the same person added just so a moment ago."""
    found = select(Company).where(Company.clinic_id == scope.clinic_id, Company.name == wanted.name)
    company = session.scalar(found.where(Company.accredited == accredited))
    if company is None or read_company(session, company) != wanted:
        return None
    by, about = Actor(user_id=scope.user_id), About("company", company.id)
    is_same = was_just_done(session, AuditEvent.COMPANY_ADDED, clinic_id=scope.clinic_id, by=by, about=about, now=now)
    return company if is_same else None


def _in_order(stored: CompanyRecord, wanted: CompanyRecord) -> tuple[str, ...]:
    """The wanted addresses as they will be stored: those that are there, capitals aside, keep their place."""
    typed = {email.casefold(): email for email in wanted.addresses}
    kept = [typed.pop(email.casefold()) for email in stored.addresses if email.casefold() in typed]
    return (*kept, *typed.values())


def _objections(session: Session, clinic_id: int, company: Company | None, wanted: CompanyRecord) -> dict[str, str]:
    """What stands against a company as the form has it (field → sentence)."""
    own_id = company.id if company else 0
    names = session.scalars(select(Company.name).where(Company.clinic_id == clinic_id, Company.id != own_id))
    errors = {}
    if any(name.casefold() == wanted.name.casefold() for name in names):
        errors["name"] = "Another company of the clinic has this name. Choose a name that tells them apart."
    if not wanted.addresses:
        errors["addresses"] = "A company needs at least one address. Write where its requests go."
    known = set(session.scalars(select(ClinicLanguage.tag).where(ClinicLanguage.clinic_id == clinic_id)))
    if not set(wanted.languages) <= known:
        errors["languages"] = "One of these is not a language of the clinic (any more). Look at the choices again."
        return errors
    needed = [group for group in groups_with(session, own_id) if group.language_tag not in wanted.languages]
    if needed:
        names_of_groups = ", ".join(group.name for group in needed)
        errors["languages"] = f"The company is in {names_of_groups}. Take it out there first, or keep the language."
    return errors


def _save_addresses(
    session: Session, company: Company, emails: Sequence[str], works_again: Sequence[str], now: datetime
) -> bool:
    """Bring the addresses to what is wanted, and tell the new ones. True if a mark went.

    Other capitals make no new address. Requests are locked before an address is written: a worker marks an address
    while it holds the request.
    """
    stored = {address.email.casefold(): address for address in addresses_of(session, company.id)}
    wanted = {email.casefold(): email for email in emails}
    new = [email for key, email in wanted.items() if key not in stored]
    gone = [address for key, address in stored.items() if key not in wanted]
    spelled = [(stored[key], email) for key, email in wanted.items() if key in stored and stored[key].email != email]
    ticked = {email.casefold() for email in works_again} & wanted.keys() & stored.keys()
    again = [address for key, address in stored.items() if key in ticked and address.refused_at]
    if not (new or gone or spelled or again):
        return False
    invites = lock_open_invites(session, company.id, now=now)
    removed = [address.email for address in gone]
    for address in gone:
        session.delete(address)
    for address, email in spelled:
        _spell(session, address, email)
    session.flush()
    told = [CompanyAddress(company_id=company.id, email=email) for email in new]
    session.add_all(told)
    for address in again:
        address.refused_at = None
    told += again
    session.flush()
    for request, invite in invites:
        for address in told:
            tell_address(session, request, invite, address, now=now)
        forget_addresses(session, request, invite, removed, now=now)
    return bool(again)


def _spell(session: Session, address: CompanyAddress, email: str) -> None:
    """Write an address in other capitals, also where it was invited: there it is found by how it is written."""
    address.email = email
    other = aliased(InviteAddress)
    taken = exists().where(other.invite_id == InviteAddress.invite_id, other.email == email)
    session.execute(
        update(InviteAddress)
        .where(InviteAddress.company_address_id == address.id, ~taken)
        .values(email=email)
        .execution_options(synchronize_session="fetch")
    )


def _record(
    session: Session,
    what: AuditEvent,
    scope: Scope,
    company_id: int,
    now: datetime,
    *,
    moved: tuple[str | None, str | None] = (None, None),
    fields: tuple[str, ...] = (),
) -> None:
    record(
        session,
        what,
        clinic_id=scope.clinic_id,
        by=Actor(user_id=scope.user_id),
        now=now,
        moved=moved,
        fields=fields,
        about=About("company", company_id),
    )
