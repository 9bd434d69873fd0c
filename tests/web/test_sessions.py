"""Logins: how long they last, and what ends them, at once and in every process."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import passwords as password_pages
from portal.access import ACCESS
from shared.audit import AuditEvent
from shared.db import reading
from shared.models import User, UserSession
from shared.states import Role
from tests.databases import SqliteTemplate
from tests.web.checks import complaint, csrf_of, dump, soup_of, values_of, words
from tests.web.conftest import checked
from tests.web.visitors import another_portal
from tests.world import PASSWORD, World, build_world

NEW = "quiet river under stone"
SCHEDULER = "scheduler@demo.example"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_pages, "EVEN_SECONDS", 0.0)


def is_in(client: FlaskClient) -> bool:
    """Whether the browser's login opens a page; does not count as activity."""
    return client.get("/badges?seen=1.p000000", headers=HTMX).status_code == 200


def sessions(world: World) -> list[UserSession]:
    with world.jobs.app_context(), reading() as session:
        return list(session.scalars(select(UserSession).order_by(UserSession.id)))


def post(client: FlaskClient, path: str, **values: object) -> TestResponse:
    return client.post(path, data={"csrf_token": csrf_of(client.get("/account")), **values})


# ---- what ends a login


def log_out(_world: World, mine: FlaskClient) -> None:
    assert post(mine, "/logout").status_code == 303


def change_password(world: World, _mine: FlaskClient) -> None:
    third = world.login()
    data = values_of(third.get("/account"), field="old") | {"old": PASSWORD, "password": NEW, "again": NEW}
    assert third.post("/account", data=data).status_code == 303
    assert is_in(third)


def set_password_by_link(world: World, _mine: FlaskClient) -> None:
    client = world.portal.test_client()
    ask = values_of(client.get("/password/forgot"), field="email")
    client.post("/password/forgot", data=ask | {"email": SCHEDULER})
    world.tick()
    text = world.open_mail(to=SCHEDULER).text
    path = next(word.removeprefix(world.settings.portal_url) for word in text.split() if "/password/set/" in word)
    data = values_of(client.get(path), field="password") | {"password": NEW, "again": NEW}
    assert client.post(path, data=data).status_code == 303


def change_role(world: World, _mine: FlaskClient) -> None:
    admin, path = world.login(Role.ADMIN), f"/admin/users/{world.clinic.users['scheduler']}"
    data = values_of(admin.get(path), field="name") | {"role": "staff"}
    assert admin.post(path, data=data).status_code == 303


def deactivate(world: World, _mine: FlaskClient) -> None:
    path = f"/admin/users/{world.clinic.users['scheduler']}/deactivate"
    assert post(world.login(Role.ADMIN), path).status_code == 303


def log_out_by_admin(world: World, _mine: FlaskClient) -> None:
    path = f"/admin/users/{world.clinic.users['scheduler']}"
    admin = world.login(Role.ADMIN)
    button = soup_of(admin.get(path)).find("button", string="Log out everywhere")
    assert button is not None
    answer = post(admin, f"{path}/logins")
    assert "This person is logged out everywhere, and can log in again." in words(admin.get(answer.location))


def log_out_elsewhere(world: World, _mine: FlaskClient) -> None:
    third = world.login()
    page = third.get("/account")
    assert (
        third.post("/account/logins", data=values_of(page, field="current") | {"current": PASSWORD}).status_code == 303
    )
    assert is_in(third)


def deactivate_admin(world: World, _mine: FlaskClient) -> None:
    world.change(User, world.clinic.users["admin"], active=False)


def idle(world: World, _mine: FlaskClient) -> None:
    world.pass_time(minutes=15)


