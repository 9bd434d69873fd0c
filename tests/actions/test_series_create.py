"""Booking a series: one appointment, one request, its dates and their wall times."""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.actions import ConfirmOutcome
from shared.db import reading
from shared.models import Appointment, Recurrence
from shared.queries import plan_visit
from shared.repeat import Repeat
from shared.states import Frequency, RequestState
from tests.actions.changing import WEEKLY, asked, book_series, family, told
from tests.actions.desk import snapshot
from tests.world import TOMORROW, ZONE, World

ASKED, FILLED, WON = "Request for ASL Interpreter", "Filled, nothing to do", "Confirmed: ASL Interpreter"


def walls(world: World, series: list[int]) -> list[str]:
    """Each visit's start in its own zone."""
    return [f"{v.starts_at.astimezone(ZoneInfo(v.time_zone)):%d %b %H:%M}" for v in family(world, series[0])]


def test_all_visits_share_number_room_and_pin_and_one_request_covers_them(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()

    visits = family(world, series[0])
    assert len(visits) == 6
    assert len({(visit.appointment_id, visit.request_id, visit.recurrence_id) for visit in visits}) == 1
    assert [visit.occurs_on for visit in visits] == [TOMORROW + timedelta(weeks=week) for week in range(6)]
    with world.jobs.app_context(), reading() as session:
        assert len(session.query(Appointment).all()) == 1
        rule = session.get_one(Recurrence, visits[0].recurrence_id)
        assert (rule.first_on, rule.count, rule.weekdays) == (TOMORROW, 6, [1])
    assert told(world, "Clearsign") == [ASKED]
    for day in ("Tue 24 Nov 2026", "Tue 1 Dec 2026", "Tue 29 Dec 2026"):
        assert day in world.open_mail(to="Clearsign").text


def test_the_deadline_is_cut_short_by_the_first_visit_of_the_series(world: World) -> None:
    series = book_series(world)
    assert world.request_of(series[0]).deadline == family(world, series[0])[0].starts_at


def test_one_acceptance_takes_all_of_it_and_everybody_is_told_once(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()
    world.open_mail(to="Clearsign").press("Accept")
    world.tick()

    assert {world.badge(visit) for visit in series} == {"Accepted"}
    assert told(world, "Clearsign") == [ASKED, WON]
    assert told(world, "Northlight") == [ASKED, FILLED]
    lobby = world.open_mail(to="Clearsign").open("meet")
    assert lobby.status_code == 200
    assert all(day in lobby.text for day in ("24 Nov", "1 Dec", "29 Dec"))


def test_one_decline_of_the_only_company_closes_all_of_it(world: World) -> None:
    series = book_series(world, ask=["Clearsign"])
    world.decline(series[3], "Clearsign")

    assert {world.badge(visit) for visit in series} == {"Not Accepted"}
    assert world.request_of(series[0]).state is RequestState.ALL_DECLINED


def test_wall_time_stays_put_across_daylight_saving(world: World) -> None:
    spring = book_series(world, day=date(2027, 3, 9), repeat=Repeat(Frequency.WEEKLY, (1,), None, None, 2))
    autumn = book_series(world, day=date(2027, 11, 2), repeat=Repeat(Frequency.WEEKLY, (1,), None, None, 2))

    assert walls(world, spring) == ["09 Mar 09:30", "16 Mar 09:30"]
    assert [visit.starts_at.hour for visit in family(world, spring[0])] == [17, 16]
    assert walls(world, autumn) == ["02 Nov 09:30", "09 Nov 09:30"]
    assert [visit.starts_at.hour for visit in family(world, autumn[0])] == [16, 17]


def test_a_time_that_the_clock_jumps_over_moves_by_the_gap_and_is_marked(world: World) -> None:
    daily = Repeat(Frequency.DAILY, (), None, None, 3)
    draft = world.draft(ask=["Clearsign"], day=date(2027, 3, 13), wall=time(2, 30), repeat=daily)
    with world.jobs.app_context():
        plan = plan_visit(world.clinic.scope(), draft, now=world.now)
    assert [slot.moved for slot in plan.slots] == [False, True, False]
    assert plan.errors == {}

    series = book_series(world, ask=["Clearsign"], day=date(2027, 3, 13), wall=time(2, 30), repeat=daily)
    assert walls(world, series) == ["13 Mar 02:30", "14 Mar 03:30", "15 Mar 02:30"]
    assert [visit.occurs_on for visit in family(world, series[0])] == [date(2027, 3, day) for day in (13, 14, 15)]


def test_a_series_may_begin_on_a_day_whose_time_the_clock_jumps_over_but_a_single_visit_may_not(world: World) -> None:
    day, wall = date(2027, 3, 14), time(2, 30)
    series = book_series(world, ask=["Clearsign"], day=day, wall=wall, repeat=Repeat(Frequency.DAILY, count=2))
    assert walls(world, series) == ["14 Mar 03:30", "15 Mar 02:30"]

    assert world.confirm(world.draft(day=day, wall=wall)).outcome is ConfirmOutcome.INVALID


@pytest.mark.parametrize("day", [29, 30, 31])
def test_monthly_on_29_to_31_means_the_last_day_of_a_shorter_month(world: World, day: int) -> None:
    rule = Repeat(Frequency.MONTHLY, (), day, None, 4)
    series = book_series(world, ask=["Clearsign"], day=date(2027, 1, day), repeat=rule)

    months = ((day, "Jan"), (28, "Feb"), (day, "Mar"), (min(day, 30), "Apr"))
    assert walls(world, series) == [f"{last:02d} {month} 09:30" for last, month in months]


REFUSED = {
    "too many by count": Repeat(Frequency.DAILY, count=53),
    "too many by date": Repeat(Frequency.DAILY, until=date(2027, 1, 15)),
    "an end before the beginning": Repeat(Frequency.DAILY, until=date(2026, 11, 23)),
    "no day of the week": Repeat(Frequency.WEEKLY, count=3),
    "a first date on another day": Repeat(Frequency.WEEKLY, (2,), count=3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_gives_no_series_is_refused_at_its_field(world: World, name: str) -> None:
    rows = snapshot(world)
    result = world.confirm(world.draft(ask=["Clearsign"], repeat=REFUSED[name]))

    assert result.outcome is ConfirmOutcome.INVALID
    assert result.plan is not None
    assert list(result.plan.errors) == ["repeat"]
    assert snapshot(world) == rows


def test_fifty_two_visits_are_allowed(world: World) -> None:
    assert len(book_series(world, ask=["Clearsign"], repeat=Repeat(Frequency.DAILY, count=52))) == 52


def test_the_same_preview_confirmed_twice_makes_one_series(world_on_either: World) -> None:
    world = world_on_either
    draft = world.draft(ask=["Clearsign"], repeat=WEEKLY)
    first, second = (world.confirm(draft, key="key") for _ in range(2))

    assert (first.outcome, second.outcome) == (ConfirmOutcome.CREATED, ConfirmOutcome.ALREADY_MADE)
    assert first.visit_id == second.visit_id
    assert len(snapshot(world)["visit"]) == 6
    assert asked(world, first.visit_id or 0) == ["Clearsign"]


def test_a_provider_in_two_places_is_warned_of_for_each_date_and_may_go_on(world: World) -> None:
    world.book(day=date(2026, 12, 8))
    draft = world.draft(repeat=WEEKLY)
    with world.jobs.app_context():
        plan = plan_visit(world.clinic.scope(), draft, now=world.now)

    assert plan.errors == {}
    assert [notice for notice in plan.notices if "Tue 8 Dec 2026" in notice]
    assert plan.time_zone == ZONE
