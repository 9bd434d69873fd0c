"""Hunt groups as an administrator changes them: the order is kept, and what was asked before is not touched."""

from dataclasses import replace
from functools import partial

import pytest

from shared.actions import SaveOutcome, SaveResult, add_group, change_group, remove_group
from shared.errors import DomainError, NotFoundError
from shared.queries import GroupPage, group_list, group_page
from shared.records import GroupRecord
from shared.rules import Scope
from shared.states import RequestState, Role
from tests.actions.changing import asked, book_series, cancel
from tests.actions.desk import snapshot, state_of
from tests.actions.groups import new_group, set_members
from tests.faults.racing import racers
from tests.world import World

GROUP = "ASL daytime"


def admin(world: World) -> Scope:
    return world.clinic.scope(Role.ADMIN)


def shown(world: World) -> GroupPage:
    found = group_page(admin(world), world.clinic.groups[GROUP])
    assert found is not None
    return found


def ids(world: World, *names: str) -> tuple[int, ...]:
    return tuple(world.clinic.companies[name] for name in names)


def save(world: World, *names: str, stamp: str = "", name: str = GROUP) -> SaveResult:
    """An administrator opens the group, puts these companies in it, in this order, and saves."""
    with world.jobs.app_context():
        page = shown(world)
        wanted = GroupRecord(name, ids(world, *names))
        return change_group(admin(world), page.id, wanted, stamp=stamp or page.stamp, now=world.now)


def trail(world: World) -> list[tuple[str, list[str], int | None]]:
    return [(entry.what, entry.fields, entry.about_id) for entry in world.trail() if entry.about_kind == "hunt_group"]


def test_the_order_of_a_group_is_kept_and_is_that_of_the_invites(world_on_either: World) -> None:
    world = world_on_either

    assert save(world, "Lumen", "Bridgeway", "Clearsign").outcome is SaveOutcome.SAVED

    with world.jobs.app_context():
        assert shown(world).record.companies == ids(world, "Lumen", "Bridgeway", "Clearsign")
        [row] = group_list(admin(world))
    assert [member.name for member in row.members] == ["Lumen", "Bridgeway", "Clearsign"]
    visit = world.book(ask=[GROUP])
    assert tuple(invite.company_id for invite in world.invites_of(visit)) == ids(
        world, "Lumen", "Bridgeway", "Clearsign"
    )
    assert trail(world) == [("hunt_group_changed", [GROUP, "companies"], world.clinic.groups[GROUP])]


def test_a_groups_change_withdraws_nothing(world: World) -> None:
    visit = world.book(ask=[GROUP])

    save(world, "Lumen", name="Other name")

    assert state_of(world, visit) is RequestState.PENDING
    assert len(world.invites_of(visit)) == 3
    assert trail(world)[0][1] == ["Other name", "name", "companies"]


def test_a_new_group_has_no_company_and_nobody_can_choose_it_yet(world_on_either: World) -> None:
    world = world_on_either
    with world.jobs.app_context():
        made = add_group(admin(world), name="ASL nights", language_tag="ase", now=world.now)
    world.clinic.groups["ASL nights"] = made.id

    plan = world.confirm(world.draft(ask=["ASL nights"])).plan

    assert plan is not None
    assert plan.errors["interpreter"] == "ASL nights: No company of this group can be asked now."
    assert trail(world) == [("hunt_group_added", ["ASL nights"], made.id)]


def test_a_button_pressed_twice_adds_one_group_and_the_same_form_later_is_refused(world_on_either: World) -> None:
    world = world_on_either
    add = partial(add_group, admin(world), name="ASL nights", language_tag="ase")
    with racers(world, 2) as group:
        first, second = group.race([partial(add, now=world.now)] * 2)

    assert first == second
    assert first.outcome is SaveOutcome.SAVED
    assert trail(world) == [("hunt_group_added", ["ASL nights"], first.id)]
    taken = "Another hunt group has this name."
    with world.jobs.app_context():
        assert taken in add(now=world.now, language_tag="es").errors["name"]
        other = Scope(world.clinic.id, world.add_user(Role.ADMIN, "Second"), Role.ADMIN)
        assert taken in add_group(other, name="ASL nights", language_tag="ase", now=world.now).errors["name"]
        world.pass_time(minutes=1)
        assert taken in add(now=world.now).errors["name"]


def test_a_group_that_has_companies_already_is_not_taken_for_a_button_pressed_twice(world: World) -> None:
    set_members(world, new_group(world, "ASL nights"), "Lumen")

    with world.jobs.app_context():
        assert add_group(admin(world), name="ASL nights", language_tag="ase", now=world.now).errors


