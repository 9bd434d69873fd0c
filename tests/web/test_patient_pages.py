"""One patient's data on the administrators' pages: found, read, downloaded, erased, and never in an address."""

import json
from datetime import date

import pytest
from bs4 import Tag
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.audit import AuditEvent
from shared.states import Role
from tests.actions.changing import cancel
from tests.actions.desk import snapshot
from tests.web.checks import complaint, csrf_of, soup_of, words
from tests.world import PASSWORD, World

PATIENTS = "/admin/patients"
NAME, CONTACT, REASON, NOTES = "Jonah Pike", "+1 555 0199", "New patient", "He is hard of hearing."


def press(client: FlaskClient, page: TestResponse, button: str, **typed: str | list[str]) -> TestResponse:
    """Press a button of a page's form, with everything that the form carries and some fields filled in."""
    found = next(tag for tag in soup_of(page).select("main button") if button in " ".join(tag.get_text().split()))
    form = found.find_parent("form")
    assert isinstance(form, Tag)
    data: dict[str, str | list[str]] = {}
    for tag in form.find_all("input"):
        ticked = tag.get("type") != "checkbox" or tag.has_attr("checked")
        if ticked and tag.get("name"):
            data.setdefault(str(tag["name"]), []).append(str(tag.get("value", "")))  # type: ignore[union-attr]
    if found.get("name"):
        data[str(found["name"])] = str(found["value"])
    return client.post(str(found.get("formaction") or form["action"]), data=data | typed)


def find(client: FlaskClient, *, name: str = NAME, contact: str = "") -> TestResponse:
    return press(client, client.get(PATIENTS), "Find visits", name=name, contact=contact)


def held(world: World) -> int:
    """A visit with notes that was held; its request was declined, with a reason."""
    visit = world.book(ask=["Clearsign"], notes=NOTES)
    world.tick()
    world.open_mail(to="Clearsign").press("Decline")
    world.tick()
    world.pass_time(days=3)
    return visit


def ticked(page: TestResponse) -> list[str]:
    return [str(tag["value"]) for tag in soup_of(page).select("input[name=visit][checked]")]


def test_a_patient_is_found_read_downloaded_and_erased_without_scripts(world_on_either: World) -> None:
    world = world_on_either
    past = held(world)
    coming, cancelled = world.book(day=date(2026, 12, 1)), world.book(day=date(2026, 12, 2))
    cancel(world, cancelled, why="Jonah is ill")
    client = world.login(Role.ADMIN)

    found = find(client)
    assert f"{NAME} {CONTACT}" in words(found)
    assert ticked(found) == []
    found = press(client, found, "Tick all 3")
    assert ticked(found) == [str(visit) for visit in (past, coming, cancelled)]
    shown = press(client, found, "Show what is held")
    assert all(text in words(shown) for text in (NAME, CONTACT, REASON, NOTES, "Jonah is ill", "created the visit"))
    file = press(client, shown, "Download as JSON")
    assert [visit["id"] for visit in json.loads(file.data)["visits"]] == [past, coming, cancelled]

    preview = press(client, shown, "Erase…")
    assert "1 visit is still to come" in words(preview)
    assert "name, e-mail or phone, reason, reason for cancelling" in words(preview)
    assert "notes for interpreters: free text, which may speak of the patient" in words(preview)
    question = press(client, preview, "Go on to the last question")
    assert "This erases the patient from 2 visits and the free texts of 1 request." in words(question)
    done = press(client, question, "Erase for good", typed=" Erase 2 Visits ")

    assert (done.status_code, done.location) == (303, f"{PATIENTS}?erased=2")
    assert "The patient is erased from 2 visits." in words(client.get(done.location))
    assert [visit["value"] for visit in soup_of(find(client)).select("input[name=visit]")] == [str(coming)]
    details = client.get(f"/visits/{past}")
    assert soup_of(details).h1.get_text() == "Visit A-10001"  # type: ignore[union-attr]
    assert "Patient data removed" in words(details)
    assert "Admin of Riverside Clinic erased the patient's name, the patient's contact and reason" in words(details)
    assert NAME not in words(details)


def test_nothing_is_erased_before_the_words_are_typed(world: World) -> None:
    held(world)
    client = world.login(Role.ADMIN)
    question = _question(client)
    before = snapshot(world, without=("user_session",))

    for typed in ("", "erase", "erase 2 visits", "erase 1 visits", "yes"):
        answer = press(client, question, "Erase for good", typed=typed)
        assert answer.status_code == 422
        assert "Nothing is erased yet." in complaint(answer, "typed").near
    assert snapshot(world, without=("user_session",)) == before


def _question(client: FlaskClient) -> TestResponse:
    """The last question about the one visit that is found."""
    found = find(client)
    [visit] = [str(tag["value"]) for tag in soup_of(found).select("input[name=visit]")]
    return press(client, press(client, found, "Erase…", visit=visit), "Go on to the last question")


def test_what_changed_meanwhile_is_shown_again_and_not_erased(world: World) -> None:
    visit = world.book(day=date(2026, 12, 1))
    cancel(world, visit)
    client = world.login(Role.ADMIN)
    question = _question(client)
    press(client, _question(client), "Erase for good", typed="erase 1 visit")

    late = press(client, question, "Erase for good", typed="erase 1 visit")

    assert late.status_code == 409
    assert "Something changed since this page was shown." in words(late)
    assert "Nothing is left to erase" in words(late)


