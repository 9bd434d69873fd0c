"""Edits that are refused, or come from the wrong hands or at the wrong time: nothing changes."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from shared.actions.changes import ChangeOutcome
from shared.errors import DomainError, NotFoundError
from shared.states import Role
from tests.actions.changing import ALL, cancel, confirm, edit, plan_of, promise, visit_of, wish
from tests.actions.desk import snapshot
from tests.world import World


def won_visit(world: World) -> int:
    """A visit that Clearsign accepted; all mail has left."""
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    return visit


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "start_time": ({"day": date(2026, 11, 23), "wall": time(11, 0)}, "passed"),
    "start_time of a skipped time": ({"day": date(2027, 3, 14), "wall": time(2, 30)}, "jumps"),
    "provider": ({"provider_id": 987654}, "from the list"),
    "language": ({"language_tag": "xx"}, "language"),
    "interpreter": ({"picks": ()}, "at least one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_and_changes_nothing(world: World, name: str) -> None:
    visit = won_visit(world)
    rows = snapshot(world)
    changes, words = REFUSED[name]
    result = confirm(world, wish(world, visit, **changes))  # type: ignore[arg-type]

    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert words in result.plan.errors[name.split()[0]]
    assert snapshot(world) == rows


def test_a_time_that_the_clock_shows_twice_takes_the_first_and_says_so(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    wanted = wish(world, visit, day=date(2027, 11, 7), wall=time(1, 30))

    assert "comes twice" in plan_of(world, wanted).notices[0]
    confirm(world, wanted)
    assert visit_of(world, visit).starts_at.hour == 8


def test_another_clinics_ids_are_not_found_and_change_nothing(world_on_either: World) -> None:
    world = world_on_either
    other = world.add_clinic("Hillside Clinic", domain="hillside")
    theirs, mine = world.book(ask=["ASL daytime"], clinic=other), world.book(ask=["ASL daytime"])
    rows = snapshot(world)
    with pytest.raises(NotFoundError):
        wish(world, theirs)
    foreign = replace(wish(world, mine, wall=time(10, 0)), visit_id=theirs)
    with pytest.raises(NotFoundError):
        confirm(world, foreign, promise(world, wish(world, mine)))
    for change in (
        {"picks": (f"company:{other.companies['Clearsign']}",)},
        {"picks": (f"group:{other.groups['ASL daytime']}",)},
        {"provider_id": other.users["provider"]},
    ):
        assert confirm(world, wish(world, mine, **change)).outcome is ChangeOutcome.INVALID

    assert snapshot(world) == rows


def test_a_provider_changes_own_visits_only_and_staff_change_none(world: World) -> None:
    mine = world.book()
    other = world.book(provider_id=world.add_user(Role.PROVIDER, "Ana Alvarez"), day=date(2026, 11, 25))
    with pytest.raises(NotFoundError):
        wish(world, other, by=Role.PROVIDER)
    with pytest.raises(NotFoundError):
        confirm(world, wish(world, other), by=Role.PROVIDER)
    wanted = wish(world, mine, by=Role.PROVIDER, reason="Follow-up")
    assert confirm(world, wanted, by=Role.PROVIDER).outcome is ChangeOutcome.CHANGED

    rows = snapshot(world)
    with pytest.raises(DomainError, match="not change them"):
        confirm(world, wish(world, mine), by=Role.STAFF)
    assert snapshot(world) == rows


@pytest.mark.parametrize("left", [timedelta(milliseconds=1), timedelta(), -timedelta(milliseconds=1)])
def test_a_visit_can_be_edited_until_its_start(world: World, left: timedelta) -> None:
    visit = world.book(ask=["Clearsign"])
    world.now = visit_of(world, visit).starts_at - left
    if left > timedelta():
        edit(world, visit, day=date(2026, 11, 25))
    else:
        with pytest.raises(DomainError, match="has started"):
            wish(world, visit)


def test_a_preview_whose_visit_started_meanwhile_changes_nothing(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    wanted = wish(world, visit, day=date(2026, 11, 25))
    promised = promise(world, wanted)
    world.now = visit_of(world, visit).starts_at
    rows = snapshot(world)
    with pytest.raises(DomainError, match="has started"):
        confirm(world, wanted, promised)
    assert snapshot(world) == rows


def test_a_cancelled_visit_can_not_be_edited(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    cancel(world, visit)
    with pytest.raises(DomainError, match="is cancelled"):
        wish(world, visit)


def test_the_scope_of_a_series_does_not_exist_for_a_single_visit(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    result = confirm(world, wish(world, visit, reach=ALL, wall=time(10, 0)))

    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert "does not repeat" in result.plan.errors["reach"]
