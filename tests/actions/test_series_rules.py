"""Changing the rule of a series: dates it drops are cancelled, dates it adds are asked, what people did stays done."""

from datetime import date, time

import pytest

from shared.actions.changes import ChangeOutcome
from shared.changes import ChangeKind
from shared.db import reading
from shared.models import Recurrence
from shared.queries.changes import change_form
from shared.repeat import Repeat
from shared.states import Frequency, VisitStatus
from tests.actions.changing import (
    ALL,
    FOLLOWING,
    THIS,
    book_series,
    cancel,
    confirm,
    edit,
    family,
    lost,
    plan_of,
    told,
    visit_of,
    wish,
)
from tests.world import World

ASKED = "Request for ASL Interpreter"
WON, OVER = "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter"
TUE, THU = 1, 3


def weekly(*days: int, count: int | None = None, until: date | None = None) -> Repeat:
    return Repeat(Frequency.WEEKLY, days, None, until, count)


def days(world: World, visit: int) -> list[str]:
    """The days of a series' scheduled visits."""
    return [
        f"{seen.starts_at:%d %b}" for seen in family(world, visit) if seen.status is VisitStatus.SCHEDULED
    ]  # fmt: skip


def shown_rule(world: World, visit: int) -> Repeat | None:
    """The rule as the visit's form shows it."""
    with world.jobs.app_context():
        return change_form(world.clinic.scope(), visit, ChangeKind.EDIT, now=world.now).draft.repeat


def test_dates_it_drops_are_cancelled_and_dates_it_adds_are_asked(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()
    world.accept(series[0], "Clearsign")
    world.tick()
    edit(world, series[2], reach=FOLLOWING, repeat=weekly(TUE, THU, count=4))
    world.tick()

    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "10 Dec", "15 Dec", "17 Dec"]
    badges = {f"{v.starts_at:%d %b}": world.badge(v.id) for v in family(world, series[0])}
    assert badges == {
        "24 Nov": "Accepted", "01 Dec": "Accepted", "08 Dec": "Accepted", "10 Dec": "Pending Request",
        "15 Dec": "Accepted", "17 Dec": "Pending Request", "22 Dec": "Cancelled", "29 Dec": "Cancelled",
    }  # fmt: skip
    assert told(world, "Clearsign") == [ASKED, WON, lost(2), ASKED]
    assert len({visit_of(world, seen.id).appointment_id for seen in family(world, series[0])}) == 1


def test_of_a_pending_series_everything_from_there_on_is_asked_for_in_one_new_request(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()
    edit(world, series[3], reach=FOLLOWING, repeat=weekly(THU, count=2))
    world.tick()

    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "17 Dec", "24 Dec"]
    scheduled = [seen for seen in family(world, series[0]) if seen.status is VisitStatus.SCHEDULED]
    assert len({seen.request_id for seen in scheduled}) == 1
    assert told(world, "Clearsign") == [ASKED, ASKED]


def test_the_first_part_keeps_the_old_rule_and_the_rest_shows_the_new_one(world: World) -> None:
    series = book_series(world)
    edit(world, series[2], reach=FOLLOWING, repeat=weekly(TUE, THU, count=4))

    assert shown_rule(world, series[0]) == weekly(TUE, until=date(2026, 12, 7))
    assert shown_rule(world, series[2]) == weekly(TUE, THU, count=4)
    assert shown_rule(world, series[3]) == weekly(TUE, THU, count=2)
    with world.jobs.app_context(), reading() as session:
        assert [row.first_on for row in session.query(Recurrence).order_by(Recurrence.id)] == [
            date(2026, 11, 24),
            date(2026, 12, 8),
        ]


def test_a_date_that_was_cancelled_on_its_own_does_not_come_back(world: World) -> None:
    series = book_series(world)
    cancel(world, series[3])
    edit(world, series[1], reach=FOLLOWING, repeat=weekly(TUE, count=6))
    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "22 Dec", "29 Dec", "05 Jan"]

    edit(world, series[1], reach=FOLLOWING, repeat=weekly(TUE, THU, count=6))
    assert "15 Dec" not in days(world, series[0])
    edit(world, series[0], reach=FOLLOWING, repeat=weekly(TUE, count=7))
    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "22 Dec", "29 Dec", "05 Jan"]


def test_a_date_cancelled_in_the_part_of_a_later_rule_does_not_come_back_either(world: World) -> None:
    series = book_series(world)
    edit(world, series[2], reach=FOLLOWING, repeat=weekly(THU, count=3))
    [gone] = [seen.id for seen in family(world, series[0]) if seen.occurs_on == date(2026, 12, 17)]
    cancel(world, gone)
    edit(world, series[0], reach=FOLLOWING, repeat=weekly(TUE, THU, count=9))

    assert "17 Dec" not in days(world, series[0])
    assert "26 Nov" in days(world, series[0])


def test_a_rule_that_begins_with_a_date_that_is_gone_still_counts_from_it(world: World) -> None:
    series = book_series(world)
    cancel(world, series[3])
    edit(world, series[2], reach=FOLLOWING, repeat=weekly(TUE, count=5))
    edit(world, series[2], reach=FOLLOWING, repeat=weekly(TUE, THU, count=3))

    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "10 Dec"]
    assert shown_rule(world, series[2]) == weekly(TUE, THU, count=3)


