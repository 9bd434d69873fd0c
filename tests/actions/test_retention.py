"""What names people goes when it has been kept long enough, and nothing else does: told by a clock that moves."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shared.actions import (
    ask_password_reset,
    expire_request,
    give_decline_reason,
    log_in,
    note_opening,
    remove_old_contacts,
    remove_old_notes,
    remove_old_patients,
)
from shared.audit import AuditEvent
from shared.db import reading
from shared.models import (
    Clinic,
    Confirmation,
    Invite,
    InviteAddress,
    InviteOpening,
    PasswordLink,
    UserSession,
    Visit,
)
from shared.queries import VisitSearch, search_visits, visit_details
from shared.states import MailKind, MailState, Role
from tests.actions.changing import book_series, cancel, family
from tests.actions.desk import snapshot
from tests.faults.racing import racers
from tests.world import ADMITTED, PASSWORD, World

NAME, CONTACT, REASON, NOTES = "Jonah Pike", "+1 555 0199", "New patient", "He is hard of hearing."
KEEP_PATIENTS, KEEP_CONTACTS = timedelta(days=365), timedelta(days=730)


def visit_of(world: World, visit: int) -> Visit:
    with world.jobs.app_context(), reading() as session:
        return session.get_one(Visit, visit)


def rows(world: World, kind: type[Any]) -> list[Any]:
    with world.jobs.app_context(), reading() as session:
        return list(session.scalars(select(kind)))


def bytes_in(folder: str) -> bytes:
    """All that stands in the database's files, the log included."""
    return b"".join(file.read_bytes() for file in Path(folder).glob("dispatch.sqlite3*"))


def pass_until(world: World, visit: int, kept: timedelta, **more: float) -> None:
    """Let time go by until the visit has been over for so long, and a moment more or less."""
    world.now = visit_of(world, visit).ends_at + kept + timedelta(**more)


def accepted(world: World) -> int:
    """A visit that Clearsign took after Northlight had declined and said why."""
    visit = world.book(ask=["Clearsign", "Northlight"], notes=NOTES)
    world.tick()
    for company in ("Clearsign", "Northlight"):
        with world.jobs.app_context():
            note_opening(world.link(visit, company), now=world.now)
    world.decline(visit, "Northlight", name="S. Okoro")
    with world.jobs.app_context():
        give_decline_reason(world.link(visit, "Northlight"), reason="Jonah knows our man", now=world.now)
    world.accept(visit, "Clearsign", name="R. Medina")
    world.tick()
    return visit