def test_a_promise_of_somebody_else_or_of_nobody_erases_nothing(world: World) -> None:
    held(world)
    question = _question(world.login(Role.ADMIN))
    promise = str(soup_of(question).select("input[name=promise]")[0]["value"])
    world.add_user(Role.ADMIN, "Second Admin")
    second = world.portal.test_client()
    page = second.get("/login")
    second.post("/login", data={"csrf_token": csrf_of(page), "email": "secondadmin@demo.example", "password": PASSWORD})
    token = csrf_of(second.get(PATIENTS))
    before = snapshot(world, without=("user_session", "audit_entry"))

    for forged in (promise, promise[:-2] + "xx", "", "x.y"):
        for typed in ("erase 1 visit", "erase notes"):
            data = {"csrf_token": token, "promise": forged, "typed": typed}
            answer = second.post(f"{PATIENTS}/erase/confirm", data=data)
            assert answer.status_code == 409, forged
            assert second.post(f"{PATIENTS}/erase/question", data=data).status_code == 409
    assert snapshot(world, without=("user_session", "audit_entry")) == before


@pytest.mark.parametrize("step", ["", "/held", "/file", "/erase", "/erase/question", "/erase/confirm"])
def test_every_step_is_posted_with_a_token_and_by_administrators_alone(world: World, step: str) -> None:
    visit = held(world)
    logins = ("user_session", "throttle")
    before = snapshot(world, without=logins)
    data = {"name": NAME, "visit": str(visit), "typed": "erase 1 visit"}

    assert world.login(Role.ADMIN).post(PATIENTS + step, data=data).status_code == 400
    if step:
        assert world.login(Role.ADMIN).get(PATIENTS + step).status_code == 405
    for role in (Role.PROVIDER, Role.SCHEDULER, Role.STAFF):
        client = world.login(role)
        assert client.post(PATIENTS + step, data=data | {"csrf_token": csrf_of(client.get("/"))}).status_code == 403
    after = snapshot(world, without=logins)
    assert [row for name, rows in after.items() if name != "audit_entry" for row in rows] == [
        row for name, rows in before.items() if name != "audit_entry" for row in rows
    ]


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"name": "", "contact": ""}, "name", "Write a name, or an e-mail address or phone number."),
        ({"name": "--", "contact": ""}, "name", "Write at least one letter"),
        ({"name": "", "contact": "555"}, "contact", "at least 4 digits"),
        ({"name": "x" * 121, "contact": ""}, "name", "Write at most 120 characters."),
        ({"name": "Jonah\x00Pike", "contact": ""}, "name", "characters that can't be read"),
    ],
)
def test_what_nobody_can_be_found_by_is_said_at_its_field(
    world: World, values: dict[str, str], field: str, says: str
) -> None:
    client = world.login(Role.ADMIN)
    client.illegible = True  # type: ignore[attr-defined]

    answer = find(client, **values)

    assert answer.status_code == 422
    assert says in complaint(answer, field).near


@pytest.mark.parametrize("button", ["Show what is held", "Erase…"])
def test_without_a_tick_the_list_comes_back_and_says_so(world: World, button: str) -> None:
    held(world)
    client = world.login(Role.ADMIN)

    answer = press(client, find(client), button)

    assert answer.status_code == 422
    assert "Tick the visits that are this person's." in words(answer)
    assert soup_of(answer).select("input[name=visit]")


def test_nobody_found_is_said(world: World) -> None:
    assert "No visit holds this." in words(find(world.login(Role.ADMIN), name="Nobody"))


def test_no_page_of_the_way_has_the_patient_in_an_address(world: World) -> None:
    held(world)
    client = world.login(Role.ADMIN)
    pages = [found := find(client)]
    pages.append(shown := press(client, found, "Show what is held", visit="1"))
    pages.append(preview := press(client, shown, "Erase…"))
    pages.append(press(client, preview, "Go on to the last question"))

    for page in pages:
        assert page.status_code == 200
        assert page.request.query_string == b""
        addresses = [str(tag.get(name)) for tag in soup_of(page).find_all(True) for name in ("href", "action")]
        assert not [address for address in addresses if "Pike" in address or "0199" in address or "=Jonah" in address]
        assert page.headers["Cache-Control"] == "no-store"


def test_the_file_is_for_programs_and_taking_it_is_in_the_trail(world: World) -> None:
    visit = held(world)
    client = world.login(Role.ADMIN)
    shown = press(client, find(client), "Show what is held", visit=str(visit))
    before = len(world.trail())
    file = press(client, shown, "Download as JSON")

    assert file.mimetype == "application/json"
    assert file.headers["Content-Disposition"] == 'attachment; filename="patient-data-2026-11-26.json"'
    content = json.loads(file.data)
    assert content["made_by"] == "Admin of Riverside Clinic"
    assert content["made_at"].endswith("Z")
    assert content["visits"][0]["patient_name"] == NAME
    assert content["requests"][0]["companies"][0]["answer"] == "declined"
    assert content["trail"][0]["event"] == "visit_created"
    assert len(content["not_included"]) == 3
    new = world.trail()[before:]
    assert [(line.what, line.visit_id) for line in new] == [(AuditEvent.PATIENT_EXPORTED, visit)]
    assert "downloaded what is held about the patient" in words(client.get(f"/visits/{visit}"))


def test_back_leads_to_the_list_with_its_ticks(world: World) -> None:
    visit = held(world)
    client = world.login(Role.ADMIN)
    preview = press(client, find(client), "Erase…", visit=str(visit))

    assert ticked(press(client, preview, "Back to the list")) == [str(visit)]
