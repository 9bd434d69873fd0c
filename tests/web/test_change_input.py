"""Edit with input that is wrong: 422, one message at its field, a summary on top, nothing lost, nothing changed."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.db import transaction
from shared.models import Company, HuntGroupMember, Visit
from shared.states import Role, VisitStatus
from tests.web.changing import WEEKLY_6, accepted, confirm, held, is_promise, open_change, preview, send, ticked
from tests.web.checks import complaint, csrf_of, dump, soup_of, words
from tests.web.test_create_input import NO_PROVIDER, NOT_LISTED, WRONG
from tests.world import ClinicInWorld, World

OTHERWISE_HERE = ("has passed. Choose", "two years", "does not interpret")
"""What Edit says in other words than Create: see below."""

HERE = [row for row in WRONG if not any(part in row[2] for part in OTHERWISE_HERE)]
HERE += [
    ("date", "2026-11-20", "On Fri 20 Nov 2026 that time has passed in Los Angeles. Choose a later one."),
    ("date", "0001-01-01", "that time has passed in Los Angeles. Choose a later one."),
    ("date", "9999-12-31", "Choose a date within the next five years."),
    ("language", "es", "Clearsign does not interpret Spanish. Choose another."),
    ("reach", "following", "This visit does not repeat. Choose “This visit”."),
    ("reach", "all", "This visit does not repeat. Choose “This visit”."),
    ("reach", "always", "Choose for which visits this is."),
    ("reach", "\0", "Choose for which visits this is."),
]

AT = {"Clearsign does not": "interpreter"}
"""Messages that stand at another field than the one that was changed."""


@dataclass
class Desk:
    """A world that no test here changes, with a visit, a series, and a browser."""

    world: World
    client: FlaskClient
    harbor: ClinicInWorld
    visit: int
    first: int


@pytest.fixture(scope="module")
def desk(shared_world: World) -> Iterator[Desk]:
    world = shared_world
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    visit = world.book(ask=["Clearsign"], notes="Cardiology vocabulary.")
    first = world.book(ask=["Clearsign"], repeat=WEEKLY_6)
    client = world.login()
    client.illegible = True  # type: ignore[attr-defined]
    before = {name: rows for name, rows in dump(world).items() if name != "user_session"}
    yield Desk(world, client, harbor, visit, first)
    assert {name: rows for name, rows in dump(world).items() if name not in {"user_session"}} == before


def assert_refused(answer: TestResponse, name: str, sentence: str) -> None:
    """422, the form, the message at the field, and in a summary above the form that leads to the field."""
    assert answer.status_code == 422, words(answer)
    assert not is_promise(answer)
    page = soup_of(answer)
    if name not in {"interpreter", "reach", "weekdays"}:
        assert sentence in complaint(answer, name).near
    links = [link for link in page.select("#errors a") if sentence in link.get_text()]
    assert len(links) == 1, f"{sentence}: {words(answer)}"
    assert page.find(id=str(links[0]["href"]).removeprefix("#")) is not None
    assert words(answer).count(sentence) == 2, words(answer)


@pytest.mark.parametrize(
    ("name", "value", "sentence"), HERE, ids=[f"{name}-{repr(value)[:24]}" for name, value, _ in HERE]
)
def test_a_bad_value_is_said_at_its_field_and_nothing_is_lost(desk: Desk, name: str, value, sentence: str) -> None:
    changes = {"patient_contact": "ruth@family.example", "notes": "Mine", name: value}

    answer = send(desk.client, open_change(desk.client, desk.visit), **changes)

    at = next((field for start, field in AT.items() if start in sentence), name)
    assert_refused(answer, at, sentence)
    for field in {"patient_contact", "notes", "reason"} - {name}:
        assert held(answer, field) == changes.get(field, "New patient")


@pytest.mark.parametrize("name", ["patient_name", "provider", "date", "start_time", "duration", "visit_type"])
def test_a_field_that_is_missing_altogether_is_an_error_and_no_crash(desk: Desk, name: str) -> None:
    answer = send(desk.client, open_change(desk.client, desk.visit), **{name: []})

    assert answer.status_code == 422
    assert complaint(answer, name).near


def test_an_empty_form_is_an_error_and_no_crash(desk: Desk) -> None:
    token = csrf_of(desk.client.get("/"))
    for kind in ("edit", "ask"):
        for path in (f"/visits/{desk.visit}/{kind}", f"/visits/{desk.visit}/{kind}/confirm"):
            assert desk.client.post(path, data={"csrf_token": token}).status_code in {409, 422}, path
    assert desk.client.post(f"/visits/{desk.visit}/cancel/confirm", data={"csrf_token": token}).status_code == 422


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "１", "9" * 40, "\0"])
def test_a_version_that_is_none_is_another_version(desk: Desk, version: str) -> None:
    answer = send(desk.client, open_change(desk.client, desk.visit), version=version, reason="Mine")

    assert answer.status_code == 409
    assert "This visit was changed meanwhile" in words(answer)


@pytest.mark.parametrize(
    ("changes", "name", "sentence"),
    [
        ({"repeat_count": "0"}, "repeat_count", "Write how many visits there are in all, at most 52."),
        ({"repeat_count": ""}, "repeat_count", "Write how many visits there are in all, at most 52."),
        ({"repeat_count": "53"}, "repeat_count", "Write how many visits there are in all, at most 52."),
        ({"repeat_count": "six"}, "repeat_count", "Write a whole number, for example 6."),
        ({"repeat": "yearly"}, "repeat", "Choose from the list how the visit repeats."),
        ({"ends": "until", "repeat_until": ""}, "repeat_until", "Choose the last date."),
        ({"ends": "until", "repeat_until": "2026-11-30"}, "repeat", "The last date is before the first one."),
        ({"weekdays": ["9"]}, "weekdays", "Choose days of the week."),
        ({"date": "2026-12-02"}, "date", "The date can be changed for one visit only. Choose “This visit”."),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_rule_that_can_not_be_is_said_at_its_field(desk: Desk, changes, name: str, sentence: str) -> None:
    page = open_change(desk.client, desk.first + 1)

    assert_refused(send(desk.client, page, reach="following", **changes), name, sentence)


def test_an_empty_name_and_a_date_that_has_passed_are_said_in_one_round(desk: Desk) -> None:
    answer = send(desk.client, open_change(desk.client, desk.visit), patient_name="", date="2026-11-20")

    assert answer.status_code == 422
    assert complaint(answer, "patient_name").near == "Write the patient's name."
    assert "that time has passed in Los Angeles" in complaint(answer, "date").near
    assert "2 fields need a change" in words(answer)


def test_texts_that_are_too_long_are_said_with_what_stands_against_the_plan(desk: Desk) -> None:
    answer = send(desk.client, open_change(desk.client, desk.visit, "ask"), notes="x" * 1001, interpreter=[])

    assert "Write at most 1000 characters." in complaint(answer, "notes").near
    assert "2 fields need a change" in words(answer)
    assert "Choose at least one company or group to ask, or choose no language." in words(answer)


def test_the_date_of_all_visits_can_not_be_one(desk: Desk) -> None:
    answer = send(desk.client, open_change(desk.client, desk.first + 1), reach="all", date="2026-12-02")

    assert_refused(answer, "date", "The date can be changed for one visit only. Choose “This visit”.")


@pytest.mark.parametrize("start", ["02:00", "02:30", "02:59"])
def test_a_time_that_the_clock_jumps_over_is_refused(desk: Desk, start: str) -> None:
    answer = send(desk.client, open_change(desk.client, desk.visit), date="2027-03-14", start_time=start)

    assert_refused(
        answer, "start_time", "The clock jumps over this time on that day. Choose an earlier or a later one."
    )


def test_a_time_that_comes_twice_takes_the_first_and_says_so(desk: Desk) -> None:
    page = preview(desk.client, desk.visit, date="2027-11-07", start_time="01:30")

    assert "The clock goes back on that day and 01:30 comes twice. The visit takes the first, PDT (UTC−7)." in words(
        page
    )


def test_another_clinics_ids_are_refused_in_every_field(desk: Desk) -> None:
    page = open_change(desk.client, desk.visit)
    answer = send(desk.client, page, provider=str(desk.harbor.users["provider"]))
    assert_refused(answer, "provider", NO_PROVIDER)
    for pick in (f"company:{desk.harbor.companies['Clearsign']}", f"group:{desk.harbor.groups['ASL daytime']}"):
        for kind in ("edit", "ask"):
            answer = send(desk.client, open_change(desk.client, desk.visit, kind), interpreter=[pick])
            assert_refused(answer, "interpreter", NOT_LISTED)
            assert "Harbor" not in answer.text


def test_another_clinics_ids_have_no_names_on_a_conflict_page(desk: Desk) -> None:
    theirs = f"company:{desk.harbor.companies['Northlight']}"

    answer = send(
        desk.client,
        open_change(desk.client, desk.visit),
        version="0",
        interpreter=[theirs],
        provider=str(desk.harbor.users["provider"]),
    )

    assert answer.status_code == 409
    assert "An interpreter that is not on the list any more" in words(answer)
    assert "Harbor" not in answer.text
    assert "Northlight" not in words(answer)


def test_people_who_are_no_active_providers_can_not_be_chosen(world: World) -> None:
    visit = world.book()
    left = world.add_user(Role.PROVIDER, "Dr. Left", active=False)
    client = world.login()

    for user in (world.clinic.users["scheduler"], world.clinic.users["admin"], left):
        assert_refused(send(client, open_change(client, visit), provider=str(user)), "provider", NO_PROVIDER)


def test_a_group_emptied_while_the_form_is_open_is_said_at_the_field(world: World) -> None:
    visit = world.book()
    client = world.login()
    group = f"group:{world.clinic.groups['ASL daytime']}"
    for kind in ("edit", "ask"):
        page = open_change(client, visit, kind)
        with world.jobs.app_context(), transaction() as session:
            session.query(HuntGroupMember).delete()
        answer = send(client, page, language="ase", interpreter=[group])
        assert_refused(answer, "interpreter", "ASL daytime: No company of this group can be asked now.")


@pytest.mark.parametrize("kind", ["edit", "ask"])
def test_a_company_suspended_between_preview_and_confirm_is_an_error_at_the_field(world: World, kind: str) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    client = world.login()
    page = preview(client, visit, kind, notes="Mine")
    world.change(Company, world.clinic.companies["Clearsign"], accredited=False)

    answer = confirm(client, page)

    assert_refused(answer, "interpreter", "Clearsign is suspended and can't be asked. Choose another.")
    assert held(answer, "notes") == "Mine"
    assert len(ticked(answer)) == 2
    assert len(world.invites_of(visit)) == 2


def test_a_start_that_passes_between_preview_and_confirm_is_said_at_its_field(world: World) -> None:
    visit = world.book()
    client = world.login()
    page = preview(client, visit, date="2026-11-23", start_time="12:05")
    world.pass_time(minutes=5)

    assert_refused(
        confirm(client, page),
        "start_time",
        "On Mon 23 Nov 2026 that time has passed in Los Angeles. Choose a later one.",
    )


def test_a_reach_whose_other_visits_are_gone_by_confirm_is_shown_again(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()
    page = preview(client, first + 3, reach="following", duration="60")
    for number in (4, 5):
        world.change(Visit, first + number, status=VisitStatus.CANCELLED, version=2)

    answer = confirm(client, page)
    assert answer.status_code == 409
    assert "Another visit of the series was changed a moment ago." in words(answer)
    assert "Tue 29 Dec 2026" not in words(answer)
    assert confirm(client, answer).status_code == 303
    assert world.badge(first + 5) == "Cancelled"
    assert world.badge(first + 3) == "Pending Request"


def test_a_series_of_which_one_visit_is_left_still_has_its_reaches(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    for number in range(5):
        world.change(Visit, first + number, status=VisitStatus.CANCELLED)
    client = world.login()

    page = open_change(client, first + 5)
    assert "All (1 visit to come)" in words(page)
    assert confirm(client, preview(client, first + 5, reach="all", duration="60")).status_code == 303


def test_a_cancelled_or_past_visit_opens_no_form(world: World) -> None:
    cancelled, past = world.book(), world.book()
    world.change(Visit, cancelled, status=VisitStatus.CANCELLED)
    client = world.login()
    for kind in ("edit", "ask", "cancel"):
        answer = client.get(f"/visits/{cancelled}/{kind}")
        assert answer.status_code == 409
        assert "This visit is cancelled." in words(answer)
    world.pass_time(days=2)
    client = world.login()
    for kind in ("edit", "ask", "cancel"):
        answer = client.get(f"/visits/{past}/{kind}")
        assert answer.status_code == 409
        assert "This visit is over. It stays in the history as it was." in words(answer)
        assert soup_of(answer).find("a", href=f"/visits/{past}") is not None