def test_a_patient_is_removed_a_year_after_the_visit_and_not_a_moment_before(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    pass_until(world, visit, KEEP_PATIENTS)
    world.tick()
    assert visit_of(world, visit).patient_name == NAME

    world.pass_time(milliseconds=1)
    world.tick()

    left = visit_of(world, visit)
    assert (left.patient_name, left.patient_contact, left.reason, left.patient_search) == ("", "", "", "")
    assert left.patient_removed_at == world.now
    assert {confirmation.digest for confirmation in rows(world, Confirmation)} == {""}
    request = world.request_of(visit)
    assert (request.notes, request.notes_removed_at) == ("", world.now)
    assert [invite.decline_reason for invite in world.invites_of(visit)] == ["", ""]
    everything = repr(snapshot(world))
    assert all(word not in everything for word in (NAME, "jonah", CONTACT, REASON, NOTES))
    assert "R. Medina" in everything  # the interpreters' side is kept for longer


def test_a_cancelled_visit_loses_its_patient_and_the_reason_for_cancelling(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    cancel(world, visit, why="Jonah is ill")
    pass_until(world, visit, KEEP_PATIENTS, seconds=1)
    world.tick()

    left = visit_of(world, visit)
    assert (left.patient_name, left.cancel_reason, left.status.value) == ("", None, "cancelled")
    [line] = [entry for entry in world.trail() if entry.what == AuditEvent.PATIENT_REMOVED]
    assert line.fields == ["patient_name", "patient_contact", "reason", "cancel_reason"]


def test_the_trail_loses_nothing_and_says_what_went(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    before = [(entry.id, entry.what, entry.mail_id, entry.invite_id) for entry in world.trail()]
    pass_until(world, visit, KEEP_CONTACTS, seconds=1)
    world.tick()

    after = [(entry.id, entry.what, entry.mail_id, entry.invite_id) for entry in world.trail()]
    assert after[: len(before)] == before
    assert [what for _id, what, _mail, _invite in after[len(before) :]] == [
        AuditEvent.PATIENT_REMOVED,
        AuditEvent.NOTES_REMOVED,
        AuditEvent.CONTACTS_REMOVED,
    ]
    assert all(entry.actor_user_id is None and NAME not in repr(entry.fields) for entry in world.trail()[len(before) :])


def test_names_addresses_and_openings_are_removed_after_two_years_and_the_answers_stay(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    kept = {(mail.id, mail.kind, mail.state, mail.message_id) for mail in world.outbox()}
    pass_until(world, visit, KEEP_CONTACTS)
    world.tick()
    assert [invite.responder for invite in world.invites_of(visit)] == ["R. Medina", "S. Okoro"]
    assert len(rows(world, InviteOpening)) == 2

    world.pass_time(milliseconds=1)
    world.tick()

    invites = world.invites_of(visit)
    assert [(invite.responder, invite.answer) for invite in invites] == [("", "accepted"), ("", "declined")]
    assert rows(world, InviteOpening) == []
    assert {address.email for address in rows(world, InviteAddress)} == {
        f"removed:{address.id}" for address in rows(world, InviteAddress)
    }
    assert {(mail.id, mail.kind, mail.state, mail.message_id) for mail in world.outbox()} == kept
    assert {(mail.recipient, mail.last_error) for mail in world.outbox()} == {("", "")}
    of_requests = snapshot(world, without=("user_account", "clinic", "company_address"))
    assert "@" not in repr(of_requests)


def test_what_an_administrator_sees_of_it_still_reads_well(world: World) -> None:
    visit = accepted(world)
    pass_until(world, visit, KEEP_CONTACTS, seconds=1)
    world.tick()
    with world.jobs.app_context():
        details = visit_details(world.clinic.scope(Role.ADMIN), visit, now=world.now)
    assert details is not None

    lines = [line.sentence for line in (*details.history.newest, *details.history.earlier, *details.history.mails)]
    assert "Clearsign accepted (name removed since)" in lines
    assert "Confirmation to an address removed since was taken by the mail server" in lines
    assert (
        "Interpreter Dispatch removed the patient's name, the patient's contact and reason, kept as long as the "
        "settings say" in lines
    )
    assert details.card.badge.line == "ASL · Clearsign"
    assert [address.email for company in details.request.companies for address in company.addresses] == ["", ""]  # type: ignore[union-attr]


def test_a_removed_patient_is_not_found_any_more_and_the_visit_is(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(patient_name="Zoë Quill")
    other = world.book(patient_name="Zoë Quill", day=date(2026, 12, 24))
    admin = world.clinic.scope(Role.ADMIN)
    pass_until(world, visit, KEEP_PATIENTS, seconds=1)
    world.tick()

    with world.jobs.app_context():
        by_name = search_visits(admin, VisitSearch(patient="zoe quill"), 1, now=world.now)
        by_number = search_visits(admin, VisitSearch(number=10001), 1, now=world.now)
    assert [card.id for card in by_name.visits] == [other]
    assert [(card.id, card.patient_name) for card in by_number.visits] == [(visit, "")]


def test_a_series_that_goes_on_keeps_what_its_coming_visits_need(world_on_either: World) -> None:
    world = world_on_either
    visits = book_series(world, ask=["Clearsign"], notes=NOTES)
    world.tick()
    world.accept(visits[0], "Clearsign")
    world.tick()
    pass_until(world, visits[2], KEEP_PATIENTS, seconds=1)
    world.tick()

    assert [bool(visit.patient_name) for visit in family(world, visits[0])] == [False] * 3 + [True] * 3
    assert world.request_of(visits[0]).notes == NOTES

    pass_until(world, visits[-1], KEEP_PATIENTS, seconds=1)
    world.tick()
    assert world.request_of(visits[0]).notes == ""


def test_mail_that_still_waits_keeps_what_it_needs(world: World) -> None:
    visit = world.book(ask=["Clearsign"], notes=NOTES)
    world.tick()
    world.post.close()
    world.accept(visit, "Clearsign")
    pass_until(world, visit, KEEP_CONTACTS, seconds=1)
    with world.jobs.app_context():
        assert remove_old_notes(world.clinic.id, limit=9, now=world.now) == 0
        assert remove_old_contacts(world.clinic.id, limit=9, now=world.now) == 0
    assert world.request_of(visit).notes == NOTES
    world.post.open()
    for _ in range(3):
        world.tick()
        world.pass_time(minutes=2)

    assert not [mail for mail in world.outbox() if mail.state is MailState.QUEUED]
    assert world.request_of(visit).notes == ""
    assert world.request_of(visit).contacts_removed_at is not None


def test_a_request_that_no_job_has_closed_yet_keeps_what_its_closing_tells(world: World) -> None:
    visit = world.book(ask=["Clearsign"], notes=NOTES)
    world.tick()
    pass_until(world, visit, KEEP_CONTACTS, seconds=1)
    with world.jobs.app_context():
        assert remove_old_notes(world.clinic.id, limit=9, now=world.now) == 0
        assert remove_old_contacts(world.clinic.id, limit=9, now=world.now) == 0
        expire_request(world.request_of(visit).id, now=world.now)
    for _ in range(2):
        world.tick()

    assert (world.request_of(visit).notes, world.badge(visit)) == ("", "Not Accepted")
    assert len(world.mails(to="scheduler@demo.example")) == 1


def test_an_old_link_brings_nothing_back(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.decline(visit, "Northlight")
    links = [world.link(visit, company) for company in ("Clearsign", "Northlight")]
    pass_until(world, visit, KEEP_CONTACTS, seconds=1)
    world.tick()  # closes the request, of which the clinic is told first
    world.tick()

    with world.jobs.app_context():
        assert not give_decline_reason(links[1], reason="Jonah again", now=world.now)
        for link in links:
            note_opening(link, now=world.now)
    assert rows(world, InviteOpening) == []
    assert [invite.decline_reason for invite in rows(world, Invite)] == ["", ""]


def test_each_clinic_is_asked_how_long(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.change(Clinic, harbor.id, keep_patients_days=30)
    ours, theirs = world.book(), world.book(clinic=harbor)
    pass_until(world, ours, timedelta(days=30), seconds=1)
    world.tick()

    assert visit_of(world, ours).patient_name == NAME
    assert visit_of(world, theirs).patient_name == ""


def test_a_second_run_and_one_after_years_of_none_change_nothing_more(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    pass_until(world, visit, KEEP_CONTACTS * 3)
    world.tick()
    after = snapshot(world, without=("job_run",))

    world.tick()
    world.pass_time(days=40)
    world.tick()

    assert snapshot(world, without=("job_run",)) == after


def test_what_is_left_of_a_large_heap_goes_in_the_next_cycle(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_either
    monkeypatch.setattr("shared.jobs.REMOVAL_SHARE", 2)
    monkeypatch.setattr("shared.jobs.REMOVAL_SHARES", 2)
    visits = [world.book() for _ in range(7)]
    pass_until(world, visits[0], KEEP_PATIENTS, seconds=1)
    left = []
    for _ in range(3):
        world.tick()
        left.append(sum(bool(visit_of(world, visit).patient_name) for visit in visits))

    assert left == [3, 0, 0]


def test_two_at_once_remove_each_visit_once(world_on_either: World) -> None:
    world = world_on_either
    visits = [world.book() for _ in range(30)]
    pass_until(world, visits[0], KEEP_PATIENTS, seconds=1)

    def remove() -> int:
        return sum(remove_old_patients(world.clinic.id, limit=5, now=world.now) for _ in range(6))

    with racers(world, 2) as race:
        race.race([remove, remove])
    with world.jobs.app_context():
        remove_old_patients(world.clinic.id, limit=100, now=world.now)

    lines = [entry.visit_id for entry in world.trail() if entry.what == AuditEvent.PATIENT_REMOVED]
    assert sorted(lines, key=str) == sorted(visits, key=str)


def test_ended_logins_and_dead_links_go_after_90_days_and_live_ones_stay(world_on_either: World) -> None:
    world = world_on_either

    def enter() -> None:
        with world.jobs.app_context():
            assert log_in(
                email="admin@demo.example", password=PASSWORD, admission=ADMITTED, replaces=None, now=world.now
            )
            ask_password_reset("staff@demo.example", now=world.now)

    enter()
    world.tick()
    world.pass_time(days=90, hours=12)
    enter()
    world.tick()
    assert (len(rows(world, UserSession)), len(rows(world, PasswordLink))) == (2, 1)

    world.pass_time(seconds=1)
    world.tick()

    assert [login.created_at for login in rows(world, UserSession)] == [world.now - timedelta(seconds=1)]
    old, new = world.outbox(MailKind.PASSWORD_RESET)
    assert (old.recipient, old.password_link_id, old.dedupe_key) == ("", None, f"removed:{old.id}")
    assert (new.recipient, new.state) == ("staff@demo.example", MailState.SENT)
    assert rows(world, PasswordLink)[0].id == new.password_link_id


@pytest.mark.parametrize("step", [timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_is_wrong_by_a_year_is_the_operators_to_mend(world: World, step: timedelta) -> None:
    """Forward it removes too early, since time is all it knows; backward it removes nothing."""
    visit = world.book()
    world.now += step
    world.tick()

    assert bool(visit_of(world, visit).patient_name) is (step < timedelta())


def test_nothing_of_a_removed_patient_is_left_in_the_database_file(world: World) -> None:
    marker = "Zyxwhistle"
    visit = world.book(patient_name=marker, patient_contact="zyxwhistle@patients.example", reason=f"{marker} asked")
    for number in range(40):  # neighbours on the same pages
        world.book(patient_name=f"Neighbour {number}")
    world.change(Visit, visit, ends_at=world.now - KEEP_PATIENTS - timedelta(days=1))
    folder = world.settings.database_url.removeprefix("sqlite:///").rpartition("/")[0]
    assert marker.encode() in bytes_in(folder)
    world.tick()

    assert marker.encode() not in bytes_in(folder)
    assert marker.lower().encode() not in bytes_in(folder)
    assert b"Neighbour 7" in bytes_in(folder)
