"""What an administrator changes of the clinic itself: its settings and its languages."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain, count

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shared import languages
from shared.actions._assignments import update_winners
from shared.actions._saving import CONFLICT, SaveResult, invalid, lock_as_admin, saved, somebody_was_quicker
from shared.audit import About, Actor, AuditEvent, record
from shared.choices import find_language
from shared.db import transaction
from shared.errors import DomainError, NotFoundError
from shared.models import Clinic, ClinicLanguage, Company, CompanyLanguage, HuntGroup, Request, Visit
from shared.privacy import patient_is_due, request_is_due
from shared.records import NO_LANGUAGE, ClinicRecord, LanguageRecord, changed_fields, read_clinic
from shared.rules import Scope

NAME_MAX = 80

TICK_BELOW = "Tick the box below if that is meant; it can't be undone."

TOLD_TO_WINNERS = frozenset({"name", "contact_phone", "contact_email", "dial_in_number"})
"""What a company that holds a visit has read, and is told anew when it changes."""


def change_settings(
    scope: Scope, wanted: ClinicRecord, *, stamp: str, removes: bool = False, now: datetime
) -> SaveResult:
    """Save the clinic's settings, unless somebody else did since the form was opened (``stamp``).

    Companies that hold visits still to come are told of a new name, contact or dial-in number. Invite duration and
    zone count from here on; what was asked and booked before stays as it was. Locks the clinic, then requests.

    Keeping something for a shorter time removes what is older within minutes: only if ``removes`` says that this is
    meant, unless there is nothing.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        stored = read_clinic(clinic)
        if somebody_was_quicker(stored, wanted, stamp):
            return CONFLICT
        changed = changed_fields(stored, wanted)
        too_old = {} if removes else _removed_at_once(session, clinic, wanted, now)
        if too_old:
            return invalid(too_old)
        if changed:
            for name in changed:
                setattr(clinic, name, getattr(wanted, name))
            by, about = Actor(user_id=scope.user_id), About("clinic", clinic.id)
            record(
                session,
                AuditEvent.SETTINGS_CHANGED,
                clinic_id=clinic.id,
                by=by,
                now=now,
                fields=changed,
                about=about,
            )
            told = tuple(name for name in changed if name in TOLD_TO_WINNERS)
            if told:
                session.flush()
                update_winners(session, clinic.id, by=by, fields=told, now=now)
        return saved(clinic.id)


def add_language(scope: Scope, tag: str, *, now: datetime) -> str:
    """Add a language of the standard to the clinic's, under its usual names. Adding it twice is harmless.

    Gives the clinic's name for it. Raises NotFoundError for a tag that the standard does not have.
    """
    known = languages.language_of(tag)
    if known is None:
        raise NotFoundError("There is no language with this tag. Go back and search again.")
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        language = session.get(ClinicLanguage, (clinic.id, tag))
        if language is None:
            names = _free_names(session, clinic.id, tag, known)
            language = ClinicLanguage(clinic_id=clinic.id, tag=tag, name=names.name, short_name=names.short_name)
            session.add(language)
            _record(session, AuditEvent.LANGUAGE_ADDED, scope, (tag,), now)
        return language.name


def change_language(scope: Scope, tag: str, wanted: LanguageRecord, *, stamp: str, now: datetime) -> SaveResult:
    """Save what the clinic calls a language. Requests made before keep the names they were made with."""
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        language = find_language(session, clinic.id, tag)
        if language is None:
            raise NotFoundError(NO_LANGUAGE)
        stored = LanguageRecord(language.name, language.short_name)
        if somebody_was_quicker(stored, wanted, stamp):
            return CONFLICT
        errors = _taken_names(session, clinic.id, tag, wanted)
        if errors:
            return invalid(errors)
        changed = changed_fields(stored, wanted)
        if changed:
            language.name, language.short_name = wanted.name, wanted.short_name
            _record(session, AuditEvent.LANGUAGE_CHANGED, scope, (tag, *changed), now)
        return saved(clinic.id)