def test_a_date_moved_on_its_own_keeps_its_move(world: World) -> None:
    series = book_series(world)
    edit(world, series[3], day=date(2026, 12, 2), wall=time(15, 0))
    edit(world, series[1], reach=FOLLOWING, repeat=weekly(TUE, THU, count=8))

    moved = visit_of(world, series[3])
    assert (f"{moved.starts_at:%d %b %H}", moved.occurs_on) == ("02 Dec 23", date(2026, 12, 15))
    assert "15 Dec" not in days(world, series[0])
    assert shown_rule(world, series[1]) == weekly(TUE, THU, count=8)


def test_a_date_moved_before_the_first_one_does_not_begin_the_rule(world: World) -> None:
    series = book_series(world)
    edit(world, series[3], day=date(2026, 11, 27))
    edit(world, series[1], reach=FOLLOWING, repeat=weekly(TUE, count=4))

    assert shown_rule(world, series[1]) == weekly(TUE, count=4)
    assert shown_rule(world, series[4]) == weekly(TUE, count=1)


def test_a_base_that_was_moved_to_a_later_day_can_still_change_its_rule(world: World) -> None:
    series = book_series(world)
    edit(world, series[0], day=date(2026, 12, 4))
    world.pass_time(days=5)
    edit(world, series[0], reach=FOLLOWING, repeat=weekly(TUE, THU, count=4))

    assert days(world, series[0]) == ["01 Dec", "03 Dec", "04 Dec"]


def test_a_later_end_adds_dates_and_an_earlier_one_drops_them(world: World) -> None:
    series = book_series(world, repeat=weekly(TUE, until=date(2026, 12, 8)))
    edit(world, series[0], reach=FOLLOWING, repeat=weekly(TUE, until=date(2026, 12, 22)))
    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "15 Dec", "22 Dec"]

    edit(world, series[1], reach=FOLLOWING, repeat=weekly(TUE, until=date(2026, 12, 5)))
    assert days(world, series[0]) == ["24 Nov", "01 Dec"]


def test_rule_and_time_change_together(world: World) -> None:
    series = book_series(world)
    edit(world, series[4], reach=FOLLOWING, repeat=weekly(TUE, THU, count=3), wall=time(14, 0))

    times = [f"{v.starts_at:%d %b %H}" for v in family(world, series[0]) if v.status is VisitStatus.SCHEDULED]
    assert times[4:] == ["22 Dec 22", "24 Dec 22", "29 Dec 22"]


def test_a_monthly_rule_on_the_31st_takes_the_last_day_of_shorter_months(world: World) -> None:
    series = book_series(world)
    edit(world, series[5], reach=FOLLOWING, repeat=Repeat(Frequency.MONTHLY, (), 31, None, 4))

    assert days(world, series[0])[5:] == ["31 Dec", "31 Jan", "28 Feb", "31 Mar"]
    assert visit_of(world, series[5]).status is VisitStatus.CANCELLED


@pytest.mark.parametrize("reach", [THIS, ALL])
def test_the_rule_changes_in_this_and_following_only(world: World, reach: object) -> None:
    series = book_series(world)
    wanted = wish(world, series[2], reach=reach, repeat=weekly(TUE, THU, count=4), reason="Follow-up")  # type: ignore[arg-type]
    assert confirm(world, wanted).outcome is ChangeOutcome.CHANGED

    assert days(world, series[0]) == ["24 Nov", "01 Dec", "08 Dec", "15 Dec", "22 Dec", "29 Dec"]


REFUSED = {
    "no day": weekly(count=3),
    "too many": Repeat(Frequency.DAILY, count=53),
    "before it begins": weekly(TUE, until=date(2026, 12, 1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_gives_no_series_is_refused_at_its_field(world: World, name: str) -> None:
    series = book_series(world)
    result = confirm(world, wish(world, series[2], reach=FOLLOWING, repeat=REFUSED[name]))

    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert list(result.plan.errors) == ["repeat"]
    assert len(days(world, series[0])) == 6


def test_the_preview_names_what_is_added_what_is_cancelled_and_what_the_clock_moves(world: World) -> None:
    series = book_series(world, day=date(2027, 3, 11), wall=time(2, 30), repeat=Repeat(Frequency.DAILY, count=2))
    plan = plan_of(world, wish(world, series[1], reach=FOLLOWING, repeat=Repeat(Frequency.DAILY, count=4)))

    added = [change for change in plan.changes if change.added]
    assert [(change.slot.occurs_on, change.slot.moved) for change in added] == [
        (date(2027, 3, 13), False),
        (date(2027, 3, 14), True),
        (date(2027, 3, 15), False),
    ]


def test_cancelling_the_rest_ends_the_rule_so_a_later_change_does_not_bring_it_back(world: World) -> None:
    series = book_series(world)
    cancel(world, series[3], reach=FOLLOWING)
    assert shown_rule(world, series[0]) == weekly(TUE, until=date(2026, 12, 14))

    edit(world, series[0], reach=FOLLOWING, repeat=weekly(TUE, THU, until=date(2026, 12, 14)))
    assert days(world, series[0]) == ["24 Nov", "26 Nov", "01 Dec", "03 Dec", "08 Dec", "10 Dec"]


def test_a_dropped_date_whose_company_had_won_it_alone_ends_that_assignment(world: World) -> None:
    series = book_series(world)
    world.accept(series[0], "Clearsign")
    edit(world, series[5], wall=time(14, 0))
    world.tick()
    world.accept(series[5], "Northlight")
    world.tick()
    edit(world, series[3], reach=FOLLOWING, repeat=weekly(TUE, count=2))
    world.tick()

    assert told(world, "Northlight") == [ASKED, WON, OVER]
    assert told(world, "Clearsign")[-1] == lost(1)
    assert world.badge(series[4]) == "Accepted"