@pytest.mark.parametrize("ends", ["emptied", "deleted"])
def test_a_group_gone_while_somebody_has_the_visit_form_open_is_said_and_nothing_is_made(
    world: World, ends: str
) -> None:
    if ends == "emptied":
        save(world)
        says = "ASL daytime: No company of this group can be asked now."
    else:
        with world.jobs.app_context():
            remove_group(admin(world), world.clinic.groups[GROUP], now=world.now)
        says = "One of the interpreters chosen is not on the list any more. Choose again."

    result = world.confirm(world.draft(ask=[GROUP]))

    assert result.visit_id is None
    assert result.plan is not None
    assert result.plan.errors["interpreter"] == says
    assert world.outbox() == []


def test_a_deleted_group_leaves_its_companies_and_what_was_asked_through_it(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=[GROUP])
    with world.jobs.app_context():
        remove_group(admin(world), world.clinic.groups[GROUP], now=world.now)
        assert group_list(admin(world)) == ()

    world.accept(visit, "Northlight")

    assert state_of(world, visit) is RequestState.ACCEPTED
    assert trail(world) == [("hunt_group_removed", [GROUP], world.clinic.groups[GROUP])]


def test_only_companies_of_the_clinic_that_interpret_the_language_can_be_in_a_group(world_on_either: World) -> None:
    world = world_on_either
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.add_company("Habla", languages=("es",))
    before = snapshot(world)

    for stranger in (harbor.companies["Lumen"], world.clinic.companies["Habla"], 0, 10**15):
        with world.jobs.app_context():
            page = shown(world)
            wanted = replace(page.record, companies=(*page.record.companies, stranger))
            result = change_group(admin(world), page.id, wanted, stamp=page.stamp, now=world.now)
        assert (result.outcome, set(result.errors)) == (SaveOutcome.INVALID, {"companies"})

    assert snapshot(world) == before


@pytest.mark.parametrize(
    ("name", "tag", "fields"),
    [
        ("asl DAYTIME", "ase", {"name"}),
        ("Other", "fr", {"language"}),
        ("Other", "ase\0", {"language"}),
        ("ASL daytime", "", {"name", "language"}),
    ],
)
def test_what_stands_against_a_new_group_is_said(world: World, name: str, tag: str, fields: set[str]) -> None:
    before = snapshot(world)
    with world.jobs.app_context():
        result = add_group(admin(world), name=name, language_tag=tag, now=world.now)

    assert (result.outcome, set(result.errors)) == (SaveOutcome.INVALID, fields)
    assert snapshot(world) == before


def test_the_second_of_two_administrators_changes_nothing(world_on_either: World) -> None:
    world = world_on_either
    with world.jobs.app_context():
        opened = shown(world).stamp
    save(world, "Lumen")
    before = snapshot(world)

    assert save(world, "Clearsign", stamp=opened).outcome is SaveOutcome.CONFLICT
    assert snapshot(world) == before
    assert save(world, "Lumen", stamp=opened).outcome is SaveOutcome.SAVED  # both want the same
    assert snapshot(world) == before


def test_nobody_reaches_another_clinics_group_nor_gets_in_without_the_role(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = harbor.groups[GROUP]
    before = snapshot(world)
    with world.jobs.app_context():
        page = shown(world)
        assert group_page(admin(world), theirs) is None
        with pytest.raises(NotFoundError):
            change_group(admin(world), theirs, page.record, stamp=page.stamp, now=world.now)
        with pytest.raises(NotFoundError):
            remove_group(admin(world), theirs, now=world.now)
        for role in (Role.PROVIDER, Role.SCHEDULER, Role.STAFF):
            scope = world.clinic.scope(role)
            with pytest.raises(DomainError, match="administrator"):
                add_group(scope, name="X", language_tag="ase", now=world.now)
            with pytest.raises(DomainError, match="administrator"):
                change_group(scope, page.id, page.record, stamp=page.stamp, now=world.now)
            with pytest.raises(DomainError, match="administrator"):
                remove_group(scope, page.id, now=world.now)

    assert snapshot(world) == before


def test_a_new_group_inherits_nothing_of_one_that_was_deleted(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world, ask=[GROUP])
    world.tick()
    gone = world.clinic.groups[GROUP]
    with world.jobs.app_context():
        remove_group(admin(world), gone, now=world.now)
    set_members(world, new_group(world, "Night only"), "Lumen")
    cancel(world, series[2])

    assert world.clinic.groups["Night only"] != gone
    assert "Lumen" not in asked(world, series[0])
