"""Logging in, staying logged in, logging out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from shared import passwords
from shared.db import reading
from shared.models import User, UserSession
from shared.states import Role
from tests.web.checks import csrf_of, dump, soup_of, values_of, words
from tests.world import PASSWORD, TOMORROW, World, hidden

HTMX = {"HX-Request": "true"}


def log_in(
    client: FlaskClient, email: str = "scheduler@demo.example", password: str = PASSWORD, **more: str
) -> TestResponse:
    token = csrf_of(client.get("/login", query_string={"next": more.get("next", "")}))
    return client.post("/login", data={"csrf_token": token, "email": email, "password": password, **more})


def is_in(client: FlaskClient) -> bool:
    """Whether the browser's login opens a page; does not count as activity."""
    return client.get("/badges?seen=1.p000000", headers=HTMX).status_code == 200


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    return found.value if found else ""


def sessions(world: World) -> list[UserSession]:
    with world.jobs.app_context(), reading() as session:
        return list(session.scalars(select(UserSession).order_by(UserSession.id)))


def test_what_is_wrong_about_a_login_is_never_told(world: World) -> None:
    world.add_user(Role.SCHEDULER, "Left", active=False)
    attempts = [
        ("scheduler@demo.example", "wrong"),
        ("scheduler@demo.example", PASSWORD + " "),
        ("scheduler@demo.example", PASSWORD.upper()),
        ("scheduler@demo.example", "x" * 200),
        ("scheduler@demo.example", "a\0b"),
        ("nobody@demo.example", PASSWORD),
        ("' or 1=1 --", PASSWORD),
        ("left@demo.example", PASSWORD),
    ]

    told = set()
    for email, password in attempts:
        client = world.portal.test_client()
        answer = log_in(client, email, password)
        assert answer.status_code == 422
        assert values_of(answer, field="email") | {"csrf_token": []} == {
            "csrf_token": [],
            "next": [""],
            "draft": [""],
            "email": [email],
            "password": [""],
        }
        assert not is_in(client)
        told.add(words(answer))

    assert len(told) == 1
    assert sessions(world) == []


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("", PASSWORD, "Write your e-mail address."),
        ("scheduler@demo.example", "", "Write your password."),
        ("scheduler@demo.example", "x" * 201, "Write at most 200 characters."),
    ],
)
def test_what_is_missing_is_said(world: World, email: str, password: str, sentence: str) -> None:
    answer = log_in(world.portal.test_client(), email, password)

    assert answer.status_code == 422
    assert sentence in words(answer)


def test_an_account_without_a_password_can_not_be_entered(world: World) -> None:
    world.change(User, world.clinic.users["scheduler"], password_hash=None)

    for password in ("", "None", PASSWORD):
        assert log_in(world.portal.test_client(), password=password).status_code == 422


def test_the_address_may_be_written_in_capitals_and_with_blanks(world: World) -> None:
    assert log_in(world.portal.test_client(), " Scheduler@DEMO.example ").status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        "/visits/new",
        "/schedule?date=2026-11-24&view=week",
        "/board",
        "/badges?seen=1.p000000",
        "/visits/new?date=%C3%A9",
    ],
)
def test_the_login_leads_back_to_where_the_person_was(world: World, target: str) -> None:
    answer = log_in(world.portal.test_client(), next=target)

    assert (answer.status_code, answer.location) == (303, target)


HOSTILE_TARGETS = [
    "//evil.example",
    "///evil.example",
    "////evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "HTTP://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "//[",
    "https://[evil",
    "/\n/evil.example",
    "/\t/evil.example",
    "/visits\r\nSet-Cookie: a=b",
    "/\u2028/evil.example",
    " //evil.example",
    "evil.example",
    "//evil.example@portal.test",
    "/x\\..\\evil",
    "\0//evil.example",
    "",
]


@pytest.mark.parametrize("target", HOSTILE_TARGETS)
def test_nobody_is_sent_elsewhere_after_a_login(world: World, target: str) -> None:
    client = world.portal.test_client()
    client.illegible = True  # type: ignore[attr-defined]
    answer = log_in(client, next=target)
    assert (answer.status_code, answer.location) == (303, "/")

    again = client.get("/login", query_string={"next": target})
    assert (again.status_code, again.location) == (303, "/")


def test_a_login_gets_a_new_session_and_ends_the_one_before(world: World) -> None:
    client = world.portal.test_client()
    log_in(client)
    first = cookie(client)
    thief = world.portal.test_client()
    thief.set_cookie("session", first)
    assert is_in(thief)

    token = csrf_of(client.get("/"))
    client.post("/login", data={"csrf_token": token, "email": "scheduler@demo.example", "password": PASSWORD})

    assert cookie(client) != first
    assert is_in(client)
    assert not is_in(thief)
    assert [row.ended_at is None for row in sessions(world)] == [False, True]


