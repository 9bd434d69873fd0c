"""One patient's data: found by name and contact, shown whole, erased as the preview said, and refused otherwise."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta

import pytest

from shared.actions import ConfirmOutcome, accept_invite, erase_patient, give_decline_reason, note_patient_export
from shared.audit import AuditEvent
from shared.db import reading
from shared.erasure import ErasurePlan
from shared.errors import DomainError
from shared.models import Confirmation, Request, Visit
from shared.queries import (
    MOST_VISITS,
    FoundPatients,
    VisitSearch,
    erasure_plan,
    find_patients,
    held_data,
    search_visits,
)
from shared.rules import Scope
from shared.states import MailKind, Role
from tests.actions.changing import ask_again, book_series, cancel, edit, family
from tests.actions.desk import snapshot
from tests.world import START, World

NAME, CONTACT, REASON = "Jonah Pike", "+1 555 0199", "New patient"
NOTES = "He is hard of hearing."


def admin(world: World) -> Scope:
    return world.clinic.scope(Role.ADMIN)


def find(world: World, name: str = "", contact: str = "") -> FoundPatients:
    with world.jobs.app_context():
        return find_patients(admin(world), name, contact, now=world.now)


def plan_of(world: World, visits: Sequence[int]) -> ErasurePlan:
    with world.jobs.app_context():
        return erasure_plan(admin(world), visits, now=world.now)


def erase(world: World, visits: Sequence[int], promised: str = "") -> ErasurePlan | None:
    """Erase what a preview showed a moment ago, unless another one is named."""
    promised = promised or plan_of(world, visits).digest()
    with world.jobs.app_context():
        return erase_patient(admin(world), visits, promised=promised, now=world.now)


def visit_of(world: World, visit: int) -> Visit:
    with world.jobs.app_context(), reading() as session:
        return session.get_one(Visit, visit)


def request_with(world: World, request_id: int) -> Request:
    with world.jobs.app_context(), reading() as session:
        return session.get_one(Request, request_id)


def held(world: World) -> int:
    """A visit that was asked twice and held; gives its id. Its first request was declined with a reason."""
    visit = world.book(ask=["Clearsign", "Northlight"], notes=NOTES)
    world.tick()
    world.decline(visit, "Northlight")
    with world.jobs.app_context():
        give_decline_reason(world.link(visit, "Northlight"), reason="Jonah knows our man", now=world.now)
    ask_again(world, visit, ask=["Clearsign"], notes="Jonah lip-reads.")
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    world.pass_time(days=3)
    world.tick()
    return visit


@pytest.mark.parametrize(
    ("name", "contact", "found"),
    [
        ("zoe", "", {"Zoë García-López"}),
        ("LOPEZ garcia", "", {"Zoë García-López"}),
        ("ruth", "", {"Ruth Abara"}),
        ("", "555 01", {"Zoë García-López"}),
        ("", "1 (555) 0123", {"Zoë García-López"}),
        ("", "RUTH@patients", {"Ruth Abara"}),
        ("zoe", "ruth@patients.example", set()),
        ("", "%@%", set()),
        ("", "@", {"Ruth Abara"}),
        ("removed", "", set()),
    ],
)
def test_visits_are_found_by_name_and_by_contact_however_it_is_written(
    world_on_either: World, name: str, contact: str, found: set[str]
) -> None:
    world = world_on_either
    world.book(patient_name="Zoë García-López", patient_contact="+1 555-0123")
    world.book(patient_name="Ruth Abara", patient_contact="ruth@patients.example")
    world.book(patient_name="Nobody Else", patient_contact="")

    assert {patient.name for patient in find(world, name, contact).patients} == found


def test_past_cancelled_and_coming_visits_stand_under_one_person(world_on_either: World) -> None:
    world = world_on_either
    past, cancelled = world.book(), world.book(day=date(2026, 12, 1))
    coming, other = world.book(day=date(2026, 12, 2)), world.book(patient_contact="jonah@patients.example")
    cancel(world, cancelled)
    world.pass_time(days=3)

    found = find(world, NAME)
    assert [(patient.contact, [visit.id for visit in patient.visits]) for patient in found.patients] == [
        (CONTACT, [past, cancelled, coming]),
        ("jonah@patients.example", [other]),
    ]
    assert [(visit.status, visit.is_to_come) for visit in found.patients[0].visits] == [
        ("scheduled", False),
        ("cancelled", False),
        ("scheduled", True),
    ]


def test_another_clinics_patients_are_neither_found_nor_shown_nor_erased(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = world.book(clinic=harbor, ask=["Clearsign"], notes=NOTES)
    world.pass_time(days=3)
    before = snapshot(world)

    assert find(world, NAME, CONTACT).patients == ()
    with world.jobs.app_context():
        shown = held_data(admin(world), [theirs])
        note_patient_export(admin(world), [theirs], now=world.now)
    assert (shown.visits, shown.requests, shown.trail) == ((), (), ())
    assert plan_of(world, [theirs]).is_empty
    assert erase(world, [theirs]) is None
    assert snapshot(world) == before


def test_a_search_that_finds_too_many_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.queries.patients.MOST_VISITS", 2)
    assert MOST_VISITS > 52  # a year of weekly visits fits
    visits = [world.book() for _ in range(3)]

    found = find(world, NAME)
    assert (found.has_more, list(found.visit_ids)) == (True, visits[:2])


def test_everything_that_is_held_is_in_the_copy(world_on_either: World) -> None:
    world = world_on_either
    visit = held(world)
    with world.jobs.app_context():
        copy = held_data(admin(world), [visit])

    text = repr(asdict(copy))
    for word in (
        NAME, CONTACT, REASON, NOTES, "Jonah lip-reads.", "Jonah knows our man", "A-10001", "T. Boyle", "Northlight",
        "dispatch@clearsign.example", "Provider of Riverside Clinic", "Scheduler of Riverside Clinic", "withdrawn",
    ):  # fmt: skip
        assert word in text, word
    assert [request.state for request in copy.requests] == ["withdrawn", "accepted"]
    assert [len(request.offered) for request in copy.requests] == [1, 1]
    assert {line.event for line in copy.trail} >= {"visit_created", "request_made", "invite_declined", "mail_sent"}


def test_a_copy_holds_nothing_of_a_neighbour_in_the_same_series(world: World) -> None:
    visits = book_series(world, ask=["Clearsign"])
    edit(world, visits[1], patient_name="Somebody Else")
    with world.jobs.app_context():
        copy = held_data(admin(world), visits[:1])

    assert [visit.id for visit in copy.visits] == visits[:1]
    assert {offer.visit_id for request in copy.requests for offer in request.offered} == {visits[0]}
    assert "Somebody Else" not in repr(asdict(copy))


def test_the_copy_of_every_column_that_is_about_a_patient_is_complete(world: World) -> None:
    """A new column of these tables has to be put into the copy, or named here with why it is not."""
    left_out = {
        Visit: {
            "clinic_id", "appointment_id", "request_id", "provider_id", "created_by_id", "recurrence_id",  # ids
            "version", "patient_search", "occurs_on",  # worked out from what is in it
        },
        Request: {
            "clinic_id", "appointment_id", "created_by_id", "picks",  # ids
            "language_tag", "language_short_name", "notes_removed_at", "contacts_removed_at",
        },
    }  # fmt: skip
    visit = held(world)
    with world.jobs.app_context():
        copy = held_data(admin(world), [visit])

    names = {"language_name": "language"}
    for table, parts in ((Visit, copy.visits), (Request, copy.requests)):
        columns = {column.name for column in table.__table__.columns} - left_out[table]
        assert {names.get(name, name) for name in columns} <= asdict(parts[0]).keys(), table


def test_an_erasure_leaves_nothing_that_names_the_patient(world_on_either: World) -> None:
    world = world_on_either
    visit = held(world)
    cancelled = world.book(day=date(2026, 12, 1))
    cancel(world, cancelled, why="Jonah is ill")
    trail = len(world.trail())
    words = (NAME, "jonah", CONTACT, REASON, NOTES, "lip-reads", "knows our man", "is ill")
    assert all(word.lower() in repr(snapshot(world)).lower() for word in words)

    done = erase(world, [visit, cancelled])

    assert done is not None
    everything = repr(snapshot(world)).lower()
    assert not [word for word in words if word.lower() in everything]
    for erased in (visit, cancelled):
        assert visit_of(world, erased).patient_removed_at == world.now
    lines = world.trail()[trail:]
    assert {line.actor_user_id for line in lines} == {world.clinic.users["admin"]}
    assert [(line.what, line.visit_id, line.fields) for line in lines if line.visit_id] == [
        (AuditEvent.PATIENT_ERASED, visit, ["patient_name", "patient_contact", "reason"]),
        (AuditEvent.PATIENT_ERASED, cancelled, ["patient_name", "patient_contact", "reason", "cancel_reason"]),
    ]
    assert [line.fields for line in lines if line.request_id] == [["notes", "decline_reason"], ["notes"]]
    with world.jobs.app_context():
        assert search_visits(admin(world), VisitSearch(patient="jonah"), 1, now=world.now).visits == ()
        assert len(search_visits(admin(world), VisitSearch(number=10001), 1, now=world.now).visits) == 1
    assert find(world, NAME, CONTACT).patients == ()


def test_a_visit_to_come_keeps_its_patient_until_it_is_cancelled(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"], notes=NOTES)
    world.tick()

    plan = plan_of(world, [visit])
    assert (plan.is_empty, [v.is_to_come for v in plan.visits]) == (True, [True])
    assert erase(world, [visit]) is None
    assert visit_of(world, visit).patient_name == NAME

    cancel(world, visit)
    assert erase(world, [visit]) is not None
    assert visit_of(world, visit).patient_name == ""
    assert NOTES not in repr(snapshot(world))


def test_a_visit_that_is_being_held_is_still_to_come(world: World) -> None:
    visit = world.book()
    row = visit_of(world, visit)
    world.now = row.ends_at - timedelta(milliseconds=1)
    assert plan_of(world, [visit]).is_empty

    world.now = row.ends_at
    assert not plan_of(world, [visit]).is_empty


def test_notes_stay_while_a_visit_to_come_needs_what_companies_were_told(world_on_either: World) -> None:
    world = world_on_either
    visits = book_series(world, ask=["Clearsign"], notes=NOTES)
    world.tick()
    world.accept(visits[0], "Clearsign")
    world.now = visit_of(world, visits[1]).ends_at

    plan = plan_of(world, visits[:2])
    assert [(request.has_notes, request.is_needed) for request in plan.requests] == [(True, True)]
    assert erase(world, visits[:2]) is not None
    assert [bool(visit.patient_name) for visit in family(world, visits[0])] == [False] * 2 + [True] * 4
    assert world.request_of(visits[0]).notes == NOTES

    world.now = visit_of(world, visits[-1]).ends_at
    assert erase(world, visits) is not None
    assert world.request_of(visits[0]).notes == ""


def test_what_was_not_previewed_is_not_erased(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(day=date(2026, 12, 1))
    cancelled = world.book(day=date(2026, 12, 2))
    cancel(world, cancelled)
    promised = plan_of(world, [visit, cancelled]).digest()
    cancel(world, visit, why="Ill")  # it would be erased by now, and was shown as to come
    before = snapshot(world)

    assert erase(world, [visit, cancelled], promised) is None
    assert erase(world, [cancelled], promised) is None
    assert snapshot(world) == before


def test_a_second_press_finds_nothing_left(world: World) -> None:
    visit = held(world)
    promised = plan_of(world, [visit]).digest()
    assert erase(world, [visit], promised) is not None
    before = snapshot(world)

    assert erase(world, [visit], promised) is None
    assert erase(world, [visit]) is None
    assert snapshot(world) == before


def test_a_preview_that_made_an_erased_visit_makes_no_second_one(world: World) -> None:
    draft = world.draft(day=date(2026, 12, 1))
    first = world.confirm(draft, key="the-key")
    assert first.visit_id is not None
    cancel(world, first.visit_id)
    erase(world, [first.visit_id])

    again = world.confirm(draft, key="the-key")

    assert again.outcome is not ConfirmOutcome.CREATED
    assert len(snapshot(world)["visit"]) == 1
    with world.jobs.app_context(), reading() as session:
        assert {row.digest for row in session.query(Confirmation)} == {""}


def test_mail_that_waits_leaves_all_the_same(world: World) -> None:
    visit = world.book(ask=["Clearsign"], notes=NOTES)
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    cancel(world, visit)
    erase(world, [visit])
    world.tick()

    assert [mail.kind for mail in world.outbox() if mail.recipient.endswith("clearsign.example")][-1] == (
        MailKind.CANCELLATION
    )
    assert "Cancelled" in world.subjects(to="Clearsign")[-1]


def test_old_links_still_show_what_they_showed(world: World) -> None:
    visit = held(world)
    link = world.link(visit, "Clearsign")
    erase(world, [visit])
    with world.jobs.app_context():
        accept_invite(link, responder="T. Boyle", now=world.now)
    assert world.badge(visit) == "Accepted"


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.SCHEDULER, Role.STAFF])
def test_nobody_but_an_administrator_takes_or_erases(world: World, role: Role) -> None:
    visit = held(world)
    promised, scope = plan_of(world, [visit]).digest(), world.clinic.scope(role)
    before = snapshot(world)
    with world.jobs.app_context():
        with pytest.raises(DomainError):
            erase_patient(scope, [visit], promised=promised, now=world.now)
        with pytest.raises(DomainError):
            note_patient_export(scope, [visit], now=world.now)
    assert snapshot(world) == before


def test_a_copy_that_was_taken_is_a_line_of_each_visit(world: World) -> None:
    visits = [world.book(), world.book()]
    with world.jobs.app_context():
        note_patient_export(admin(world), visits, now=START)

    lines = [line for line in world.trail() if line.what == AuditEvent.PATIENT_EXPORTED]
    assert [(line.visit_id, line.actor_user_id, line.fields) for line in lines] == [
        (visit, world.clinic.users["admin"], []) for visit in visits
    ]
