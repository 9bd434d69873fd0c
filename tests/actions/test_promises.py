"""What a preview promised: it is done once, as shown, or shown anew."""

from dataclasses import replace
from datetime import time

from shared.actions.changes import ChangeOutcome
from shared.changes import ChangeKind
from shared.states import RequestState, Role
from tests.actions.changing import (
    ALL,
    book_series,
    cancel,
    confirm,
    edit,
    promise,
    requests_of,
    visit_of,
    wish,
)
from tests.actions.desk import snapshot
from tests.actions.groups import new_group, set_members
from tests.world import World


def test_the_same_preview_confirmed_twice_is_done_once(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    wanted = wish(world, visit, wall=time(10, 0))
    promised = promise(world, wanted)
    assert confirm(world, wanted, promised).outcome is ChangeOutcome.CHANGED
    rows = snapshot(world)

    again = confirm(world, wanted, promised)
    assert (again.outcome, again.visit_id) == (ChangeOutcome.ALREADY_MADE, visit)
    assert snapshot(world) == rows


def test_a_key_confirms_one_content_only(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    wanted, other = wish(world, visit, wall=time(10, 0)), wish(world, visit, wall=time(11, 0))
    promised = promise(world, wanted)
    assert confirm(world, other, promised).outcome is ChangeOutcome.CONTENT_CHANGED
    assert confirm(world, wanted, promised).outcome is ChangeOutcome.CHANGED
    rows = snapshot(world)

    later = wish(world, visit, wall=time(11, 0))
    result = confirm(world, later, promise(world, later, key=promised.key))
    assert result.outcome is ChangeOutcome.CONTENT_CHANGED
    assert snapshot(world) == rows


def test_the_key_of_somebody_else_confirms_nothing(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    wanted = wish(world, visit, reason="Follow-up")
    promised = promise(world, wanted)
    confirm(world, wanted, promised)
    rows = snapshot(world)

    assert confirm(world, wanted, promised, by=Role.ADMIN).outcome is ChangeOutcome.CONTENT_CHANGED
    assert snapshot(world) == rows


def test_a_key_binds_kind_reach_visits_and_reason(world: World) -> None:
    series = book_series(world)
    wanted = wish(world, series[0], wall=time(10, 0))
    others = [
        replace(wanted, kind=ChangeKind.ASK),
        replace(wanted, reach=ALL),
        replace(wanted, visit_id=series[1]),
        replace(wanted, reason="Other"),
        replace(wanted, only=(series[1],)),
    ]

    assert wanted.digest() not in {other.digest() for other in others}
    assert len({other.digest() for other in others}) == len(others)


def test_a_form_that_was_opened_before_somebody_elses_change_shows_both_versions(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    mine = wish(world, visit, wall=time(10, 0))
    edit(world, visit, wall=time(11, 0))
    rows = snapshot(world)

    result = confirm(world, mine)
    assert result.outcome is ChangeOutcome.STALE
    assert result.plan is not None
    assert (result.plan.before.wall, result.plan.draft.wall) == (time(11, 0), time(10, 0))
    assert snapshot(world) == rows


def test_a_preview_that_was_made_before_somebody_elses_change_shows_both_versions(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    wanted = wish(world, visit, wall=time(10, 0))
    promised = promise(world, wanted)
    edit(world, visit, reason="Follow-up")

    assert confirm(world, wanted, promised).outcome is ChangeOutcome.STALE


def test_a_preview_of_a_series_is_stale_once_one_of_its_visits_was_changed_or_cancelled(world: World) -> None:
    for change in (lambda visit: edit(world, visit, notes="Side door"), lambda visit: cancel(world, visit)):
        series = book_series(world)
        world.accept(series[0], "Clearsign")
        wanted = wish(world, series[0], reach=ALL, wall=time(10, 0))
        promised = promise(world, wanted)
        change(series[3])
        rows = snapshot(world)

        assert confirm(world, wanted, promised).outcome is ChangeOutcome.STALE
        assert snapshot(world) == rows
        assert confirm(world, wanted).outcome is ChangeOutcome.CHANGED


def test_a_decline_or_a_closing_meanwhile_lets_the_edit_go_on(world_on_either: World) -> None:
    world = world_on_either
    for company in ("Clearsign", "Northlight"):
        visit = world.book(ask=["Clearsign", "Northlight"])
        world.tick()
        if company == "Northlight":
            world.decline(visit, "Clearsign")
        wanted = wish(world, visit, wall=time(10, 0))
        promised = promise(world, wanted)
        world.decline(visit, company)

        assert confirm(world, wanted, promised).outcome is ChangeOutcome.CHANGED
        before = RequestState.ALL_DECLINED if company == "Northlight" else RequestState.WITHDRAWN
        assert requests_of(world, visit) == [before, RequestState.PENDING]


def test_a_winner_that_the_preview_named_does_not_stand_in_the_way(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")

    assert confirm(world, wish(world, visit, wall=time(10, 0))).outcome is ChangeOutcome.CHANGED


def test_a_company_that_wins_meanwhile_does_not_stand_in_the_way_of_what_companies_never_see(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    wanted = wish(world, visit, reason="Follow-up")
    promised = promise(world, wanted)
    world.accept(visit, "Clearsign")

    assert confirm(world, wanted, promised).outcome is ChangeOutcome.CHANGED
    assert world.badge(visit) == "Accepted"
    assert visit_of(world, visit).reason == "Follow-up"


def test_a_decline_that_leaves_the_other_dates_out_of_the_change_is_previewed_again(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world, ask=["Clearsign"])
    world.tick()
    wanted = wish(world, series[2], wall=time(10, 0))
    promised = promise(world, wanted)
    world.decline(series[0], "Clearsign")

    assert confirm(world, wanted, promised).outcome is ChangeOutcome.PREVIEW_AGAIN
    assert confirm(world, wanted, promise(world, wanted)).outcome is ChangeOutcome.CHANGED


def test_a_decline_that_changes_nothing_of_what_is_asked_lets_the_change_go_on(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    wanted = wish(world, visit, wall=time(10, 0))
    promised = promise(world, wanted)
    world.decline(visit, "Clearsign")

    assert confirm(world, wanted, promised).outcome is ChangeOutcome.CHANGED


def test_two_groups_that_swap_their_members_are_previewed_again(world: World) -> None:
    night = new_group(world, "Night")
    set_members(world, "ASL daytime", "Clearsign")
    set_members(world, "Night", "Northlight")
    series = book_series(world, ask=["ASL daytime"])
    edit(world, series[2], ask=[night])
    wanted = wish(world, series[0], reach=ALL, wall=time(10, 0))
    promised = promise(world, wanted)
    set_members(world, "ASL daytime", "Northlight")
    set_members(world, "Night", "Clearsign")

    assert confirm(world, wanted, promised).outcome is ChangeOutcome.PREVIEW_AGAIN
