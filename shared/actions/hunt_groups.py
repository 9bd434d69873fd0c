"""What an administrator changes of the clinic's hunt groups. Requests made before are not touched."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shared.actions._saving import CONFLICT, SaveResult, invalid, lock_as_admin, saved, somebody_was_quicker
from shared.audit import About, Actor, AuditEvent, record, was_just_done
from shared.choices import find_language
from shared.db import transaction
from shared.errors import NotFoundError
from shared.models import HuntGroup, HuntGroupMember
from shared.records import NOT_IN_LIST, GroupRecord, changed_fields, find_group, interpreters_of, read_group
from shared.rules import Scope

NO_GROUP = "There is no such hunt group at this clinic, or not any more. Go back to the list of hunt groups."


def add_group(scope: Scope, *, name: str, language_tag: str, now: datetime) -> SaveResult:
    """Add a group for a language of the clinic, without companies yet: nobody can choose it before it has one.

    A form whose button is pressed twice finds the group that it added.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        added = _just_added(session, scope, name, language_tag, now)
        if added is not None:
            return saved(added.id)
        errors = _name_taken(session, clinic.id, 0, name)
        if find_language(session, clinic.id, language_tag) is None:
            errors["language"] = "Choose the language that the group is for."
        if errors:
            return invalid(errors)
        group = HuntGroup(clinic_id=clinic.id, name=name, language_tag=language_tag)
        session.add(group)
        session.flush()
        _record(session, AuditEvent.HUNT_GROUP_ADDED, scope, group, now)
        return saved(group.id)


def change_group(scope: Scope, group_id: int, wanted: GroupRecord, *, stamp: str, now: datetime) -> SaveResult:
    """Save a group's name and its companies in their order, unless somebody else did since the form was opened.

    Members are companies of the clinic that interpret the group's language, suspended ones too: they are skipped.
    Raises NotFoundError for another clinic's group and for one that was deleted meanwhile.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        group = find_group(session, clinic.id, group_id)
        if group is None:
            raise NotFoundError(NO_GROUP)
        stored = read_group(session, group)
        if somebody_was_quicker(stored, wanted, stamp):
            return CONFLICT
        errors = _name_taken(session, clinic.id, group.id, wanted.name)
        able = {company.id for company in interpreters_of(session, clinic.id, group.language_tag)}
        if not set(wanted.companies) <= able:
            errors["companies"] = NOT_IN_LIST
        if errors:
            return invalid(errors)
        changed = changed_fields(stored, wanted)
        group.name = wanted.name
        if "companies" in changed:
            _put_members(session, group.id, wanted.companies)
        if changed:
            _record(session, AuditEvent.HUNT_GROUP_CHANGED, scope, group, now, fields=changed)
        return saved(group.id)


def remove_group(scope: Scope, group_id: int, *, now: datetime) -> None:
    """Delete a group. Its companies stay with the clinic, and what was asked through it runs on."""
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        group = find_group(session, clinic.id, group_id)
        if group is None:
            raise NotFoundError(NO_GROUP)
        _put_members(session, group.id, ())
        _record(session, AuditEvent.HUNT_GROUP_REMOVED, scope, group, now)
        session.delete(group)


def _just_added(session: Session, scope: Scope, name: str, language_tag: str, now: datetime) -> HuntGroup | None:
    """A group that the same person added just so a moment ago."""
    group = session.scalar(select(HuntGroup).where(HuntGroup.clinic_id == scope.clinic_id, HuntGroup.name == name))
    if group is None or group.language_tag != language_tag or read_group(session, group).companies:
        return None
    by, about = Actor(user_id=scope.user_id), About("hunt_group", group.id)
    is_same = was_just_done(
        session, AuditEvent.HUNT_GROUP_ADDED, clinic_id=scope.clinic_id, by=by, about=about, now=now
    )
    return group if is_same else None


def _name_taken(session: Session, clinic_id: int, own_id: int, name: str) -> dict[str, str]:
    names = session.scalars(select(HuntGroup.name).where(HuntGroup.clinic_id == clinic_id, HuntGroup.id != own_id))
    if any(other.casefold() == name.casefold() for other in names):
        return {"name": "Another hunt group has this name. Choose a name that tells them apart."}
    return {}


def _put_members(session: Session, group_id: int, companies: tuple[int, ...]) -> None:
    session.execute(delete(HuntGroupMember).where(HuntGroupMember.hunt_group_id == group_id))
    session.add_all(
        HuntGroupMember(hunt_group_id=group_id, company_id=company_id, position=position)
        for position, company_id in enumerate(companies)
    )
    session.flush()


def _record(
    session: Session,
    what: AuditEvent,
    scope: Scope,
    group: HuntGroup,
    now: datetime,
    *,
    fields: tuple[str, ...] = (),
) -> None:
    record(
        session,
        what,
        clinic_id=scope.clinic_id,
        by=Actor(user_id=scope.user_id),
        now=now,
        fields=(group.name, *fields),
        about=About("hunt_group", group.id),
    )