def test_a_session_prepared_by_somebody_else_does_not_become_a_login(world: World) -> None:
    attacker, victim = world.portal.test_client(), world.portal.test_client()
    planted = csrf_of(attacker.get("/login"))
    victim.set_cookie("session", cookie(attacker))
    victim.post("/login", data={"csrf_token": planted, "email": "scheduler@demo.example", "password": PASSWORD})

    assert is_in(victim)
    assert not is_in(attacker)
    assert csrf_of(victim.get("/")) != planted


def test_two_browsers_of_one_person_don_t_end_each_other(world: World) -> None:
    one, other = world.login(), world.login()

    one.post("/logout", data={"csrf_token": csrf_of(one.get("/"))})

    assert not is_in(one)
    assert is_in(other)


def test_a_logout_ends_the_session_on_the_server(world: World) -> None:
    client = world.login()
    old = cookie(client)

    answer = client.post("/logout", data={"csrf_token": csrf_of(client.get("/"))})
    assert (answer.status_code, answer.location) == (303, "/login")

    client.set_cookie("session", old)
    assert not is_in(client)
    assert client.get("/").location.startswith("/login")


def test_a_logout_is_not_a_link(world: World) -> None:
    client = world.login()

    assert client.get("/logout").status_code == 405
    assert is_in(client)


def test_the_database_holds_no_token_of_a_login(world: World) -> None:
    client = world.login()
    with client.session_transaction() as held:
        token = held["_user_id"]

    assert len(token) >= 40
    assert token not in repr(dump(world))


def test_a_deactivated_user_is_out_at_once(world: World) -> None:
    client = world.login()
    world.change(User, world.clinic.users["scheduler"], active=False)

    assert client.get("/").location.startswith("/login")


def test_a_changed_role_counts_at_once(world: World) -> None:
    client = world.login()
    world.change(User, world.clinic.users["scheduler"], role=Role.STAFF)

    assert client.get("/visits/new").status_code == 403


def test_an_idle_login_ends_after_fifteen_minutes(world: World) -> None:
    client = world.login()

    world.pass_time(minutes=14, seconds=59)
    assert client.get("/board").status_code == 200
    world.pass_time(minutes=14, seconds=59)
    assert client.get("/board").status_code == 200
    world.pass_time(minutes=15)
    assert client.get("/board").location.startswith("/login")


def test_a_login_ends_after_twelve_hours_however_busy(world: World) -> None:
    client = world.login()
    for _ in range(71):
        world.pass_time(minutes=10)
        assert client.get("/board").status_code == 200
    world.pass_time(minutes=9, seconds=59)
    assert client.get("/board").status_code == 200

    world.pass_time(seconds=1)
    assert client.get("/board").location.startswith("/login")


