"""Forgotten passwords, links from mails, and one's own account page."""

import hashlib
import logging
import re
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal import passwords as pages
from portal.access import ACCESS
from shared.models import User
from shared.states import MailKind, Role
from shared.tokens import LinkKind
from tests.actions.desk import tokens_of
from tests.actions.half_way import give_factor
from tests.databases import SqliteTemplate
from tests.web.checks import complaint, csrf_of, dump, soup_of, values_of, words
from tests.web.conftest import checked
from tests.web.factors import give_password, is_in, send_code
from tests.web.routes import GET, routes
from tests.world import PASSWORD, World, build_world

NEW = "quiet river under stone"
SCHEDULER = "scheduler@demo.example"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to "forgot" take no longer than they need, but where a test is about that."""
    monkeypatch.setattr(pages, "EVEN_SECONDS", 0.0)


def ask(client: FlaskClient, email: str = SCHEDULER) -> TestResponse:
    """Go from the login page to the form and ask for a link."""
    link = soup_of(client.get("/login")).find("a", string="Forgot your password?")
    assert link is not None
    form = client.get(str(link["href"]))
    return client.post("/password/forgot", data={"csrf_token": csrf_of(form), "email": email})


def mailed(world: World, *, to: str = SCHEDULER) -> str:
    """The path of the link in the newest mail."""
    found = re.search(rf"{re.escape(world.settings.portal_url)}(/password/set/\S+)", world.open_mail(to=to).text)
    assert found is not None
    return found[1]


def link_of(world: World, *, to: str = SCHEDULER) -> str:
    """Ask, let the mail arrive, and take its link."""
    ask(world.portal.test_client(), to)
    world.tick()
    return mailed(world, to=to)


def choose(client: FlaskClient, path: str, password: str = NEW, again: str | None = None) -> TestResponse:
    """Open the link, type the password twice, send it."""
    data = values_of(client.get(path), field="password")
    return client.post(path, data=data | {"password": password, "again": password if again is None else again})


def enter(world: World, password: str, email: str = SCHEDULER) -> TestResponse:
    client = world.portal.test_client()
    token = csrf_of(client.get("/login"))
    return client.post("/login", data={"csrf_token": token, "email": email, "password": password})


def test_a_forgotten_password_is_replaced_by_mail(world: World) -> None:
    inside, client = world.login(), world.portal.test_client()

    answer = ask(client)
    assert "Look into your mail" in words(client.get(answer.location))
    world.tick()
    page = client.get(mailed(world))
    assert "For Scheduler of Riverside Clinic, Riverside Clinic." in words(page)
    done = choose(client, mailed(world))

    assert "Log in with the new password." in words(client.get(done.location))
    assert inside.get("/board").location.startswith("/login")
    assert enter(world, PASSWORD).status_code == 422
    assert enter(world, NEW).status_code == 303


def test_a_mailed_link_logs_nobody_in_and_the_new_password_leads_to_the_code(world: World) -> None:
    owner, client = give_factor(world), world.portal.test_client()
    send_code(client, give_password(client), owner.phone.code(world.now))
    assert is_in(client)

    done = choose(client, link_of(world))
    assert done.status_code == 303
    client.get(done.location)

    tried = [route for route in routes(world.portal) if route.endpoint in ACCESS and route.method == GET]
    assert len(tried) > 30
    for route in tried:
        assert (client.get(route.path).location or "").startswith("/login"), route
    page = give_password(client, password=NEW)
    assert page.request.path == "/login/code"
    assert not is_in(client)
    world.pass_time(seconds=30)
    assert send_code(client, page, owner.phone.code(world.now)).status_code == 303
    assert is_in(client)


@pytest.mark.parametrize("email", [SCHEDULER, "nobody@demo.example", "left@demo.example", "not an address"])
def test_the_answer_is_the_same_whether_or_not_somebody_has_the_address(world: World, email: str) -> None:
    world.add_user(Role.STAFF, "Left", active=False)
    client = world.portal.test_client()

    answer = ask(client, email)

    assert (answer.status_code, answer.location) == (303, "/password/asked")
    assert email not in client.get(answer.location).text
    assert len(world.outbox()) == (email == SCHEDULER)


def test_the_answer_takes_as_long_whether_or_not_somebody_has_the_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "EVEN_SECONDS", 0.25)
    client = world.portal.test_client()
    token = csrf_of(client.get("/password/forgot"))

    for email in (SCHEDULER, "nobody@demo.example"):
        began = time.monotonic()
        client.post("/password/forgot", data={"csrf_token": token, "email": email})
        assert time.monotonic() - began >= 0.25, email


def test_asking_without_an_address_says_what_is_missing(world: World) -> None:
    answer = ask(world.portal.test_client(), "")

    assert answer.status_code == 422
    assert "Write your e-mail address." in complaint(answer, "email").near


def test_opening_a_link_changes_nothing_however_often(world: World) -> None:
    path = link_of(world)
    before = dump(world)

    client = world.portal.test_client()
    for _ in range(3):
        assert client.get(path).status_code == 200
        assert client.head(path).status_code == 200

    assert dump(world) == before
    assert choose(client, path).status_code == 303


def test_a_dead_link_says_how_to_get_another_and_changes_nothing(world: World) -> None:
    used = link_of(world)
    choose(world.portal.test_client(), used)
    old = link_of(world)
    data = values_of(world.portal.test_client().get(old), field="password")
    world.pass_time(hours=1)
    before = dump(world)

    for path in (used, old, "/password/set/x.y", "/password/set/" + "a" * 3000, old + "x", old[:-1]):
        client = world.portal.test_client()
        token = csrf_of(client.get("/password/forgot"))
        for answer in (client.get(path), client.post(path, data=data | {"csrf_token": token, "password": NEW})):
            assert answer.status_code == 410, path
            assert "Ask for a new link" in words(answer)
            assert "Riverside" not in answer.text
    assert dump(world) == before


def test_another_kind_of_link_sets_no_password(world: World) -> None:
    token = link_of(world).rpartition("/")[2]
    link = tokens_of(world).read_link(LinkKind.PASSWORD, token)
    assert link is not None

    for kind in (LinkKind.INVITE, LinkKind.GUEST):
        other = tokens_of(world).link(kind, link.public_id)
        assert world.portal.test_client().get(f"/password/set/{other}").status_code == 410


@pytest.mark.parametrize(
    ("password", "again", "field", "sentence"),
    [
        ("", "", "password", "Choose a password."),
        (NEW, "", "again", "Type the new password once more."),
        (NEW, NEW + "s", "again", "The two passwords differ."),
        ("short", "short", "password", "Use at least 12 characters."),
        ("x" * 201, "x" * 201, "password", "Use at most 200 characters."),
        ("password1234", "password1234", "password", "This is easy to guess."),
        (SCHEDULER, SCHEDULER, "password", "This is too close to your name"),
        ("quiet\0river\0stone", "quiet\0river\0stone", "password", "can't be read"),
    ],
)
def test_what_is_wrong_with_a_password_is_said_and_no_password_is_shown_again(
    world: World, password: str, again: str, field: str, sentence: str
) -> None:
    path, client = link_of(world), world.portal.test_client()
    client.get(path)  # a first visit makes the session
    before = dump(world)

    answer = choose(client, path, password, again)

    assert answer.status_code == 422
    assert sentence in complaint(answer, field).near
    kept = values_of(answer, field="password")
    assert (kept["password"], kept["again"]) == ([""], [""])
    assert dump(world) == before
    assert choose(client, path).status_code == 303


def test_a_leaked_password_is_taken_neither_by_a_mailed_link_nor_on_ones_own_page(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    file = tmp_path / "leaked.txt"
    file.write_text(hashlib.sha1(NEW.encode()).hexdigest().upper() + ":17\n")
    with sqlite_template.database() as url, build_world(url, LEAKED_PASSWORDS_FILE=str(file)) as world:
        path, client = link_of(checked(world)), world.portal.test_client()
        own = world.login()
        old = values_of(own.get("/account"), field="old") | {"old": PASSWORD, "password": NEW, "again": NEW}

        for answer in (choose(client, path), own.post("/account", data=old)):
            assert answer.status_code == 422
            assert "has been stolen" in complaint(answer, "password").near
        assert choose(client, path, NEW + "s").status_code == 303


def test_password_managers_can_tell_the_fields_apart(world: World) -> None:
    page = soup_of(world.portal.test_client().get(link_of(world)))

    assert [tag.get("autocomplete") for tag in page.select("main input:not([type=hidden])")] == [
        "username", "new-password", "new-password",
    ]  # fmt: skip


def test_a_form_without_its_token_sets_nothing(world: World) -> None:
    path = link_of(world)
    before = dump(world)

    for where in (path, "/password/forgot"):
        answer = world.portal.test_client().post(where, data={"email": SCHEDULER, "password": NEW, "again": NEW})
        assert answer.status_code == 400, where
    assert dump(world) == before


def test_an_invited_person_chooses_a_first_password(world: World) -> None:
    world.change(User, world.clinic.users["scheduler"], password_hash=None)
    client = world.portal.test_client()
    path = link_of(world)
    assert world.outbox()[0].kind is MailKind.USER_INVITE

    assert "Choose your password" in words(client.get(path))
    choose(client, path)

    assert enter(world, NEW).status_code == 303


def test_no_log_line_holds_a_link_or_a_password(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    path = link_of(world)
    token = path.rpartition("/")[2]
    client = world.portal.test_client()
    choose(client, path, "short")
    choose(client, path)

    client.get(path)

    told = "\n".join([record.getMessage() for record in caplog.records] + [str(dump(world))])
    assert token not in told
    assert NEW not in told


def test_everybody_changes_the_own_password_and_stays_logged_in_here_only(world: World) -> None:
    for role in Role:
        here, there = world.login(role), world.login(role)
        page = here.get("/account")
        assert f"Role {role.value.capitalize()}" in words(page)

        data = values_of(page, field="old") | {"old": PASSWORD, "password": NEW, "again": NEW}
        answer = here.post("/account", data=data)

        assert answer.status_code == 303, words(answer)
        assert "Your password is changed." in words(here.get(answer.location))
        assert here.get("/board").status_code == 200
        assert there.get("/board").location.startswith("/login")
        assert enter(world, NEW, f"{role}@demo.example").status_code == 303


@pytest.mark.parametrize(
    ("old", "password", "field", "sentence"),
    [
        ("", NEW, "old", "Type your current password."),
        ("not this one at all", NEW, "old", "This is not your current password."),
        (PASSWORD, "short", "password", "Use at least 12 characters."),
        (PASSWORD, PASSWORD, "password", "This is your password already. Choose another one."),
    ],
)
def test_a_change_that_is_refused_says_why(world: World, old: str, password: str, field: str, sentence: str) -> None:
    client = world.login()
    data = values_of(client.get("/account"), field="old")

    answer = client.post("/account", data=data | {"old": old, "password": password, "again": password})

    assert answer.status_code == 422
    assert sentence in complaint(answer, field).near
    assert values_of(answer, field="old")["old"] == [""]
    assert enter(world, PASSWORD).status_code == 303


def test_the_menu_leads_to_the_account(world: World) -> None:
    page = world.login(Role.STAFF).get("/")

    assert soup_of(page).select_one('details.person a[href="/account"]') is not None
