"""The clinic's settings and languages: what a change does to what runs, who is told, and who may."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared import languages
from shared.actions import SaveOutcome, SaveResult, add_language, change_language, change_settings, remove_language
from shared.audit import AuditEvent
from shared.db import Base, reading
from shared.errors import DomainError, NotFoundError
from shared.models import AuditEntry, Clinic, ClinicLanguage, CompanyLanguage, HuntGroup
from shared.queries import language_list, language_page, settings_page
from shared.records import ClinicRecord, LanguageRecord
from shared.rules import Scope
from shared.states import MailKind, RequestState, Role
from tests.actions.desk import snapshot, state_of
from tests.faults.racing import racers
from tests.world import World


def admin(world: World) -> Scope:
    return world.clinic.scope(Role.ADMIN)


def save(world: World, stamp: str = "", **changes: Any) -> SaveResult:
    """An administrator opens the settings, changes some, and saves."""
    with world.jobs.app_context():
        shown = settings_page(admin(world), now=world.now)
        wanted: ClinicRecord = replace(shown.record, **changes)
        return change_settings(admin(world), wanted, stamp=stamp or shown.stamp, now=world.now)


def lines(world: World, *events: AuditEvent) -> list[AuditEntry]:
    return [entry for entry in world.trail() if entry.what in events]


def own(world: World, kind: type[Base], key: object) -> Base | None:
    """A row as it is now."""
    with world.jobs.app_context(), reading() as session:
        return session.get(kind, key)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "Riverside Family Clinic", True),
        ("contact_phone", "+1 555 0999", True),
        ("contact_email", "front-desk@demo.example", True),
        ("dial_in_number", "+1 555 0111", True),
        ("time_zone", "America/New_York", False),
        ("invite_duration_seconds", 7200, False),
        ("dispatch_enabled", False, False),
        ("keep_patients_days", 400, False),
        ("keep_contacts_days", 800, False),
    ],
)
def test_a_change_is_stored_and_in_the_trail_and_a_winner_is_told_what_it_has_read(
    world_on_either: World, field: str, value: object, told: bool
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()

    changes: dict[str, Any] = {field: value}
    result = save(world, **changes)

    assert result.outcome is SaveOutcome.SAVED
    assert getattr(own(world, Clinic, world.clinic.id), field) == value
    [line] = lines(world, AuditEvent.SETTINGS_CHANGED)
    assert (line.fields, line.about_kind, line.about_id) == ([field], "clinic", world.clinic.id)
    assert line.actor_user_id == world.clinic.users["admin"]
    assert str(value) not in repr((line.fields, line.from_state, line.to_state))
    updates = [mail.recipient for mail in world.outbox(MailKind.UPDATED)]
    assert updates == (["dispatch@clearsign.example"] if told else [])
    assert [entry.fields for entry in lines(world, AuditEvent.WINNER_UPDATED)] == ([[field]] if told else [])
    assert state_of(world, visit) is RequestState.ACCEPTED


def test_a_winner_without_a_visit_to_come_is_told_nothing(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    world.pass_time(days=3)

    save(world, name="Riverside Family Clinic")

    assert world.outbox(MailKind.UPDATED) == []


def test_another_clinics_winners_are_told_nothing(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    visit = world.book(ask=["Clearsign"], clinic=harbor)
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()

    save(world, name="Riverside Family Clinic")

    assert world.outbox(MailKind.UPDATED) == []
    assert getattr(own(world, Clinic, harbor.id), "name", "") == "Harbor Family Health"


def test_saving_what_is_stored_changes_nothing(world: World) -> None:
    before = snapshot(world)

    assert save(world).outcome is SaveOutcome.SAVED
    assert snapshot(world) == before


def test_a_new_invite_duration_is_for_new_requests_alone(world: World) -> None:
    before = world.book(ask=["Clearsign"])
    deadline = world.request_of(before).deadline

    save(world, invite_duration_seconds=3600)
    after = world.book(ask=["Clearsign"])

    assert world.request_of(before).deadline == deadline
    assert world.request_of(after).deadline == world.now + timedelta(hours=1)


def test_with_dispatch_off_open_requests_run_to_their_end(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    save(world, dispatch_enabled=False)

    world.accept(visit, "Clearsign")

    assert state_of(world, visit) is RequestState.ACCEPTED
    assert world.confirm(world.draft(ask=["Clearsign"])).visit_id is None


def test_the_second_of_two_administrators_changes_nothing_until_they_have_seen_the_first(
    world_on_either: World,
) -> None:
    world = world_on_either
    with world.jobs.app_context():
        opened = settings_page(admin(world), now=world.now).stamp
    save(world, contact_phone="+1 555 0999")
    before = snapshot(world)

    assert save(world, stamp=opened, name="Other Name").outcome is SaveOutcome.CONFLICT
    assert snapshot(world) == before
    assert save(world, name="Other Name").outcome is SaveOutcome.SAVED


def test_two_administrators_at_the_same_instant_are_told_apart(world_on_either: World) -> None:
    world = world_on_either
    with world.jobs.app_context():
        shown = settings_page(admin(world), now=world.now)

    def deed(name: str) -> Callable[[], SaveOutcome]:
        wanted = replace(shown.record, name=name)
        return lambda: change_settings(admin(world), wanted, stamp=shown.stamp, now=world.now).outcome

    with racers(world, 4) as group:
        outcomes = group.race([deed(f"Name {number}") for number in range(4)])

    assert sorted(outcomes) == [SaveOutcome.CONFLICT] * 3 + [SaveOutcome.SAVED]
    assert len(lines(world, AuditEvent.SETTINGS_CHANGED)) == 1


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.SCHEDULER, Role.STAFF])
def test_nobody_but_an_administrator_gets_past_the_action(world: World, role: Role) -> None:
    scope = world.clinic.scope(role)
    before = snapshot(world)
    with world.jobs.app_context():
        shown = settings_page(scope, now=world.now)
        names = LanguageRecord("Sign", "S")
        for deed in (
            lambda: change_settings(scope, replace(shown.record, name="X"), stamp=shown.stamp, now=world.now),
            lambda: add_language(scope, "fr", now=world.now),
            lambda: change_language(scope, "ase", names, stamp="", now=world.now),
            lambda: remove_language(scope, "es", now=world.now),
        ):
            with pytest.raises(DomainError):
                deed()

    assert snapshot(world) == before


def test_a_language_is_added_once_under_its_usual_names(world_on_either: World) -> None:
    world = world_on_either
    with world.jobs.app_context():
        for _twice in range(2):
            assert add_language(admin(world), "pt", now=world.now) == "Portuguese"

    [line] = lines(world, AuditEvent.LANGUAGE_ADDED)
    assert (line.fields, line.about_kind) == (["pt"], "language")
    assert own(world, ClinicLanguage, (world.clinic.id, "pt")) is not None


def test_a_second_sign_language_with_the_same_letters_gets_its_whole_name(world: World) -> None:
    assert languages.find("Afghan Sign").languages[0].short_name == "ASL"

    with world.jobs.app_context():
        add_language(admin(world), "afg", now=world.now)
        rows = {row.tag: row.short_name for row in language_list(admin(world), "").languages}

    assert rows["afg"] == "Afghan Sign Language"
    assert rows["ase"] == "ASL"


@pytest.mark.parametrize("tags", [("rwr", "mwr"), ("mwr", "rwr")])
def test_two_languages_never_get_one_short_name(world: World, tags: tuple[str, str]) -> None:
    with world.jobs.app_context():
        for tag in tags:
            add_language(admin(world), tag, now=world.now)
        short_names = [row.short_name.casefold() for row in language_list(admin(world), "").languages]

    assert len(set(short_names)) == len(short_names)


def test_a_language_gets_no_name_that_the_clinic_gave_to_another(world: World) -> None:
    with world.jobs.app_context():
        for tag, name, short_name in (
            ("es", "Marwari", "marwari (MWR)"), ("fr", "Marwari (mwr)", "mwr 2"), ("ar", "Ours", "Marwari"),
        ):  # fmt: skip
            if tag != "es":
                add_language(admin(world), tag, now=world.now)
            world.change(ClinicLanguage, (world.clinic.id, tag), name=name, short_name=short_name)

        add_language(admin(world), "mwr", now=world.now)
        [row] = [row for row in language_list(admin(world), "").languages if row.tag == "mwr"]

    assert (row.name, row.short_name) == ("mwr 2", "mwr 3")


@pytest.mark.parametrize("tag", ["", "spa", "ASE", "zz", "mul", "und", "en-US", "es\0", "é", "x" * 300])
def test_what_is_no_shortest_tag_of_a_language_is_not_added(world: World, tag: str) -> None:
    before = snapshot(world)
    with world.jobs.app_context(), pytest.raises(NotFoundError):
        add_language(admin(world), tag, now=world.now)

    assert snapshot(world) == before


def test_a_renamed_language_keeps_its_name_in_what_was_asked(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    with world.jobs.app_context():
        stamp = getattr(language_page(admin(world), "ase", now=world.now), "stamp", "")
        names = LanguageRecord("ASL interpreting", "Sign")
        result = change_language(admin(world), "ase", names, stamp=stamp, now=world.now)
    world.tick()

    assert result.outcome is SaveOutcome.SAVED
    assert world.request_of(visit).language_name == "American Sign Language"
    assert world.subjects(to="Clearsign")[0].startswith("Request for ASL Interpreter")
    assert [line.fields for line in lines(world, AuditEvent.LANGUAGE_CHANGED)] == [["ase", "name", "short_name"]]


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        (LanguageRecord("spanish", "Sign"), {"name"}),
        (LanguageRecord("Sign", "SPANISH"), {"short_name"}),
        (LanguageRecord("Spanish", "Spanish"), {"name", "short_name"}),
    ],
)
def test_two_languages_of_a_clinic_have_no_name_in_common(
    world: World, names: LanguageRecord, fields: set[str]
) -> None:
    before = snapshot(world)
    with world.jobs.app_context():
        stamp = getattr(language_page(admin(world), "ase", now=world.now), "stamp", "")
        result = change_language(admin(world), "ase", names, stamp=stamp, now=world.now)

    assert (result.outcome, set(result.errors)) == (SaveOutcome.INVALID, fields)
    assert snapshot(world) == before


def test_a_language_that_nobody_needs_goes_from_the_companies_lists_too(world_on_either: World) -> None:
    world = world_on_either
    company = world.add_company("Habla", languages=("es", "ase"))
    visit = world.book(ask=["Habla"], language_tag="es")
    with world.jobs.app_context():
        remove_language(admin(world), "es", now=world.now)

    assert own(world, ClinicLanguage, (world.clinic.id, "es")) is None
    assert own(world, CompanyLanguage, (company, "es")) is None
    assert own(world, CompanyLanguage, (company, "ase")) is not None
    assert [line.fields for line in lines(world, AuditEvent.LANGUAGE_REMOVED)] == [["es"]]
    assert [(line.about_id, line.fields) for line in lines(world, AuditEvent.COMPANY_CHANGED)] == [
        (company, ["languages"])
    ]
    world.accept(visit, "Habla")
    assert state_of(world, visit) is RequestState.ACCEPTED


def test_a_language_that_a_hunt_group_is_for_stays(world: World) -> None:
    before = snapshot(world)
    with world.jobs.app_context(), pytest.raises(DomainError, match="ASL daytime"):
        remove_language(admin(world), "ase", now=world.now)

    assert snapshot(world) == before
    assert own(world, HuntGroup, world.clinic.groups["ASL daytime"]) is not None


def test_another_clinics_languages_and_companies_are_not_touched(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.change(CompanyLanguage, (harbor.companies["Lumen"], "ase"), tag="es")
    with world.jobs.app_context():
        remove_language(admin(world), "es", now=world.now)

    assert own(world, ClinicLanguage, (harbor.id, "es")) is not None
    assert own(world, CompanyLanguage, (harbor.companies["Lumen"], "es")) is not None
