"""A login that gets lost while a form is being filled in: the form waits, sealed, for the same person."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.states import Role
from tests.web.booking import confirm, filled, is_form, is_preview, kept, preview, send_form
from tests.web.checks import PATIENT, csrf_of, dump, values_of, words
from tests.world import PASSWORD, World, hidden


def lose_cookie(world: World, _client: FlaskClient) -> FlaskClient:
    return world.portal.test_client()


def end_by_logout_elsewhere(world: World, client: FlaskClient) -> FlaskClient:
    held = client.get_cookie("session")
    assert held is not None
    other = world.portal.test_client()
    other.set_cookie("session", held.value)
    other.post("/logout", data={"csrf_token": csrf_of(other.get("/"))})
    return client


def sit_idle(world: World, client: FlaskClient) -> FlaskClient:
    world.pass_time(minutes=16)
    return client


LOSSES = [lose_cookie, end_by_logout_elsewhere, sit_idle]


def log_in(
    client: FlaskClient, page: TestResponse, *, role: Role = Role.SCHEDULER, password: str = PASSWORD, **more: str
) -> TestResponse:
    """Fill in the login page at hand."""
    data: dict[str, str | list[str]] = dict(values_of(page, field="password"))
    data |= {"email": f"{role}@demo.example", "password": password} | more
    return client.post("/login", data=data)


def assert_sealed(page: TestResponse) -> None:
    """The page asks for a login, carries a draft, and nothing of the patient can be read in it."""
    assert page.status_code == 401
    assert values_of(page, field="password")["draft"][0]
    for secret in (*PATIENT, "Cardiology", "Jonah", "company:"):
        assert secret not in page.text


@pytest.mark.parametrize("lose", LOSSES)
def test_a_login_lost_before_the_preview_comes_back_to_the_filled_form(world: World, lose) -> None:
    client = world.login()
    form = client.get("/visits/new")
    values = filled(world, ask=["Clearsign", "Lumen"])
    client = lose(world, client)
    before = dump(world)

    page = send_form(client, values, page=form)
    assert_sealed(page)
    assert dump(world) == before
    restored = log_in(client, page)

    assert restored.status_code == 200
    assert is_form(restored)
    assert kept(restored) == values
    assert "Everything you filled in is still here." in words(restored)
    assert is_preview(send_form(client, kept(restored), page=restored))


@pytest.mark.parametrize("lose", LOSSES)
def test_a_login_lost_before_confirm_comes_back_to_the_filled_form(world: World, lose) -> None:
    client = world.login()
    values = filled(world, ask=["Clearsign"])
    page = preview(client, values)
    client = lose(world, client)

    login = confirm(client, page)
    assert_sealed(login)
    assert dump(world)["visit"] == []
    restored = log_in(client, login)

    assert kept(restored) == values
    assert dump(world)["visit"] == []
    assert confirm(client, send_form(client, kept(restored), page=restored)).status_code == 303


def test_another_person_does_not_get_the_form(world: World) -> None:
    page = preview(world.login(), filled(world, ask=["Clearsign"]))
    client = world.portal.test_client()

    answer = log_in(client, confirm(client, page), role=Role.ADMIN)

    assert (answer.status_code, answer.location) == (303, "/")
    for secret in PATIENT:
        assert secret not in answer.text


def test_a_wrong_password_keeps_the_form_waiting(world: World) -> None:
    values = filled(world, ask=["Clearsign"])
    page = preview(world.login(), values)
    client = world.portal.test_client()
    login = confirm(client, page)

    for password in ("wrong", "", "x" * 300):
        login = log_in(client, login, password=password)
        assert login.status_code == 422
        assert values_of(login, field="password")["draft"][0]
        for secret in PATIENT:
            assert secret not in login.text

    assert kept(log_in(client, login)) == values


def test_a_form_with_mistakes_comes_back_as_it_was_sent(world: World) -> None:
    form = world.login().get("/visits/new")
    client = world.portal.test_client()
    values = filled(world, patient_name="", date="2026-13-45", start_time="25:99", patient_contact="x@")

    restored = log_in(client, send_form(client, values, page=form))

    assert restored.status_code == 200
    assert kept(restored) == values


def test_a_form_without_its_author_is_not_kept(world: World) -> None:
    client = world.portal.test_client()
    for author in ("", "made.up", "\0", "WzFd.x"):
        answer = client.post("/visits/new", data=filled(world) | {"author": author})
        assert answer.status_code == 401
        assert values_of(answer, field="password")["draft"] == [""]
        assert "Jonah" not in answer.text


@pytest.mark.parametrize("draft", ["", "x", "gAAAAA==", "é", "\0", "x" * 10_000])
def test_a_draft_that_is_not_ours_is_ignored(world: World, draft: str) -> None:
    client = world.portal.test_client()
    client.illegible = True  # type: ignore[attr-defined]

    answer = log_in(client, client.get("/login"), draft=draft)

    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize("path", ["/admin/settings", "/visits/1/edit"])
def test_what_a_form_opened_with_is_no_draft(world: World, path: str) -> None:
    world.book(ask=["Clearsign"])
    opened = hidden(world.login(Role.ADMIN).get(path), "opened")
    client = world.portal.test_client()

    answer = log_in(client, client.get("/login"), role=Role.ADMIN, draft=opened)

    assert opened
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_draft_waits_twelve_hours_and_no_longer(world: World) -> None:
    form = world.login().get("/visits/new")
    values = filled(world)
    client = world.portal.test_client()
    page = send_form(client, values, page=form)

    world.pass_time(hours=11, minutes=59)
    assert kept(log_in(client, page)) == values

    world.pass_time(minutes=2)
    client = world.portal.test_client()
    answer = log_in(client, page, csrf_token=csrf_of(client.get("/login")))
    assert (answer.status_code, answer.location) == (303, "/")


def test_two_drafts_of_the_same_form_don_t_look_alike(world: World) -> None:
    form = world.login().get("/visits/new")
    values = filled(world)
    client = world.portal.test_client()

    drafts = {values_of(send_form(client, values, page=form), field="password")["draft"][0] for _ in range(2)}

    assert len(drafts) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_=-]+", draft) for draft in drafts)


def test_a_get_of_the_form_just_asks_for_the_login(world: World) -> None:
    client = world.portal.test_client()

    answer = client.get("/visits/new?date=2026-11-24")

    assert (answer.status_code, answer.location) == (303, "/login?next=/visits/new?date%3D2026-11-24")


def test_a_login_in_another_tab_does_not_cost_the_filled_form(world: World) -> None:
    client = world.login()
    values = filled(world, ask=["Clearsign"])
    page = preview(client, values)
    world.pass_time(minutes=16)
    log_in(client, client.get("/login"))

    answer = confirm(client, page)

    assert answer.status_code == 400
    assert is_form(answer)
    assert kept(answer) == values
    assert dump(world)["visit"] == []
    assert is_preview(send_form(client, kept(answer), page=answer))


def test_another_persons_form_is_not_shown_after_a_login_in_another_tab(world: World) -> None:
    page = preview(world.login(), filled(world, ask=["Clearsign"]))
    admin = world.login(Role.ADMIN)

    answer = confirm(admin, page)

    assert answer.status_code == 400
    assert not is_form(answer)
    assert "This form is out of date" in words(answer)
    for secret in PATIENT:
        assert secret not in answer.text
