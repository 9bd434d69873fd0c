"""Displays: a link that shows the Board on a screen without a login, and reaches nothing else."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.access import ACCESS, DISPLAY, PUBLIC
from shared.db import reading
from shared.models import Display, User, Visit
from shared.states import Role
from tests.actions.half_way import require_factor
from tests.web.checks import PATIENT, complaint, csrf_of, dump, soup_of, values_of, words
from tests.web.displays import DISPLAYS, link_on, make, new_screen, open_link
from tests.web.routes import routes
from tests.web.test_live import HTMX, news, seen_on
from tests.world import World

OFF = "This display was switched off"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def displays(world: World) -> list[Display]:
    with world.jobs.app_context(), reading() as session:
        return list(session.scalars(select(Display).order_by(Display.id)))


def cookie_of(screen: FlaskClient) -> str:
    held = screen.get_cookie("display", path="/display")
    assert held is not None
    return held.value


def switch_off(admin: FlaskClient, display_id: int = 1) -> TestResponse:
    return admin.post(f"{DISPLAYS}/{display_id}/revoke", data={"csrf_token": csrf_of(admin.get(DISPLAYS))})


def poll(screen: FlaskClient, seen: str) -> TestResponse:
    return screen.get("/display/badges", query_string={"seen": seen}, headers=HTMX)


# ---- the administrators' page


def test_an_administrator_makes_a_display_sees_its_link_once_and_its_last_use(world_on_either: World) -> None:
    world = world_on_either
    admin = world.login(Role.ADMIN)
    assert "No display yet." in words(admin.get(DISPLAYS))

    link = link_on(make(admin, "Front desk"))
    assert link.startswith("http://portal.test/display#")
    assert len(link.partition("#")[2].replace("-", "")) == 28  # 140 bits, five in a letter
    page = admin.get(DISPLAYS)
    assert link_on(page) == ""
    assert link.partition("#")[2] not in page.text
    assert "Front desk Last use not used yet Made by Admin of Riverside Clinic" in words(page)

    world.pass_time(minutes=7)
    screen = world.portal.test_client()
    open_link(screen, link)
    screen.get("/display/board")
    assert "Front desk Last use 12:07 PST today" in words(admin.get(DISPLAYS))


def test_the_database_keeps_no_code_and_the_trail_tells_who_made_it_and_who_switched_it_off(world: World) -> None:
    admin = world.login(Role.ADMIN)
    code = link_on(make(admin, "Front desk")).partition("#")[2]
    switch_off(admin)

    assert code not in str(dump(world))
    assert code.replace("-", "") not in str(dump(world))
    told = words(admin.get("/admin/trail"))
    assert "Admin of Riverside Clinic made the display Front desk" in told
    assert "Admin of Riverside Clinic switched the display Front desk off" in told


def test_the_button_pressed_twice_makes_one_display_and_shows_the_same_link(world: World) -> None:
    admin = world.login(Role.ADMIN)
    page = admin.get(DISPLAYS)

    first, second = make(admin, page=page), make(admin, page=page)

    assert first.status_code == second.status_code == 200
    assert link_on(first) == link_on(second) != ""
    assert len(displays(world)) == 1
    assert [entry.what for entry in world.trail()].count("display_made") == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Write where the screen is, for example Front desk."),
        ("x" * 81, "At most 80 characters."),
        ("a\0b", "can't be read"),
        ("Two\nlines", "Write this on one line."),
        ("front DESK", "Another display has this name."),
    ],
)
def test_a_name_that_can_not_be_is_said_at_its_field(world: World, name: str, sentence: str) -> None:
    admin = world.login(Role.ADMIN)
    admin.illegible = True  # type: ignore[attr-defined]
    make(admin, "Front desk")

    answer = make(admin, name)

    assert answer.status_code == 422
    assert sentence in complaint(answer, "name").near
    assert len(displays(world)) == 1


@pytest.mark.parametrize("key", ["", "x", "gAAAAA==", "é"])
def test_a_form_that_is_not_ours_makes_no_display_and_its_next_press_does(world: World, key: str) -> None:
    admin = world.login(Role.ADMIN)
    page = admin.get(DISPLAYS)

    answer = admin.post(DISPLAYS, data=values_of(page, field="name") | {"name": "Front desk", "key": key})

    assert answer.status_code == 422
    assert "press the button once more" in words(answer)
    assert displays(world) == []
    assert link_on(make(admin, page=answer))


def test_a_name_is_free_again_once_its_display_is_switched_off(world: World) -> None:
    admin = world.login(Role.ADMIN)
    make(admin)
    answer = switch_off(admin)

    page = admin.get(answer.location)
    assert "The display is switched off." in words(page)
    assert "No display yet." in words(page)
    assert link_on(make(admin))


def test_switching_off_twice_is_harmless_and_another_clinics_is_not_found(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    make(world.login(Role.ADMIN, domain="harbor"), "Theirs")
    admin = world.login(Role.ADMIN)
    make(admin, "Ours")

    assert "Theirs" not in admin.get(DISPLAYS).text
    assert switch_off(admin, 1).status_code == 404
    assert [switch_off(admin, 2).status_code for _ in range(2)] == [303, 303]
    assert [(row.clinic_id, row.revoked_at is None) for row in displays(world)] == [
        (harbor.id, True),
        (world.clinic.id, False),
    ]
    assert [entry.what for entry in world.trail()].count("display_revoked") == 1


def test_only_administrators_see_displays_and_only_while_they_are(world: World) -> None:
    for role in (Role.PROVIDER, Role.SCHEDULER, Role.STAFF):
        assert world.login(role).get(DISPLAYS).status_code == 403
    admin = world.login(Role.ADMIN)
    page = admin.get(DISPLAYS)
    world.change(User, world.clinic.users["admin"], role=Role.STAFF)

    assert make(admin, page=page).status_code == 403
    assert displays(world) == []


# ---- the link


def test_opening_the_link_changes_nothing_however_often(world: World) -> None:
    link = link_on(make(world.login(Role.ADMIN)))
    before = dump(world)

    client = world.portal.test_client()
    for _ in range(3):
        page = client.get("/display")
        assert page.status_code == 200
        assert client.head("/display").status_code == 200
    assert "Set-Cookie: display" not in str(page.headers)

    assert dump(world) == before
    assert open_link(client, link).status_code == 303


def test_the_link_s_code_is_in_no_address_and_no_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    link = link_on(make(world.login(Role.ADMIN)))
    code = link.partition("#")[2]
    screen = world.portal.test_client()

    answers = [open_link(screen, link), screen.get("/display/board"), poll(screen, "1.p000000")]

    assert code not in "".join(answer.location or "" for answer in answers)
    assert not [answer for answer in answers if code in answer.request.url]
    assert code not in "".join(answer.text for answer in answers)
    assert code not in "\n".join(record.getMessage() for record in caplog.records)


def test_the_cookie_is_of_these_pages_alone_and_out_of_reach(world: World) -> None:
    screen = world.portal.test_client()
    for answer in (open_link(screen, link_on(make(world.login(Role.ADMIN)))), screen.get("/display/board")):
        [cookie] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("display=")]
        for part in ("HttpOnly", "Path=/display", "SameSite=Lax", "Max-Age=34560000"):
            assert part in cookie


def test_the_code_may_be_typed(world: World) -> None:
    code = link_on(make(world.login(Role.ADMIN))).partition("#")[2]

    for typed in (code.lower(), code.replace("-", ""), code.replace("-", " ").replace("0", "O").replace("1", "l")):
        assert open_link(world.portal.test_client(), f"http://portal.test/display#{typed}").status_code == 303


@pytest.mark.parametrize("code", ["", "x", "0000-0000-0000-0000-0000-0000-0000", "é\0", "x" * 3000, "' or 1=1"])
def test_a_code_that_never_was_opens_nothing(world: World, code: str) -> None:
    make(world.login(Role.ADMIN))
    client = world.portal.test_client()
    client.illegible = True  # type: ignore[attr-defined]
    client.get("/display")
    before = dump(world)

    assert open_link(client, f"http://portal.test/display#{code}").status_code == 422
    client.set_cookie("display", "x", path="/display")
    assert client.get("/display/board").status_code == 410
    assert dump(world) == before


# ---- the screen


def test_the_screen_shows_the_board_without_names_links_or_forms(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.book()
    shown = new_screen(world).get("/display/board")

    text = words(shown)
    for part in ("Riverside Clinic Front desk", "Today and the next seven days, worst first", "A-10001", "A-10002"):
        assert part in text
    assert "Accepted ASL · Clearsign, T. Boyle" in text
    for secret in (*PATIENT, "Jonah"):
        assert secret not in shown.text
    page = soup_of(shown)
    assert page.find_all(["a", "form", "button", "input"]) == []
    asked = [str(tag["hx-get"]).partition("?")[0] for tag in page.select("[hx-get]")]
    assert asked == ["/display/board", "/display/badges"]
    assert page.select("[hx-post]") == []


def test_a_badge_turns_on_the_screen_as_on_the_board(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    screen = new_screen(world)
    seen = seen_on(screen.get("/display/board"))
    assert poll(screen, seen).status_code == 204

    world.accept(visit, "Clearsign")
    answer = poll(screen, seen)

    assert news(answer) == "A-10001: Accepted"
    assert "badge-turned" in answer.headers["HX-Trigger"]
    watch = soup_of(answer).find(id="watch")
    assert watch is not None
    assert watch["hx-get"] == f"/display/badges?seen={seen_on(answer)}"
    assert poll(screen, seen_on(answer)).status_code == 204


def test_the_screen_shows_its_own_clinic_alone(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs, ours = world.book(ask=["Clearsign"], clinic=harbor), world.book(ask=["Clearsign"])
    screen = new_screen(world)

    page = screen.get("/display/board")
    assert f"badge-{ours}" in page.text
    assert f"badge-{theirs}" not in page.text
    answer = poll(screen, f"{ours}.a000000-{theirs}.a000000")
    assert f"badge-{ours}" in answer.text
    assert f"badge-{theirs}" not in answer.text


def test_the_screen_learns_nothing_of_visits_that_its_board_does_not_show(world: World) -> None:
    over, ahead = world.book(), world.book()
    world.change(Visit, over, starts_at=world.now - timedelta(hours=3), ends_at=world.now - timedelta(hours=2))
    world.change(
        Visit, ahead, starts_at=world.now + timedelta(days=20), ends_at=world.now + timedelta(days=20, hours=1)
    )
    screen = new_screen(world)

    answer = poll(screen, f"{over}.a000000-{ahead}.a000000")

    assert "badge-" not in answer.text
    assert "badge-slot" not in screen.get("/display/board").text
    assert f"badge-{over}" in world.login().get(f"/badges?seen={over}.a000000", headers=HTMX).text


def test_the_screen_is_never_logged_out_and_turns_with_midnight(world: World) -> None:
    world.book(ask=["Clearsign"])
    screen = new_screen(world)
    assert "Tomorrow 09:30" in words(screen.get("/display/board"))

    world.pass_time(hours=13)  # one in the morning
    fragment = screen.get("/display/board", headers=HTMX)
    assert "Today 09:30" in words(fragment)
    for _ in range(60):
        world.pass_time(days=1)
        assert screen.get("/display/board", headers=HTMX).status_code == 200
        assert poll(screen, "1.p000000").status_code == 200
    assert "No visits today or in the next seven days." in words(screen.get("/display/board"))


def test_the_screen_works_where_a_second_factor_is_required_and_while_nobody_is_asked(world: World) -> None:
    screen = new_screen(world)
    require_factor(world)
    world.change(User, world.clinic.users["admin"], active=False)

    assert screen.get("/display/board").status_code == 200


def test_a_screen_that_is_switched_off_says_so_at_once_and_for_good(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    link = link_on(make(world.login(Role.ADMIN)))
    screens = [world.portal.test_client() for _ in range(2)]
    for screen in screens:
        open_link(screen, link)
        assert screen.get("/display/board").status_code == 200

    switch_off(world.login(Role.ADMIN))

    before = dump(world)
    for screen in screens:
        for answer in (
            poll(screen, f"{visit}.p000000"),
            screen.get("/display/board", headers=HTMX),
            screen.get("/display/board"),
        ):
            assert answer.status_code == 410
            assert OFF in words(answer)
            assert answer.headers["HX-Refresh"] == "true"
            assert "Riverside" not in answer.text
            assert "badge-slot" not in answer.text
        assert open_link(screen, link).status_code == 422
    assert {name: rows for name, rows in dump(world).items() if name != "user_session"} == {
        name: rows for name, rows in before.items() if name != "user_session"
    }


def test_a_screen_that_starts_while_the_database_is_away_tries_again_by_itself(world: World) -> None:
    screen = new_screen(world)
    file = Path(world.settings.database_url.removeprefix("sqlite:///"))
    world.close()
    away = file.rename(file.with_suffix(".away"))

    answer = screen.get("/display/board")
    assert (answer.status_code, answer.headers["Refresh"]) == (503, "30")

    world.close()
    away.replace(file)
    shown = screen.get("/display/board")
    assert shown.status_code == 200
    assert "Refresh" not in shown.headers


def test_a_screen_without_a_link_says_so(world: World) -> None:
    answer = world.portal.test_client().get("/display/board")

    assert answer.status_code == 410
    assert "This screen has no display link" in words(answer)


def test_a_login_does_not_open_the_displays_board(world: World) -> None:
    for role in Role:
        client = world.login(role)
        for path in ("/display/board", "/display/badges?seen=1.p000000"):
            assert client.get(path).status_code == 410


def test_use_is_noted_once_a_minute_and_by_nothing_else(world: World) -> None:
    screen = new_screen(world)
    seen = []
    for _ in range(5):
        poll(screen, "1.p000000")
        seen.append(displays(world)[0].last_seen_at)
        world.pass_time(seconds=30)

    assert len(set(seen)) == 2
    assert seen[0] == world.now - timedelta(seconds=150)


# ---- nothing else


def test_a_display_reaches_nothing_but_its_two_pages_by_whichever_method(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    screen = new_screen(world)
    code = cookie_of(screen)
    screen.set_cookie("display", code)  # for every path, as only a forger would
    token = csrf_of(screen.get("/display"))
    screen.get("/display/board")  # its first use is noted
    before = dump(world)
    allowed = set()

    for route in routes(world.portal, visit_id=visit):
        for method in METHODS:
            for headers in ({}, HTMX):
                data = {"csrf_token": token} if method not in {"GET", "HEAD", "OPTIONS"} else None
                answer = screen.open(route.path, method=method, data=data, headers=headers)
                if route.endpoint in PUBLIC or method == "OPTIONS":
                    continue
                if answer.status_code < 300 or answer.status_code in {400, 422}:
                    allowed.add((route.endpoint, method))
                elif route.endpoint in ACCESS and method == route.method:
                    is_login = answer.status_code == 401 or (answer.location or "").startswith("/login")
                    assert is_login, (route, method, answer.status_code)
    assert allowed == {(endpoint, method) for endpoint in DISPLAY for method in ("GET", "HEAD")}
    assert dump(world) == before


def test_nothing_that_is_public_shows_a_display_more_than_anybody(world: World) -> None:
    world.book(ask=["Clearsign"])
    screen = new_screen(world)
    screen.set_cookie("display", cookie_of(screen))

    for path in ("/login", "/password/forgot", "/display", "/login/code", "/login/second-factor"):
        page = screen.get(path)
        assert "A-10001" not in page.text, path
        assert "Riverside" not in page.text, path


def test_a_display_in_a_browser_that_is_logged_in_changes_nothing_for_either(world: World) -> None:
    client = world.login(Role.STAFF)
    link = link_on(make(world.login(Role.ADMIN)))

    assert open_link(client, link).status_code == 303
    assert client.get("/display/board").status_code == 200
    assert client.get("/board").status_code == 200
    assert client.get(DISPLAYS).status_code == 403
    client.post("/logout", data={"csrf_token": csrf_of(client.get("/"))})
    assert client.get("/board").location.startswith("/login")
    assert client.get("/display/board").status_code == 200
