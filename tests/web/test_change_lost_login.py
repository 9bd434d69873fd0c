"""A login that gets lost while a visit is being changed: the form waits, sealed, and comes back where it was."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.states import Role
from tests.web.changing import cancel, confirm, held, is_promise, open_change, preview, send, ticked
from tests.web.checks import PATIENT, dump, soup_of, words
from tests.web.test_lost_login import LOSSES, assert_sealed, log_in
from tests.world import World

STILL_HERE = "You had been logged out. Everything you filled in is still here."


def sent(client: FlaskClient, page: TestResponse, at: str) -> TestResponse:
    """Send the form or the preview at hand."""
    return confirm(client, page) if at == "confirm" else send(client, page, notes="Mine")


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize(
    ("kind", "at"), [("edit", "preview"), ("edit", "confirm"), ("ask", "preview"), ("ask", "confirm")]
)
def test_a_filled_form_comes_back_on_its_own_page(world: World, lose, kind: str, at: str) -> None:
    visit = world.book(ask=["Clearsign", "Lumen"])
    client = world.login()
    page = open_change(client, visit, kind) if at == "preview" else preview(client, visit, kind, notes="Mine")
    client = lose(world, client)
    before = dump(world)

    login = sent(client, page, at)
    assert_sealed(login)
    assert dump(world) == before
    restored = log_in(client, login)

    assert restored.status_code == 200
    assert STILL_HERE in words(restored)
    assert held(restored, "notes") == "Mine"
    assert len(ticked(restored)) == 2
    assert soup_of(restored).find("form", action=f"/visits/{visit}/{kind}") is not None
    assert confirm(client, send(client, restored)).location == f"/visits/{visit}"


@pytest.mark.parametrize("lose", LOSSES)
def test_a_reason_comes_back_on_the_page_that_cancels(world: World, lose) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = open_change(client, visit, "cancel")
    client = lose(world, client)

    login = confirm(client, page, reason="Patient is ill.")
    assert login.status_code == 401
    assert "Patient is ill" not in login.text
    restored = log_in(client, login)

    assert STILL_HERE in words(restored)
    assert held(restored, "reason") == "Patient is ill."
    assert world.badge(visit) == "Pending Request"
    assert confirm(client, restored).location == f"/visits/{visit}"
    assert world.badge(visit) == "Cancelled"


@pytest.mark.parametrize("kind", ["edit", "ask", "cancel"])
def test_another_person_does_not_get_it(world: World, kind: str) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = open_change(client, visit, "cancel") if kind == "cancel" else preview(client, visit, kind, notes="Mine")
    stranger = world.portal.test_client()

    answer = log_in(stranger, confirm(stranger, page), role=Role.ADMIN)

    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize("kind", ["edit", "ask", "cancel"])
def test_a_login_in_another_tab_does_not_cost_it_and_another_persons_shows_nothing(world: World, kind: str) -> None:
    visit = world.book(ask=["Clearsign"])
    client, admin = world.login(), world.login(Role.ADMIN)
    page = open_change(client, visit, "cancel") if kind == "cancel" else preview(client, visit, kind, notes="Mine")
    changes = {"reason": "Mine"} if kind == "cancel" else {}
    assert "This form is out of date" in words(confirm(admin, page, **changes))
    world.pass_time(minutes=16)
    log_in(client, client.get("/login"))

    answer = confirm(client, page, **changes)

    assert answer.status_code == 400
    assert STILL_HERE in words(answer)
    assert held(answer, "reason" if kind == "cancel" else "notes") == "Mine"
    assert world.badge(visit) == "Pending Request"


def test_a_visit_cancelled_while_nobody_was_logged_in_can_be_created_anew(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = preview(client, visit, start_time="10:15")
    world.pass_time(minutes=16)
    cancel(world.login(Role.ADMIN), visit)

    restored = log_in(client, confirm(client, page))

    assert restored.status_code == 409
    assert "Create a new visit with these values" in words(restored)


def test_a_visit_changed_while_nobody_was_logged_in_meets_the_conflict_page(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = preview(client, visit, start_time="10:15")
    world.pass_time(minutes=16)
    other = world.login(Role.ADMIN)
    confirm(other, preview(other, visit, reason="Theirs"))

    restored = log_in(client, confirm(client, page))
    assert held(restored, "start_time") == "10:15"
    answer = send(client, restored)

    assert answer.status_code == 409
    assert not is_promise(answer)
    assert "This visit was changed meanwhile" in words(answer)


@pytest.mark.parametrize("change", ["edit:999999", "edit:", "edit:x", "ask:-1", "cancel:１", "edit:" + "9" * 40, "\0"])
def test_a_form_that_names_no_visit_of_ones_own_shows_nobodys(world: World, change: str) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = world.book(clinic=harbor, patient_name="Somebody Else")
    visit = world.book(ask=["Clearsign"])
    page = preview(world.login(), visit, start_time="10:15")

    for named in (change, f"edit:{theirs}", f"cancel:{theirs}"):
        client = world.portal.test_client()
        later = log_in(client, confirm(client, page, change=named))
        at_once = confirm(world.login(), page, change=named, csrf_token="of an earlier login")
        for answer, found in ((later, 200), (at_once, 400)):
            assert answer.status_code in {found, 404}, named
            assert "Somebody Else" not in answer.text
            if answer.status_code == 404:
                assert not any(secret in answer.text for secret in PATIENT)
