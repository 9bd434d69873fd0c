"""What a new date of a series is like when the form belongs to a visit that is an exception to it."""

from dataclasses import replace
from datetime import date, time

from shared.actions.changes import ChangeOutcome
from shared.models import Clinic
from shared.repeat import Repeat
from shared.states import Frequency, Role, VisitType
from shared.times import clock_text
from tests.actions.changing import FOLLOWING, book_series, confirm, edit, family, plan_of, wish
from tests.world import ZONE, World

TUESDAYS = Repeat(Frequency.WEEKLY, (1,), None, None, 5)
SUNDAYS = Repeat(Frequency.WEEKLY, (6,), None, None, 3)


def longer(world: World, visit: int, count: int) -> Repeat:
    """The visit's rule from its own date on, with another number of dates."""
    rule = plan_of(world, wish(world, visit)).before.repeat
    assert rule is not None
    return replace(rule, count=count)


def walls(world: World, visit: int) -> list[str]:
    return [clock_text(found.starts_at, ZONE) for found in family(world, visit)]


def test_a_rule_made_longer_from_a_date_that_daylight_saving_moved_keeps_the_wall_time(world: World) -> None:
    visits = book_series(world, day=date(2027, 3, 7), wall=time(2, 30), repeat=SUNDAYS)
    assert walls(world, visits[0]) == ["02:30", "03:30", "02:30"]

    edit(world, visits[1], reach=FOLLOWING, repeat=longer(world, visits[1], 4))

    assert walls(world, visits[0]) == ["02:30", "03:30", "02:30", "02:30", "02:30"]


def test_a_rule_made_longer_from_a_visit_that_was_moved_keeps_the_others_time_and_kind(world: World) -> None:
    visits = book_series(world)
    edit(world, visits[2], wall=time(16, 0), duration_minutes=60, visit_type=VisitType.PHONE)

    edit(world, visits[2], reach=FOLLOWING, repeat=longer(world, visits[2], 5))

    assert walls(world, visits[0]) == ["09:30", "09:30", "16:00", "09:30", "09:30", "09:30", "09:30"]
    last = family(world, visits[0])[-1]
    assert (last.duration_minutes, last.visit_type) == (45, VisitType.VIDEO)


def test_what_is_changed_with_the_rule_is_the_new_dates_as_well(world: World) -> None:
    visits = book_series(world)

    edit(world, visits[2], reach=FOLLOWING, wall=time(16, 0), repeat=longer(world, visits[2], 5))

    assert walls(world, visits[0]) == ["09:30", "09:30", *["16:00"] * 5]


def test_a_series_never_has_more_than_52_visits(world: World) -> None:
    visits = book_series(world, repeat=Repeat(Frequency.WEEKLY, (1,), None, None, 52))

    result = confirm(world, wish(world, visits[1], reach=FOLLOWING, repeat=longer(world, visits[1], 52)))

    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert "more than 52 visits" in result.plan.errors["repeat"]
    assert len(family(world, visits[0])) == 52


def test_a_closed_request_stays_with_its_visit_when_nobody_can_be_asked_anew(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.decline(visit, "Clearsign")
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    edit(world, visit, wall=time(10, 0))

    assert world.badge(visit) == "Not Accepted"


def test_no_interpreter_leaves_nobody_to_read_the_notes(world: World) -> None:
    visit = world.book(ask=["Clearsign"], notes="Cardiology vocabulary.")

    edit(world, visit, language_tag="", picks=())

    assert world.badge(visit) == "No interpreter asked"


def test_new_dates_are_like_those_they_follow_and_not_like_earlier_ones(world: World) -> None:
    visits = book_series(world, repeat=TUESDAYS, ask=["Clearsign", "Northlight"])
    other = world.add_user(Role.PROVIDER, "Dr. Chen")
    later = {"wall": time(13, 0), "duration_minutes": 60, "provider_id": other}
    edit(world, visits[3], reach=FOLLOWING, ask=["Northlight"], **later)

    plan = plan_of(world, wish(world, visits[3], reach=FOLLOWING, repeat=longer(world, visits[3], 4)))

    assert [(c.draft.wall, c.draft.duration_minutes, c.draft.provider_id) for c in plan.changes if c.added] == [
        (time(13, 0), 60, other)
    ] * 2
    assert [company.name for asking in plan.askings for company in asking.question.companies] == ["Northlight"]


def test_in_a_draw_new_dates_are_as_the_form_shows(world: World) -> None:
    visits = book_series(world, repeat=TUESDAYS)
    edit(world, visits[3], wall=time(16, 0))

    edit(world, visits[3], reach=FOLLOWING, repeat=longer(world, visits[3], 3))

    assert walls(world, visits[0]) == ["09:30", "09:30", "09:30", "16:00", "09:30", "16:00"]