ENDS = [
    log_out, change_password, set_password_by_link, change_role, deactivate, log_out_by_admin, log_out_elsewhere
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_a_login_that_is_ended_in_one_process_opens_nothing_in_any_other(
    world_on_either: World, end: Callable[[World, FlaskClient], None]
) -> None:
    world = world_on_either
    bystander = world.login(Role.STAFF)
    mine = world.login()
    cookie = mine.get_cookie("session")
    assert cookie is not None
    with another_portal(world.settings) as other:
        there = other.test_client()
        there.set_cookie("session", cookie.value)
        assert is_in(there)

        end(world, mine)

        for client in (mine, there):
            client.set_cookie("session", cookie.value)  # whatever the browser was told to forget
            assert not is_in(client)
            assert client.get("/board").location == "/login?next=/board"
            assert client.get("/badges?seen=1.p000000", headers=HTMX).headers["HX-Redirect"] == "/login"
        assert is_in(bystander)


@pytest.mark.parametrize("end", [change_password, set_password_by_link, change_role, log_out_by_admin])
def test_all_of_a_persons_logins_end_with_it(world: World, end: Callable[[World, FlaskClient], None]) -> None:
    logins = [world.login() for _ in range(3)]

    end(world, logins[0])

    assert [is_in(client) for client in logins] == [False] * 3


def test_the_login_that_changes_a_password_goes_on_under_another_token(world_on_either: World) -> None:
    """Whoever has copied its cookie is out; tabs that are open go on, and how long it lasts is as before."""
    world = world_on_either
    client, thief = world.login(), world.portal.test_client()
    held = client.get_cookie("session")
    assert held is not None
    thief.set_cookie("session", held.value)
    assert is_in(thief)
    open_tab = csrf_of(client.get("/board"))
    [began] = [row.created_at for row in sessions(world)]
    world.pass_time(minutes=5)
    data = values_of(client.get("/account"), field="old") | {"old": PASSWORD, "password": NEW, "again": NEW}

    assert client.post("/account", data=data).status_code == 303

    assert (is_in(client), is_in(thief)) == (True, False)
    assert [(row.created_at, row.ended_at) for row in sessions(world)] == [(began, None)]
    assert client.post("/logout", data={"csrf_token": open_tab}).location == "/login"


def test_an_ended_login_is_not_brought_back_by_activity(world_on_either: World) -> None:
    world = world_on_either
    client = world.login()
    held = client.get_cookie("session")
    assert held is not None
    log_out(world, client)
    [before] = sessions(world)
    world.pass_time(minutes=5)
    client.set_cookie("session", held.value)

    for path in ("/", "/board", "/account"):
        assert client.get(path).status_code == 303

    [after] = sessions(world)
    assert (after.ended_at, after.last_seen_at) == (before.ended_at, before.last_seen_at)


PAGES = sorted(
    endpoint
    for endpoint, roles in ACCESS.items()
    if Role.ADMIN in roles and endpoint not in {"live.poll", "visits.interpreters", "factors.set_up"}
)


def page_of(world: World, client: FlaskClient, endpoint: str) -> TestResponse | None:
    """The page of an endpoint that is opened by a GET and about nobody in particular."""
    rules = [
        rule
        for rule in world.portal.url_map.iter_rules(endpoint)
        if "GET" in (rule.methods or ()) and not rule.arguments
    ]
    return client.get(rules[0].rule) if rules else None


@pytest.mark.parametrize("end", [deactivate_admin, idle, log_out])
def test_every_open_page_learns_within_a_moment_that_its_login_has_ended(
    world: World, end: Callable[[World, FlaskClient], None]
) -> None:
    world.book(ask=["Clearsign"])
    client = world.login(Role.ADMIN)
    found = {name: page_of(world, client, name) for name in PAGES}
    pages = {name: soup_of(page) for name, page in found.items() if page is not None and page.status_code == 200}
    assert len(pages) > 15
    asks = {name: str(soup.select("#watch[hx-get]")[0]["hx-get"]) for name, soup in pages.items()}
    assert {client.get(ask, headers=HTMX).status_code for ask in asks.values()} == {204}

    end(world, client)

    for name, soup in pages.items():
        holds = soup.select_one("main[hx-headers]") is not None
        answer = client.get(asks[name], headers=HTMX | ({"Holds-Form": "true"} if holds else {}))
        assert answer.status_code == 401, name
        assert ("You have been logged out" in answer.text) is holds, name
        assert answer.headers.get("HX-Redirect") == (None if holds else "/login"), name


def test_a_page_that_asks_whether_its_login_has_ended_keeps_nobody_logged_in(world: World) -> None:
    client = world.login()
    for _ in range(3):
        world.pass_time(minutes=5)
        last = client.get("/badges?seen=none", headers=HTMX)

    assert last.status_code == 401


def test_the_browser_drops_the_pages_that_it_holds_ready_when_a_login_ends(world: World) -> None:
    """Not cookies: they would be those of neighbouring sites too, and of displays."""
    client = world.login()
    pages = [client.get("/"), world.portal.test_client().get("/board"), world.portal.test_client().get("/login")]
    assert [page.headers.get("Clear-Site-Data") for page in pages] == [None] * 3

    answer = post(client, "/logout")

    assert answer.headers["Clear-Site-Data"] == '"cache"'
    client = world.login()
    world.pass_time(minutes=15)
    for headers in ({}, HTMX):
        assert client.get("/board", headers=headers).headers["Clear-Site-Data"] == '"cache"'


# ---- how long it lasts


def test_idle_and_absolute_ends_are_kept_to_the_moment(world_on_either: World) -> None:
    world = world_on_either
    client = world.login()
    world.pass_time(minutes=15, microseconds=-1)
    assert client.get("/board").status_code == 200
    world.pass_time(minutes=15)
    assert not is_in(client)

    client = world.login()
    for _ in range(71):
        world.pass_time(minutes=10)
        assert client.get("/board").status_code == 200
    world.pass_time(minutes=10, microseconds=-1)
    assert client.get("/board").status_code == 200
    world.pass_time(microseconds=1)
    assert not is_in(client)


def test_an_installation_decides_how_long(sqlite_template: SqliteTemplate) -> None:
    environ = {"SESSION_IDLE_MINUTES": "5", "SESSION_ABSOLUTE_HOURS": "1"}
    with sqlite_template.database() as url, build_world(url, **environ) as built:
        world = checked(built)
        client = world.login()
        world.pass_time(minutes=5)
        assert not is_in(client)

        client = world.login()
        for _ in range(14):
            world.pass_time(minutes=4)
            assert client.get("/board").status_code == 200
        world.pass_time(minutes=4)
        assert not is_in(client)


def test_nothing_that_a_page_asks_by_itself_is_activity(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    [before] = sessions(world)

    for _ in range(14):
        world.pass_time(minutes=1)
        for path in (f"/badges?seen={visit}.p000000", f"/visits/{visit}/interpreter", "/", "/schedule", "/board"):
            assert client.get(path, headers=HTMX).status_code == 200, path
    assert [row.last_seen_at for row in sessions(world)] == [before.last_seen_at]
    world.pass_time(minutes=1)
    assert not is_in(client)


def test_what_a_person_does_is_activity(world: World) -> None:
    client = world.login()
    for path in ("/", "/schedule", "/board", "/account", "/visits/new"):
        world.pass_time(minutes=14)
        assert client.get(path).status_code == 200
        assert sessions(world)[0].last_seen_at == world.now


# ---- one's own list of them


def test_the_account_page_lists_where_one_is_logged_in(world: World) -> None:
    world.login()
    world.pass_time(minutes=10)
    world.login(Role.ADMIN)
    here = world.login()
    world.pass_time(minutes=2)

    said = words(here.get("/account"))

    assert "Here, since 12:10 PST today." in said
    assert "Since 12:00 PST today Last used 12:00 PST today" in said
    assert said.count("Last used") == 1


def test_who_is_logged_in_nowhere_else_is_told_so(world: World) -> None:
    gone, late, here = world.login(), world.login(), world.login()
    log_out(world, gone)
    world.pass_time(minutes=14)
    here.get("/board")
    world.pass_time(minutes=1)
    assert not is_in(late)

    page = here.get("/account")

    assert "Nowhere else." in words(page)
    assert soup_of(page).find("button", string="Log out there") is None


def test_one_chosen_login_ends_and_the_others_stay(world_on_either: World) -> None:
    world = world_on_either
    first, second, here = world.login(), world.login(), world.login()
    data = values_of(here.get("/account"), field="current")
    assert len(data["logins"]) == 2

    chosen = str(sessions(world)[0].id)
    answer = here.post("/account/logins", data=data | {"logins": [chosen], "current": PASSWORD})

    assert "You are logged out there." in words(here.get(answer.location))
    assert [is_in(client) for client in (first, second, here)] == [False, True, True]
    ended = [entry for entry in world.trail() if entry.what == AuditEvent.LOGINS_ENDED]
    assert [entry.actor_user_id for entry in ended] == [world.clinic.users["scheduler"]]


def test_who_logs_out_where_nobody_is_logged_in_any_more_is_told_so(world: World) -> None:
    other, here = world.login(), world.login()
    data = values_of(here.get("/account"), field="current")
    other.post("/logout", data={"csrf_token": csrf_of(other.get("/account"))})

    answer = here.post("/account/logins", data=data | {"current": "wrong"})

    assert "You are logged in nowhere else any more." in words(answer)
    assert "needs a change" not in words(answer)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"current": ""}, "current", "Type your password."),
        ({"current": "wrong"}, "current", "This is not your current password."),
        ({"current": PASSWORD, "logins": []}, "logins", "Choose where you want to be logged out."),
    ],
)
def test_ending_logins_takes_the_password_and_a_choice(
    world: World, changes: dict[str, object], field: str, sentence: str
) -> None:
    other, here = world.login(), world.login()
    data = values_of(here.get("/account"), field="current")

    answer = here.post("/account/logins", data=data | changes)

    assert answer.status_code == 422
    if field == "current":
        assert sentence in complaint(answer, field).near
    assert sentence in words(answer)
    assert is_in(other)


