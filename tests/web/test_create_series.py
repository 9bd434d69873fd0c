"""A visit that repeats: the form, its preview, and what Confirm makes of it."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from werkzeug.test import TestResponse

from shared.db import reading
from shared.models import Clinic, Recurrence, Visit
from shared.times import clock_text
from tests.web.booking import back, confirm, filled, is_form, preview, send_form
from tests.web.checks import soup_of, values_of, words
from tests.world import TOMORROW, ZONE, World

WEEKLY = {"repeat": "weekly", "ends": "count", "repeat_count": "6"}


def dates_on(page: TestResponse) -> list[str]:
    """The dates that a preview lists."""
    return [" ".join(item.get_text(" ").split()) for item in soup_of(page).select(".dates li")]


def visits(world: World) -> list[Visit]:
    with world.jobs.app_context(), reading() as session:
        return list(session.query(Visit).order_by(Visit.starts_at))


def refused(world: World, **changes: str | Sequence[str]) -> str:
    """What the form says to these values; nothing is lost on it."""
    values = filled(world, ask=["Clearsign"], **changes)
    answer = send_form(world.login(), values)
    assert answer.status_code == 422, words(answer)
    assert is_form(answer)
    held = values_of(answer, field="patient_name")
    for name, value in values.items():
        if value and name in changes:
            assert held.get(name) == ([value] if isinstance(value, str) else list(value)), name
    return words(answer)


def test_a_weekly_series_is_listed_confirmed_and_asked_for_in_one_request(world: World) -> None:
    client = world.login()
    shown = preview(client, filled(world, ask=["ASL daytime"], **WEEKLY))
    assert "Every week on Tue, 6 times" in words(shown)
    assert "6 new visits, not created yet" in words(shown)
    assert [line[:14].rstrip(" ,") for line in dates_on(shown)] == [
        "Tue 24 Nov 202", "Tue 1 Dec 2026", "Tue 8 Dec 2026", "Tue 15 Dec 202", "Tue 22 Dec 202", "Tue 29 Dec 202",
    ]  # fmt: skip

    details = client.get(confirm(client, shown).location)

    made = visits(world)
    assert len(made) == 6
    assert {visit.appointment_id for visit in made} == {made[0].appointment_id}
    assert {visit.request_id for visit in made} == {world.request_of(made[0].id).id}
    assert [visit.occurs_on for visit in made] == [TOMORROW + timedelta(days=7 * n) for n in range(6)]
    assert len(world.invites_of(made[0].id)) == 3
    assert "0 of 6 have an interpreter" in words(details)
    assert soup_of(details).find(string=re.compile("Every week on Tue, 6 times"))


def test_the_winner_of_a_series_holds_all_of_it_and_the_details_count(world: World) -> None:
    client = world.login()
    confirm(client, preview(client, filled(world, ask=["Clearsign", "Northlight"], **WEEKLY)))
    first = visits(world)[0].id
    world.tick()

    world.open_mail(to="Clearsign").press("Accept")

    assert "6 of 6 have an interpreter" in words(client.get(f"/visits/{first}"))
    assert [world.badge(visit.id) for visit in visits(world)] == ["Accepted"] * 6


def test_the_same_preview_twice_makes_one_series(world: World) -> None:
    client = world.login()
    shown = preview(client, filled(world, **WEEKLY))

    assert confirm(client, shown).location == confirm(client, shown).location
    assert len(visits(world)) == 6


def test_back_brings_the_rule_back(world: World) -> None:
    client = world.login()
    rule = {"repeat": "weekly", "weekdays": ["1", "3"], "ends": "until", "repeat_until": "2026-12-20"}

    form = back(client, preview(client, filled(world, **rule)))

    held = values_of(form, field="patient_name")
    assert {name: held[name] for name in rule} == {name: [v] if isinstance(v, str) else v for name, v in rule.items()}


def test_a_skipped_time_is_moved_by_the_gap_and_marked(world: World) -> None:
    client = world.login()
    spring = filled(world, date="2027-03-07", start_time="02:30", repeat="weekly", ends="count", repeat_count="3")

    lines = dates_on(preview(client, spring))
    assert "begins later" not in lines[0]
    assert "begins later" in lines[1]
    assert "begins later" not in lines[2]
    confirm(client, preview(client, spring))

    assert [clock_text(visit.starts_at, ZONE) for visit in visits(world)] == ["02:30", "03:30", "02:30"]


def test_the_last_day_stands_in_for_the_31st(world: World) -> None:
    client = world.login()
    shown = preview(client, filled(world, date="2027-01-31", repeat="monthly", ends="count", repeat_count="4"))

    assert "or the last day of a shorter month" in words(shown)
    confirm(client, shown)
    assert [visit.occurs_on for visit in visits(world)] == [
        date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"repeat": "daily", "ends": "count", "repeat_count": "53"}, "at most 52"),
        ({"repeat": "daily", "ends": "count", "repeat_count": "0"}, "at most 52"),
        ({"repeat": "daily", "ends": "count", "repeat_count": ""}, "Write how many visits"),
        ({"repeat": "daily", "ends": "count", "repeat_count": "six"}, "Write a whole number"),
        ({"repeat": "daily", "ends": "until", "repeat_until": "2027-12-31"}, "At most 52 visits"),
        ({"repeat": "daily", "ends": "until", "repeat_until": "2026-11-23"}, "before the first one"),
        ({"repeat": "daily", "ends": "until", "repeat_until": ""}, "Choose the last date"),
        ({"repeat": "daily", "ends": "until", "repeat_until": "2040-01-01"}, "within the next five years"),
        ({"repeat": "weekly", "ends": "count", "repeat_count": "3", "weekdays": ["3"]}, "The first date is a Tuesday"),
    ],
)
def test_a_rule_that_makes_no_series_says_what_to_change(
    world: World, changes: dict[str, str | Sequence[str]], sentence: str
) -> None:
    assert sentence in refused(world, **changes)
    assert visits(world) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"repeat": "yearly"},
        {"repeat": "weekly", "repeat_count": "3", "weekdays": ["7"]},
        {"repeat": "weekly", "repeat_count": "3", "ends": "never"},
        {"repeat": "weekly", "repeat_count": "9" * 40},
        {"repeat": "weekly", "repeat_until": "Ω" * 4000},
    ],
)
def test_values_that_no_page_sends_are_refused(world: World, changes: dict[str, str | Sequence[str]]) -> None:
    answer = send_form(world.login(), filled(world) | {"ends": "count"} | changes)

    assert answer.status_code == 422
    assert visits(world) == []


def test_a_first_date_in_the_past_refuses_the_series(world: World) -> None:
    assert "That time has passed" in refused(world, date="2026-11-23", start_time="08:00", **WEEKLY)


def test_an_overlap_with_any_of_the_dates_is_told_with_its_date(world: World) -> None:
    world.book(day=TOMORROW + timedelta(days=7))

    assert "already has a visit at that time: Tue 1 Dec 2026" in words(preview(world.login(), filled(world, **WEEKLY)))


def test_a_zone_changed_after_the_preview_shows_the_preview_again(world: World) -> None:
    client = world.login()
    shown = preview(client, filled(world, **WEEKLY))
    world.change(Clinic, world.clinic.id, time_zone="America/New_York")

    again = confirm(client, shown)

    assert "has changed since the preview" in words(again)
    assert "EST" in words(again)
    assert visits(world) == []


def test_the_rule_is_kept_as_it_was_chosen(world: World) -> None:
    client = world.login()
    confirm(
        client, preview(client, filled(world, repeat="weekly", weekdays=["1", "4"], ends="count", repeat_count="5"))
    )

    with world.jobs.app_context(), reading() as session:
        rule = session.query(Recurrence).one()
    assert (rule.weekdays, rule.count, rule.until_on, rule.first_on) == ([1, 4], 5, None, TOMORROW)
