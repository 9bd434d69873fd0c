"""SECRET_KEY is changed: what the old one has signed goes on working beside it, and ends when it is removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.booking import confirm, filled, is_form, kept, preview
from tests.web.checks import csrf_of, values_of
from tests.web.visitors import another_portal
from tests.world import PASSWORD, World, hidden

NEW_KEY = "a-newer-key-for-tests-that-is-long-enough"
SCHEDULER = "scheduler@demo.example"


@contextmanager
def portal_with(world: World, *keys: str) -> Iterator[Flask]:
    """The portal, started anew with these keys."""
    with another_portal(replace(world.settings, secret_keys=keys)) as app:
        yield app


@contextmanager
def rotated(world: World) -> Iterator[tuple[Flask, Flask]]:
    """The portal with the old key behind the new one, and with the new one alone."""
    with portal_with(world, NEW_KEY, *world.settings.secret_keys) as during, portal_with(world, NEW_KEY) as after:
        yield during, after


def moved(client: FlaskClient, app: Flask) -> FlaskClient:
    """The same browser, at the app as it was started anew."""
    there = app.test_client()
    for name in ("session", "known"):
        cookie = client.get_cookie(name)
        if cookie is not None:
            there.set_cookie(name, cookie.value)
    return there


def test_a_login_goes_on_beside_the_old_key_and_ends_with_it(world: World) -> None:
    client = world.login()
    with rotated(world) as (during, after):
        assert moved(client, during).get("/board").status_code == 200
        assert moved(client, after).get("/board").location == "/login?next=/board"


def test_a_login_made_meanwhile_outlives_the_old_key(world: World) -> None:
    with rotated(world) as (during, after):
        client = during.test_client()
        token = csrf_of(client.get("/login"))
        client.post("/login", data={"csrf_token": token, "email": SCHEDULER, "password": PASSWORD})

        assert moved(client, after).get("/board").status_code == 200


def test_a_form_that_was_open_can_be_sent_beside_the_old_key(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world, ask=["Clearsign"]))
    with rotated(world) as (during, after):
        assert confirm(moved(client, after), page).status_code in {400, 401}
        answer = confirm(moved(client, during), page)

    assert answer.status_code == 303
    assert answer.location.startswith("/visits/")


def test_a_login_page_that_was_open_can_be_sent_beside_the_old_key(world: World) -> None:
    client = world.portal.test_client()
    data = {"csrf_token": csrf_of(client.get("/login")), "email": SCHEDULER, "password": PASSWORD}
    with rotated(world) as (during, after):
        assert moved(client, after).post("/login", data=data).status_code == 400
        assert moved(client, during).post("/login", data=data).status_code == 303


def test_a_draft_behind_a_login_opens_beside_the_old_key(world: World) -> None:
    values = filled(world, ask=["Clearsign"])
    page = preview(world.login(), values)
    stranger = world.portal.test_client()
    waiting = confirm(stranger, page)
    draft = hidden(waiting, "draft")
    assert draft

    with rotated(world) as (during, after):
        for app, is_kept in ((during, True), (after, False)):
            client = app.test_client()
            token = csrf_of(client.get("/login"))
            data = {"csrf_token": token, "email": SCHEDULER, "password": PASSWORD, "draft": draft}
            answer = client.post("/login", data=data)
            assert (answer.status_code == 200 and is_form(answer)) is is_kept
            assert not is_kept or kept(answer) == values


def test_the_author_of_an_open_form_is_known_beside_the_old_key(world: World) -> None:
    page = preview(world.login(), filled(world, ask=["Clearsign"]))
    with rotated(world) as (during, after):
        for app, is_known in ((during, True), (after, False)):
            lost = confirm(app.test_client(), page)
            assert lost.status_code == 401
            assert bool(hidden(lost, "draft")) is is_known


def test_a_mailed_link_opens_beside_the_old_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.passwords.EVEN_SECONDS", 0.0)
    client = world.portal.test_client()
    client.post(
        "/password/forgot", data=values_of(client.get("/password/forgot"), field="email") | {"email": SCHEDULER}
    )
    world.tick()
    text = world.open_mail(to=SCHEDULER).text
    path = next(word.removeprefix(world.settings.portal_url) for word in text.split() if "/password/set/" in word)

    with rotated(world) as (during, after):
        assert after.test_client().get(path).status_code == 410
        assert during.test_client().get(path).status_code == 200


def test_a_browser_stays_known_beside_the_old_key(world: World) -> None:
    client = world.login()
    client.delete_cookie("session")

    def checked_tries(app: Flask) -> int:
        there = moved(client, app)
        data = {"csrf_token": csrf_of(there.get("/login")), "email": SCHEDULER, "password": "wrong"}
        return [there.post("/login", data=data).status_code for _ in range(6)].count(422)

    with rotated(world) as (during, after):
        assert (checked_tries(during), checked_tries(after)) == (6, 5)