def test_nobody_ends_other_peoples_logins_nor_the_own_one_here(world: World) -> None:
    admin, other, here = world.login(Role.ADMIN), world.login(), world.login()
    data = values_of(here.get("/account"), field="current")
    every = [str(row.id) for row in sessions(world)]

    wanted = [every[0], every[2], "0", "x", "9" * 30]
    assert here.post("/account/logins", data=data | {"logins": wanted, "current": PASSWORD}).status_code == 303

    assert [is_in(client) for client in (admin, other, here)] == [True] * 3
    assert AuditEvent.LOGINS_ENDED not in [entry.what for entry in world.trail()]


def test_guessing_at_that_password_is_slowed_too(world: World) -> None:
    world.login()
    here = world.login()
    data = values_of(here.get("/account"), field="current")

    statuses = [here.post("/account/logins", data=data | {"current": "wrong"}).status_code for _ in range(6)]
    slowed = here.post("/account/logins", data=data | {"current": PASSWORD})

    assert statuses == [422] * 5 + [429]
    assert (slowed.status_code, slowed.headers["Retry-After"]) == (429, "180")
    assert values_of(slowed, field="current")["logins"] == data["logins"]


def test_another_clinics_administrator_logs_nobody_out(world: World) -> None:
    world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = world.login(Role.ADMIN, domain="harbor")
    mine = world.login()
    before = dump(world)

    assert post(theirs, f"/admin/users/{world.clinic.users['scheduler']}/logins").status_code == 404

    assert is_in(mine)
    assert dump(world) == before


def test_logging_out_twice_by_an_administrator_is_one_line_of_the_trail(world: World) -> None:
    world.login()
    for _ in range(2):
        log_out_by_admin(world, world.portal.test_client())

    ended = [entry for entry in world.trail() if entry.what == AuditEvent.LOGINS_ENDED]
    assert [(entry.about_id, entry.actor_user_id) for entry in ended] == [
        (world.clinic.users["scheduler"], world.clinic.users["admin"])
    ]