def test_what_an_open_page_asks_by_itself_keeps_nobody_logged_in(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    polled = 0

    while is_in(client):
        world.pass_time(seconds=40)
        client.get(f"/badges?seen={visit}.p000000", headers=HTMX)
        client.get(f"/visits/{visit}/interpreter", headers=HTMX)
        polled += 1
        assert polled < 30

    assert timedelta(seconds=40 * polled) >= timedelta(minutes=15)
    answer = client.get("/badges?seen=1.p000000", headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")


@pytest.mark.parametrize("data", [{}, {"csrf_token": ""}, {"csrf_token": "made-up"}, {"csrf_token": "é\0"}])
def test_a_form_without_its_token_is_refused_with_a_clear_page(world: World, data: dict[str, str]) -> None:
    client = world.login()
    before = dump(world)

    for path in ("/logout", "/visits", "/visits/new"):
        answer = client.post(path, data=data)
        assert answer.status_code == 400, path
        assert "This form is out of date" in words(answer)
    assert is_in(client)
    assert dump(world) == before


def test_an_outdated_login_page_lets_nobody_in_and_sends_on_who_is_in_already(world: World) -> None:
    inside, outside = world.login(), world.portal.test_client()
    data = {"email": "scheduler@demo.example", "password": PASSWORD, "next": "/board", "csrf_token": "of another day"}
    before = dump(world)

    on, again = inside.post("/login", data=data), outside.post("/login", data=data)

    assert (on.status_code, on.headers["Location"]) == (303, "/board")
    assert again.status_code == 400
    assert hidden(again, "next") == "/board"
    assert "Log in once more" in words(again)
    assert not is_in(outside)
    assert dump(world) == before


def test_another_browsers_token_is_refused(world: World) -> None:
    client, other = world.login(), world.login(Role.ADMIN)

    answer = client.post("/logout", data={"csrf_token": csrf_of(other.get("/"))})

    assert answer.status_code == 400
    assert is_in(client)


def test_forms_work_behind_https_where_browsers_send_no_referrer(world: World) -> None:
    client = world.portal.test_client()
    base = "https://portal.test"
    token = csrf_of(client.get("/login", base_url=base))

    answer = client.post(
        "/login", data={"csrf_token": token, "email": "scheduler@demo.example", "password": PASSWORD}, base_url=base
    )

    assert answer.status_code == 303


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(world: World) -> None:
    client = world.portal.test_client()
    parts = log_in(client).headers["Set-Cookie"]

    assert "HttpOnly" in parts
    assert "SameSite=Lax" in parts


def test_a_tampered_cookie_is_no_login(world: World) -> None:
    client = world.login()
    value = cookie(client)
    for wrong in (value[:-3] + "xyz", value + "x", "", "é", "." + value, value.partition(".")[0]):
        client.set_cookie("session", wrong)
        assert not is_in(client), wrong


@contextmanager
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Others hash in every place, and nobody waits long."""
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "WAITS_SECONDS", 0.01)
        patch.setattr(passwords, "_places", BoundedSemaphore(1))
        with passwords._place():
            yield


def test_while_too_many_log_in_at_once_everybody_is_asked_to_try_again_and_no_try_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(world)
    client = world.portal.test_client()
    with busy(monkeypatch):
        pages = [log_in(client, email) for email in ("scheduler@demo.example", "nobody@demo.example") * 12]

    assert {(page.status_code, page.headers["Retry-After"]) for page in pages} == {(503, "10")}
    assert len({words(page) for page in pages}) == 1
    assert "Many people are logging in just now" in words(pages[0])
    assert dump(world) | {"throttle": []} == before
    assert log_in(client).status_code == 303


@pytest.mark.parametrize(
    ("path", "data", "field"),
    [
        ("/account", {"password": "quiet river under stone", "again": "quiet river under stone"}, "old"),
        ("/account/logins", {}, "current"),
        ("/account/second-factor", {"do": "set_up"}, "password"),
        ("/account/second-factor/remove", {}, "password"),
    ],
)
def test_where_somebody_who_is_logged_in_gives_the_password_a_try_that_found_no_place_does_not_count_either(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str, data: dict[str, str], field: str
) -> None:
    client, _elsewhere = world.login(), world.login()
    page = client.get("/account")
    logins = [str(box["value"]) for box in soup_of(page).find_all("input", attrs={"name": "logins"})]
    sent = {"csrf_token": csrf_of(page), "logins": logins, **data, field: PASSWORD}
    with busy(monkeypatch):
        assert {client.post(path, data=sent).status_code for _ in range(12)} == {503}

    assert client.post(path, data=sent).status_code == 303


def test_a_page_says_so_when_the_database_can_not_be_reached(world: World) -> None:
    client = world.login()
    file = Path(world.settings.database_url.removeprefix("sqlite:///"))
    world.close()
    hidden_away = file.rename(file.with_suffix(".away"))

    for path in ("/", "/board", f"/schedule?date={TOMORROW}"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "Not available for a moment" in words(answer)

    world.close()
    hidden_away.replace(file)
    assert client.get("/").status_code == 200


def test_pages_are_not_kept_by_browsers_and_not_framed(shared_world: World) -> None:
    for path in ("/", "/login", "/nothing"):
        headers = shared_world.login().get(path).headers
        assert headers["Cache-Control"] == "no-store", path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        policy = headers["Content-Security-Policy"]
        for directive in ("default-src", "object-src", "base-uri"):
            assert f"{directive} 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_no_page_has_anything_inline_that_the_policy_would_block(shared_world: World) -> None:
    client = shared_world.login()
    for path in ("/", "/schedule", "/schedule?view=week", "/board", "/visits/new", "/nothing", "/dev/mailbox"):
        page = soup_of(client.get(path))
        assert not page.find_all("style"), path
        assert not page.find_all(style=True), path
        assert not page.find_all("script", src=False), path
        handlers = [name for tag in page.find_all(True) for name in tag.attrs if name.startswith(("on", "hx-on"))]
        assert not handlers, path
        for tag in page.find_all(["script", "link", "img", "iframe"]):
            address = str(tag.get("src") or tag.get("href"))
            assert address.startswith(("/", "data:")), tag