def remove_language(scope: Scope, tag: str, *, now: datetime) -> None:
    """Take a language from the clinic's and from its companies' lists. Requests made in it run on.

    Raises DomainError while a hunt group is for it: a group without its language could ask nobody.
    """
    with transaction() as session:
        clinic = lock_as_admin(session, scope)
        language = find_language(session, clinic.id, tag)
        if language is None:
            raise NotFoundError(NO_LANGUAGE)
        groups = session.scalars(
            select(HuntGroup.name)
            .where(HuntGroup.clinic_id == clinic.id, HuntGroup.language_tag == tag)
            .order_by(HuntGroup.name)
        ).all()
        if groups:
            raise DomainError(f"{language.name} is the language of {', '.join(groups)}. Delete that hunt group first.")
        _record(session, AuditEvent.LANGUAGE_REMOVED, scope, (tag,), now)
        for company_id in session.scalars(
            select(Company.id)
            .join(CompanyLanguage, CompanyLanguage.company_id == Company.id)
            .where(Company.clinic_id == clinic.id, CompanyLanguage.tag == tag)
            .order_by(Company.id)
        ).all():
            session.execute(
                delete(CompanyLanguage).where(CompanyLanguage.company_id == company_id, CompanyLanguage.tag == tag)
            )
            _record(session, AuditEvent.COMPANY_CHANGED, scope, ("languages",), now, About("company", company_id))
        session.delete(language)


def _removed_at_once(session: Session, clinic: Clinic, wanted: ClinicRecord, now: datetime) -> dict[str, str]:
    """What shorter times would remove, in a sentence for each field."""
    found = {}
    if wanted.keep_patients_days < clinic.keep_patients_days:
        due = patient_is_due(clinic.id, now - timedelta(days=wanted.keep_patients_days))
        visits = session.scalars(select(func.count()).select_from(Visit).where(*due)).one()
        if visits:
            found["keep_patients_days"] = f"This removes the patient from {_past(visits, 'visit')}. {TICK_BELOW}"
    if wanted.keep_contacts_days < clinic.keep_contacts_days:
        over = request_is_due(clinic.id, now - timedelta(days=wanted.keep_contacts_days))
        kept = Request.contacts_removed_at.is_(None)
        requests = session.scalars(select(func.count()).select_from(Request).where(*over, kept)).one()
        if requests:
            found["keep_contacts_days"] = f"This removes the contacts from {_past(requests, 'request')}. {TICK_BELOW}"
    return found


def _past(number: int, word: str) -> str:
    return f"{number:,} past {word if number == 1 else f'{word}s'}"


def _free_names(session: Session, clinic_id: int, tag: str, known: languages.Language) -> LanguageRecord:
    """The language's usual names, or what comes nearest to them and no other language of the clinic has."""
    others = session.scalars(select(ClinicLanguage).where(ClinicLanguage.clinic_id == clinic_id)).all()
    name = _first_free((known.name,), known.name, tag, NAME_MAX, {other.name for other in others})
    short_names = (known.short_name, name[: languages.SHORT_NAME_MAX].strip())
    taken = {other.short_name for other in others}
    return LanguageRecord(name, _first_free(short_names, known.name, tag, languages.SHORT_NAME_MAX, taken))


def _first_free(wished: Iterable[str], name: str, tag: str, longest: int, taken: Iterable[str]) -> str:
    """The first that is not taken, capitals aside: what is wished for, the name with the tag, the tag with a number."""
    held = {other.casefold() for other in taken}
    with_tag = f"{name[: longest - len(tag) - 3].strip()} ({tag})"
    candidates = chain(wished, (with_tag,), (f"{tag} {number}" for number in count(2)))
    return next(candidate for candidate in candidates if candidate.casefold() not in held)


def _taken_names(session: Session, clinic_id: int, tag: str, wanted: LanguageRecord) -> dict[str, str]:
    """Why the names can't be: another language of the clinic has them, capitals aside."""
    others = session.scalars(
        select(ClinicLanguage).where(ClinicLanguage.clinic_id == clinic_id, ClinicLanguage.tag != tag)
    ).all()
    errors = {}
    if any(other.name.casefold() == wanted.name.casefold() for other in others):
        errors["name"] = "Another language has this name. Choose another name."
    if any(other.short_name.casefold() == wanted.short_name.casefold() for other in others):
        errors["short_name"] = "Another language has this short name. Choose another."
    return errors


def _record(
    session: Session,
    what: AuditEvent,
    scope: Scope,
    fields: tuple[str, ...],
    now: datetime,
    about: About | None = None,
) -> None:
    """A line about the clinic's languages (their tags, being their ids, stand first among the fields) or a company."""
    record(
        session,
        what,
        clinic_id=scope.clinic_id,
        by=Actor(user_id=scope.user_id),
        now=now,
        fields=fields,
        about=about or About("language", scope.clinic_id),
    )
