"""A provider leaves, or becomes something else: who takes over the visits to come, and what their companies hear."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actions import (
    ConfirmOutcome,
    ConfirmResult,
    Preview,
    SaveOutcome,
    SaveResult,
    _reassignment,
    confirm_visit,
    deactivate_user,
)
from shared.actions._changing import carry_out
from shared.audit import Actor
from shared.changes import ChangePlan
from shared.db import reading
from shared.errors import DomainError
from shared.models import Company, Request, RequestVisit, Visit
from shared.queries import left_unasked
from shared.repeat import Repeat
from shared.states import Frequency, MailKind, RequestState, Role
from tests.actions.desk import snapshot
from tests.actions.people import admin, change, deactivate, user_of
from tests.faults.racing import racers
from tests.world import World


@pytest.mark.parametrize("way", ["deactivate", "change the role"])
def test_a_provider_with_visits_to_come_stays_until_somebody_takes_them_over(world_on_either: World, way: str) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    provider, visit = world.clinic.users["provider"], world.book(ask=["Clearsign"])
    gone = world.add_user(Role.PROVIDER, "Gone", active=False)
    before = snapshot(world)

    def leave(to: int | None) -> SaveResult:
        if way == "deactivate":
            return deactivate(world, provider, to=to)
        return change(world, provider, to=to, role=Role.STAFF, name="Other")

    assert "Choose who takes them over" in leave(None).errors["takes_over"]
    for wrong in (0, 2**62, provider, gone, world.clinic.users["staff"], harbor.users["provider"]):
        assert leave(wrong).errors == {"takes_over": "Choose another active provider from the list."}
    assert snapshot(world) == before

    world.change(Visit, visit, status="cancelled")
    assert leave(None).outcome is SaveOutcome.SAVED


@pytest.mark.parametrize("way", ["deactivate", "change the role"])
def test_a_successor_takes_over_every_visit_and_the_companies_are_asked_anew(world_on_either: World, way: str) -> None:
    world = world_on_either
    provider, successor = world.clinic.users["provider"], world.add_user(Role.PROVIDER, "Dr. Second")
    won, pending, unasked = world.book(ask=["Clearsign"]), world.book(ask=["Northlight"]), world.book()
    elsewhere = world.book(ask=["Lumen"], provider_id=successor)
    world.accept(won, "Clearsign")
    world.tick()
    before = {visit: world.request_of(visit).id for visit in (won, pending, elsewhere)}

    if way == "deactivate":
        result = deactivate(world, provider, to=successor)
    else:
        result = change(world, provider, to=successor, role=Role.STAFF)
    world.tick()

    assert result.outcome is SaveOutcome.SAVED
    leaver = user_of(world, provider)
    assert (leaver.active, leaver.role) in {(False, Role.PROVIDER), (True, Role.STAFF)}
    with world.jobs.app_context(), reading() as session:
        visits = {visit.id: visit for visit in session.scalars(select(Visit))}
        requests = {request.id: request.state for request in session.scalars(select(Request))}
        names = {row.request_id: row.provider_name for row in session.scalars(select(RequestVisit))}
    assert {visit.provider_id for visit in visits.values()} == {successor}
    assert [requests[before[visit]] for visit in (won, pending, elsewhere)] == [
        RequestState.WITHDRAWN, RequestState.WITHDRAWN, RequestState.PENDING,
    ]  # fmt: skip
    assert world.request_of(elsewhere).id == before[elsewhere]
    assert visits[unasked].request_id is None
    for visit in (won, pending):
        asked = world.request_of(visit)
        assert (asked.state, names[asked.id]) == (RequestState.PENDING, "Dr. Second")
    assert [mail.recipient for mail in world.outbox(MailKind.CANCELLATION)] == ["dispatch@clearsign.example"]
    changed = [entry for entry in world.trail() if entry.what == "visit_changed"]
    assert {(entry.visit_id, entry.actor_user_id) for entry in changed} == {
        (visit, world.clinic.users["admin"]) for visit in (won, pending, unasked)
    }
    assert {tuple(entry.fields) for entry in changed} == {("provider",)}


def test_a_visit_whose_company_was_suspended_is_handed_over_and_counted_as_asked_of_nobody(
    world_on_either: World,
) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    provider, successor = world.clinic.users["provider"], world.add_user(Role.PROVIDER, "Dr. Second")
    asked, unasked, never = world.book(ask=["Clearsign"]), world.book(ask=["Northlight"]), world.book()
    world.change(Company, world.clinic.companies["Northlight"], accredited=False)

    assert deactivate(world, provider, to=successor).outcome is SaveOutcome.SAVED
    world.pass_time(minutes=1)

    with world.jobs.app_context():
        assert [card.id for card in left_unasked(admin(world), provider, now=world.now)] == [unasked]
        assert left_unasked(admin(world), successor, now=world.now) == ()
        assert left_unasked(harbor.scope(Role.ADMIN), provider, now=world.now) == ()

    with world.jobs.app_context(), reading() as session:
        rows = {visit.id: (visit.provider_id, visit.request_id is None) for visit in session.scalars(select(Visit))}
    assert rows == {asked: (successor, False), unasked: (successor, True), never: (successor, True)}


def test_a_handing_over_that_fails_half_way_leaves_nothing_behind(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_either
    provider, successor = world.clinic.users["provider"], world.add_user(Role.PROVIDER, "Dr. Second")
    world.book(ask=["Clearsign"])
    last = world.book(ask=["Northlight"])
    before = snapshot(world)

    def refused(session: Session, plan: ChangePlan, *, by: Actor, now: datetime) -> None:
        if plan.wish.visit_id == last:
            raise DomainError("Not this one.")
        carry_out(session, plan, by=by, now=now)

    monkeypatch.setattr(_reassignment, "carry_out", refused)
    with pytest.raises(DomainError, match="Not this one"):
        deactivate(world, provider, to=successor)

    assert snapshot(world) == before


def test_a_visit_booked_while_its_provider_is_deactivated_is_refused_or_shown_before_it_is_handed_over(
    world_on_either: World,
) -> None:
    world = world_on_either
    provider, successor = world.clinic.users["provider"], world.add_user(Role.PROVIDER, "Dr. Second")
    scope, draft = world.clinic.scope(), world.draft()
    preview = Preview("a key", draft.digest(), ())

    deeds: list[Callable[[], ConfirmResult | SaveResult]] = [
        partial(confirm_visit, scope, draft, preview, now=world.now),
        partial(deactivate_user, admin(world), provider, takes_over_id=successor, promised="none", now=world.now),
    ]
    with racers(world, 2) as group:
        booked, left = group.race(deeds)

    assert left.outcome in {SaveOutcome.SAVED, SaveOutcome.PREVIEW}
    with world.jobs.app_context(), reading() as session:
        holders = set(session.scalars(select(Visit.provider_id)))
    assert holders == (set() if booked.outcome is ConfirmOutcome.INVALID else {provider})
    assert user_of(world, provider).active == bool(holders)


def test_a_visit_that_has_begun_keeps_nobody(world: World) -> None:
    world.book()
    world.now += timedelta(hours=21, minutes=30)  # its start

    assert deactivate(world, world.clinic.users["provider"]).outcome is SaveOutcome.SAVED


def test_of_a_series_the_visits_that_are_over_stay_with_whoever_held_them(world_on_either: World) -> None:
    world = world_on_either
    provider, successor = world.clinic.users["provider"], world.add_user(Role.PROVIDER, "Dr. Second")
    world.book(ask=["Clearsign"], repeat=Repeat(Frequency.DAILY, count=4))
    world.accept(1, "Clearsign")
    world.tick()
    world.pass_time(days=2)  # two are over

    deactivate(world, provider, to=successor)
    world.tick()

    with world.jobs.app_context(), reading() as session:
        visits = list(session.scalars(select(Visit).order_by(Visit.starts_at)))
    assert [visit.provider_id for visit in visits] == [provider, provider, successor, successor]
    assert len({visit.appointment_id for visit in visits}) == 1
    assert visits[2].request_id == visits[3].request_id != visits[0].request_id
    assert world.request_of(visits[2].id).state is RequestState.PENDING
    assert world.open_mail(to="Clearsign").text.count("Dr. Second") >= 1
