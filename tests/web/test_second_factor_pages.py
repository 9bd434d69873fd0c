"""The second factor over HTTP: its code after the password, its set-up by oneself or because the clinic requires it."""

import logging
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.access import ACCESS, DISPLAY, PUBLIC
from portal.factor_pages import MARGIN
from shared.models import SecondFactor, User
from shared.states import Role
from tests.actions.half_way import give_factor, require_factor
from tests.web.booking import confirm, filled, kept, preview
from tests.web.checks import PATIENT, complaint, csrf_of, dump, soup_of, values_of, words
from tests.web.factors import ACCOUNT, begin, codes_on, give_password, is_in, phone_on, send_code, set_up
from tests.web.routes import routes
from tests.world import PASSWORD, World

OVER = "This step is over: it took too long, or five codes were wrong. Log in once more."
WRONG = "This code is not right, or was used already."


def title(page: TestResponse) -> str:
    heading = soup_of(page).h1
    assert heading is not None
    return heading.get_text()


# ---- the login


def test_the_code_page_follows_the_password_and_leads_where_the_person_was(world_on_either: World) -> None:
    world = world_on_either
    _, phone, _ = set_up(world)
    client = world.portal.test_client()

    page = give_password(client, back="/schedule?view=week")
    assert (page.request.path, title(page)) == ("/login/code", "Code from your app")
    assert not is_in(client)
    answer = send_code(client, page, phone.code(world.now))

    assert (answer.status_code, answer.location) == (303, "/schedule?view=week")
    assert is_in(client)


def test_nothing_but_the_code_page_is_reachable_before_the_code(world: World) -> None:
    give_factor(world)
    client = world.portal.test_client()
    token = csrf_of(give_password(client))
    before = dump(world)

    for route in routes(world.portal):
        if route.endpoint in PUBLIC | DISPLAY:
            continue
        data = {"csrf_token": token} if route.method == "POST" else None
        answer = client.open(route.path, method=route.method, data=data)
        assert answer.status_code in {303, 401}, route
        assert answer.status_code == 401 or answer.location.startswith("/login"), route
    assert len(ACCESS) > 50
    assert dump(world) == before


def test_a_wrong_code_says_so_and_is_not_shown_again(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back="/board")
    wrong = owner.phone.wrong(world.now)

    answer = send_code(client, page, wrong)

    assert answer.status_code == 422
    assert WRONG in complaint(answer, "code").near
    assert values_of(answer, field="code")["code"] == [""]
    assert values_of(answer, field="code")["next"] == ["/board"]
    assert send_code(client, answer, owner.phone.code(world.now)).location == "/board"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("", "Type the six digits that your app shows now."),
        ("x" * 21, "Write at most 20 characters."),
        ("12345", WRONG),
        ("１２３４５６", WRONG),
        ("<script>", WRONG),
    ],
)
def test_what_is_no_code_is_refused_with_a_sentence(world: World, code: str, sentence: str) -> None:
    give_factor(world)
    client = world.portal.test_client()

    answer = send_code(client, give_password(client), code)

    assert answer.status_code == 422
    assert sentence in complaint(answer, "code").near


def test_a_code_may_be_typed_as_the_app_shows_it(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    code = owner.phone.code(world.now)

    assert send_code(client, give_password(client), f" {code[:3]} {code[3:]} ").status_code == 303


def test_the_fifth_wrong_code_leads_back_to_the_password_and_nothing_that_waits_is_lost(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back="/board")
    for _ in range(5):
        page = send_code(client, page, owner.phone.wrong(world.now))

    assert page.status_code == 401
    assert OVER in words(page)
    page = give_password(client, page=page)
    assert send_code(client, page, owner.phone.code(world.now)).location == "/board"


def test_after_ten_wrong_codes_the_page_says_what_helps_and_a_recovery_code_does(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    for _ in range(2):
        page = give_password(client)
        for _ in range(5):
            page = send_code(client, page, owner.phone.wrong(world.now))
    page = give_password(client, page=page)

    refused = send_code(client, page, owner.phone.code(world.now))
    assert refused.status_code == 422
    assert "Too many wrong codes were tried for your account. Use a recovery code" in words(refused)
    assert send_code(client, refused, owner.codes[0], field="recovery_code").status_code == 303


def test_a_recovery_code_lets_in_once(world: World) -> None:
    owner = give_factor(world)
    for expected in (303, 422):
        client = world.portal.test_client()
        answer = send_code(client, give_password(client), owner.codes[3].lower(), field="recovery_code")
        assert answer.status_code == expected
    assert "This is none of your recovery codes" in complaint(answer, "recovery_code").near
    shown = give_password(world.portal.test_client())
    assert "Ask an administrator of your clinic." in words(shown)


def test_the_half_open_step_is_of_one_browser(world: World) -> None:
    owner = give_factor(world)
    mine, stranger = world.portal.test_client(), world.portal.test_client()
    page = give_password(mine)
    token = csrf_of(stranger.get("/login"))

    answer = stranger.post(
        "/login/code", data={"csrf_token": token, "code": owner.phone.code(world.now), "recovery_code": ""}
    )

    assert answer.status_code == 401
    assert OVER in words(answer)
    assert not is_in(stranger)
    assert send_code(mine, page, owner.phone.code(world.now)).status_code == 303


@pytest.mark.parametrize("minutes", [10, 600])
def test_a_step_that_took_too_long_leads_back_to_the_password(world: World, minutes: int) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back="/board")
    world.pass_time(minutes=minutes)

    answer = send_code(client, page, owner.phone.code(world.now))

    assert answer.status_code == 401
    assert OVER in words(answer)
    assert values_of(answer, field="password")["next"] == ["/board"]
    assert client.get("/login/code?next=/board").status_code == 401


def test_who_goes_back_to_the_code_page_after_the_login_is_led_on(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back="/board")
    send_code(client, page, owner.phone.code(world.now))

    back, again = client.get("/login/code?next=/board"), send_code(client, page, owner.phone.code(world.now))

    assert (back.status_code, back.location) == (303, "/board")
    assert (again.status_code, again.location) == (303, "/board")


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x"])
def test_the_code_leads_nowhere_else(world: World, target: str) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back=target)

    assert send_code(client, page, owner.phone.code(world.now)).location == "/"


def test_the_session_is_a_new_one_after_the_code(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client)
    before = csrf_of(page)
    send_code(client, page, owner.phone.code(world.now))

    assert csrf_of(client.get("/")) != before
    assert client.get("/login/code").status_code == 303


def test_no_code_is_taken_without_its_page(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    give_password(client)
    before = dump(world)

    for data in ({}, {"csrf_token": "made-up"}):
        answer = client.post("/login/code", data={**data, "code": owner.phone.code(world.now), "next": "/board"})
        assert answer.status_code == 400
        assert values_of(answer, field="password")["next"] == ["/board"]
    assert dump(world) == before


def test_no_log_line_and_no_row_holds_a_code_or_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, phone, codes = set_up(world)
    client = world.portal.test_client()
    page = send_code(client, give_password(client), phone.wrong(world.now))
    send_code(client, page, codes[0], field="recovery_code")

    told = "\n".join([record.getMessage() for record in caplog.records] + [str(dump(world))])
    for secret in (phone.secret, *codes):
        assert secret not in told
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert phone.secret not in cookie.value


# ---- a form that waits behind both steps


def lost(world: World) -> tuple[FlaskClient, TestResponse, dict[str, Any]]:
    """A form that meets a lost login: its login page in a browser without one, and what was filled in."""
    values = filled(world, ask=["Clearsign"])
    page = preview(world.login(), values)
    client = world.portal.test_client()
    return client, confirm(client, page), values


def test_a_form_survives_the_password_a_wrong_code_and_the_code(world: World) -> None:
    client, page, values = lost(world)
    owner = give_factor(world)

    page = give_password(client, page=page)
    assert page.status_code == 200
    assert "Nothing you filled in is lost." in words(page)
    for secret in PATIENT:
        assert secret not in page.text
    page = send_code(client, page, owner.phone.wrong(world.now))
    restored = send_code(client, page, owner.phone.code(world.now))

    assert restored.status_code == 200
    assert kept(restored) == values
    assert dump(world)["visit"] == []


def test_a_form_survives_five_wrong_codes(world: World) -> None:
    client, page, values = lost(world)
    owner = give_factor(world)
    page = give_password(client, page=page)
    for _ in range(5):
        page = send_code(client, page, owner.phone.wrong(world.now))

    page = give_password(client, page=page)
    assert kept(send_code(client, page, owner.phone.code(world.now))) == values


def test_a_form_survives_an_outdated_code_page(world: World) -> None:
    client, page, values = lost(world)
    owner = give_factor(world)
    page = give_password(client, page=page)
    data = values_of(page, field="code") | {"csrf_token": "of another day", "code": owner.phone.code(world.now)}

    page = client.post("/login/code", data=data)
    assert page.status_code == 400
    page = give_password(client, page=page)
    assert kept(send_code(client, page, owner.phone.code(world.now))) == values


def test_a_form_survives_the_set_up_that_the_clinic_requires(world: World) -> None:
    client, page, values = lost(world)
    require_factor(world)

    page = give_password(client, page=page)
    assert title(page) == "Set up a second factor"
    page = send_code(client, page, phone_on(page).wrong(world.now))

    assert kept(send_code(client, page, phone_on(page).code(world.now))) == values


# ---- set up on one's own page


def test_everybody_switches_it_on_and_needs_it_from_then_on(world: World) -> None:
    for role in Role:
        here, there = world.login(role), world.login(role)
        assert "Off: you log in with your password alone." in words(here.get("/account"))
        page = begin(here)
        phone, codes = phone_on(page), codes_on(page)
        assert len(codes) == 10

        answer = send_code(here, page, phone.code(world.now))
        assert answer.location == f"{ACCOUNT}?news=on"
        done = here.get(answer.location)
        assert "Your second factor is set up." in words(done)
        assert "Recovery codes 10 left" in words(done)
        assert not is_in(there)
        assert "On: you log in with your password and a code" in words(here.get("/account"))
        world.pass_time(seconds=30)
        client = world.portal.test_client()
        assert send_code(client, give_password(client, role), phone.code(world.now)).status_code == 303


def test_the_page_shows_the_same_secret_until_it_is_switched_on_and_never_again(world: World) -> None:
    client = world.login()
    page = begin(client)
    again = client.get(f"{ACCOUNT}/new")
    assert (phone_on(again), codes_on(again)) == (phone_on(page), codes_on(page))
    wrong = send_code(client, again, phone_on(again).wrong(world.now))
    assert wrong.status_code == 422
    assert WRONG in complaint(wrong, "code").near
    assert (phone_on(wrong), codes_on(wrong)) == (phone_on(page), codes_on(page))
    held = client.get_cookie("session")
    assert held is not None

    send_code(client, wrong, phone_on(page).code(world.now))

    for cookie in (None, held.value):
        if cookie:
            client.set_cookie("session", cookie)
        gone = client.get(f"{ACCOUNT}/new", follow_redirects=True)
        assert "That step is over." in words(gone)
        for secret in (phone_on(page).secret, *codes_on(page)):
            assert secret not in gone.text


def test_the_secret_of_one_set_up_is_not_that_of_the_next(world: World) -> None:
    client = world.login()

    assert phone_on(begin(client)) != phone_on(begin(client))


def test_the_page_of_a_set_up_is_of_one_browser_and_holds_for_half_an_hour(world: World) -> None:
    client = world.login()
    page = begin(client)

    assert world.login().get(f"{ACCOUNT}/new").location == f"{ACCOUNT}?news=over"
    for minutes in (14, 14, 1):
        world.pass_time(minutes=minutes)
        assert client.get(f"{ACCOUNT}/new").status_code == 200
    world.pass_time(minutes=1)
    answer = send_code(client, page, phone_on(page).code(world.now))
    assert answer.location == f"{ACCOUNT}?news=over"
    assert dump(world)["second_factor"] == []


def test_the_qr_code_says_what_an_app_wants_to_know(world: World) -> None:
    page = begin(world.login())
    drawing = soup_of(page).select_one("svg.qr")
    assert drawing is not None
    path = drawing.find("path")
    link = soup_of(page).find("a", href=re.compile("^otpauth:"))
    assert path is not None
    assert link is not None
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)\.5h1", str(path["d"]))}

    expected = segno.make_qr(str(link["href"]), error="m").matrix
    assert dark == {
        (x + MARGIN, y + MARGIN) for y, row in enumerate(expected) for x, module in enumerate(row) if module
    }
    assert str(drawing["viewBox"]) == f"0 0 {len(expected) + 2 * MARGIN} {len(expected) + 2 * MARGIN}"
    assert parse_qs(urlsplit(str(link["href"])).query)["secret"] == [phone_on(page).secret]


def test_the_pages_of_a_second_factor_hold_nothing_that_the_policy_would_block(world: World) -> None:
    client = world.login()
    for page in (begin(client), client.get(ACCOUNT)):
        assert page.headers["Cache-Control"] == "no-store"
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        shown = soup_of(page)
        assert not shown.find_all(style=True)
        assert not shown.find_all("style")
        assert not shown.find_all("script", src=False)


@pytest.mark.parametrize("do", ["set_up", "recovery"])
@pytest.mark.parametrize(("password", "sentence"), [("", "Type your current password."), ("wrong", "not your current")])
def test_a_change_wants_the_password(world: World, do: str, password: str, sentence: str) -> None:
    client, _, _ = set_up(world)
    before = dump(world)["second_factor"], dump(world)["recovery_code"]

    answer = begin(client, do, password=password)

    assert answer.status_code == 422
    assert sentence in complaint(answer, "password").near
    assert (dump(world)["second_factor"], dump(world)["recovery_code"]) == before


def test_whoever_guesses_the_password_on_these_pages_is_slowed(world: World) -> None:
    client, _, _ = set_up(world)
    for number in range(5):
        assert (begin(client, password="wrong") if number % 2 else remove(client, "wrong")).status_code == 422

    for answer in (begin(client, password=PASSWORD), remove(client)):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "180")
        assert "nothing was changed. Try again in 3 minutes" in complaint(answer, "password").near
    world.pass_time(minutes=3)
    assert phone_on(begin(client)).secret


def test_what_nobody_can_ask_for_is_refused(world: World) -> None:
    client = world.login()
    token = csrf_of(client.get(ACCOUNT))

    for do in ("", "code", "remove"):
        answer = client.post(ACCOUNT, data={"csrf_token": token, "password": PASSWORD, "do": do})
        assert answer.status_code == 400


def remove(client: FlaskClient, password: str = PASSWORD) -> TestResponse:
    data = values_of(client.get(ACCOUNT), field="password") | {"password": password}
    return client.post(f"{ACCOUNT}/remove", data=data)


def test_it_is_switched_off_with_the_password(world: World) -> None:
    client, _, _ = set_up(world)
    assert remove(client, "wrong").status_code == 422

    answer = remove(client)

    assert "Your second factor is switched off." in words(client.get(answer.location))
    assert give_password(world.portal.test_client()).request.path == "/"


def test_new_recovery_codes_are_shown_until_they_are_in_use(world: World) -> None:
    client, _, old = set_up(world)
    page = begin(client, "recovery")
    new = codes_on(page)
    assert title(page) == "New recovery codes"
    assert soup_of(page).select_one("svg.qr") is None
    assert len(new) == 10
    assert not set(new) & set(old)
    assert codes_on(client.get(f"{ACCOUNT}/new")) == new

    answer = client.post(f"{ACCOUNT}/new", data={"csrf_token": csrf_of(page)})
    assert "Your new recovery codes are in use." in words(client.get(answer.location))
    assert client.get(f"{ACCOUNT}/new").location == f"{ACCOUNT}?news=over"
    for code, expected in ((old[0], 422), (new[0], 303)):
        browser = world.portal.test_client()
        assert send_code(browser, give_password(browser), code, field="recovery_code").status_code == expected


def test_the_page_warns_when_few_recovery_codes_are_left(world: World) -> None:
    client, _, codes = set_up(world)
    for used, warned in ((6, False), (1, True)):
        for _ in range(used):
            browser = world.portal.test_client()
            send_code(browser, give_password(browser), codes.pop(), field="recovery_code")
        assert ("Make new recovery codes before you need them." in words(client.get(ACCOUNT))) is warned


# ---- required by the clinic


def test_who_has_none_sets_it_up_right_after_the_password_and_reaches_nothing_before(world: World) -> None:
    require_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back="/board")
    assert (page.request.path, title(page)) == ("/login/second-factor", "Set up a second factor")
    assert "Your clinic requires a second factor." in words(page)
    for path in ("/", "/board", "/account", ACCOUNT, f"{ACCOUNT}/new"):
        assert client.get(path).location.startswith("/login"), path
    assert client.get("/login/code").status_code == 401
    phone, codes = phone_on(page), codes_on(page)
    assert phone_on(client.get("/login/second-factor")) == phone

    answer = send_code(client, page, phone.code(world.now))

    assert (answer.status_code, answer.location) == (303, "/board")
    assert is_in(client)
    world.pass_time(seconds=30)
    for code, field in ((phone.code(world.now), "code"), (codes[0], "recovery_code")):
        browser = world.portal.test_client()
        assert send_code(browser, give_password(browser), code, field=field).status_code == 303


def test_a_set_up_at_the_login_that_took_too_long_leads_back_to_the_password(world: World) -> None:
    require_factor(world)
    client = world.portal.test_client()
    page = give_password(client, back="/board")
    world.pass_time(minutes=30)

    answer = send_code(client, page, phone_on(page).code(world.now))

    assert answer.status_code == 401
    assert OVER in words(answer)
    assert dump(world)["second_factor"] == []
    page = give_password(client, page=answer)
    assert send_code(client, page, phone_on(page).code(world.now)).location == "/board"


def test_where_it_is_required_the_page_offers_no_way_to_switch_it_off_and_takes_none(world: World) -> None:
    client, _, _ = set_up(world)
    require_factor(world)

    page = client.get(ACCOUNT)
    assert "so it can't be switched off" in words(page)
    assert soup_of(page).find(True, attrs={"formaction": True}) is None
    answer = client.post(f"{ACCOUNT}/remove", data=values_of(page, field="password") | {"password": PASSWORD})
    assert answer.status_code == 409
    assert "Your clinic requires a second factor." in words(answer)
    assert len(dump(world)["second_factor"]) == 1


def test_an_administrator_requires_it_on_the_settings_page(world: World) -> None:
    client = world.login(Role.ADMIN)
    give_factor(world, Role.STAFF)
    page = client.get("/admin/settings")
    assert "3 people have none yet." in words(page)
    data = values_of(page, field="name")
    assert data["second_factor_required"] == []

    client.post("/admin/settings", data=data | {"second_factor_required": ["y"]})

    assert values_of(client.get("/admin/settings"), field="name")["second_factor_required"] == ["y"]
    assert title(give_password(world.portal.test_client())) == "Set up a second factor"
    assert title(give_password(world.portal.test_client(), Role.STAFF)) == "Code from your app"
    assert "changed the settings: second factor required" in words(client.get("/admin/trail"))


# ---- administrators


def test_an_administrator_resets_a_colleagues_second_factor(world: World) -> None:
    inside, _, _ = set_up(world)
    admin, user = world.login(Role.ADMIN), world.clinic.users["scheduler"]
    assert "With second factor" in words(admin.get("/admin/users"))
    page = admin.get(f"/admin/users/{user}")
    path = f"/admin/users/{user}/second-factor/reset"
    assert soup_of(page).find("form", attrs={"action": path}) is not None

    answer = admin.post(path, data={"csrf_token": csrf_of(page)})

    assert "The second factor is reset" in words(admin.get(answer.location))
    assert "With second factor" not in words(admin.get("/admin/users"))
    assert not is_in(inside)
    assert give_password(world.portal.test_client()).request.path == "/"
    told = words(admin.get("/admin/trail"))
    assert "Admin of Riverside Clinic reset the second factor of Scheduler of Riverside Clinic" in told


def test_the_page_offers_no_reset_of_ones_own_nor_of_what_is_not_there(world: World) -> None:
    admin, _, _ = set_up(world, Role.ADMIN)
    for role in (Role.ADMIN, Role.STAFF):
        page = admin.get(f"/admin/users/{world.clinic.users[role.value]}")
        assert "Reset the second factor" not in words(page), role
    own = f"/admin/users/{world.clinic.users['admin']}/second-factor/reset"
    answer = admin.post(own, data={"csrf_token": csrf_of(page)})
    assert answer.status_code == 409
    assert "Change your own second factor on the page of your account." in words(answer)
    assert len(dump(world)["second_factor"]) == 1


def test_another_clinics_people_are_not_found(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    admin = world.login(Role.ADMIN)
    before = dump(world)

    answer = admin.post(
        f"/admin/users/{harbor.users['staff']}/second-factor/reset", data={"csrf_token": csrf_of(admin.get("/"))}
    )

    assert answer.status_code == 404
    assert dump(world) == before


def test_what_an_app_is_compared_with_is_said_to_be_lost_when_its_key_is(world: World) -> None:
    owner = give_factor(world)
    user = world.clinic.users["scheduler"]
    world.change(SecondFactor, user, secret="encrypted with a key that is gone")
    client = world.portal.test_client()

    answer = send_code(client, give_password(client), owner.phone.code(world.now))

    assert answer.status_code == 422
    assert "can't be read any more" in words(answer)
    assert send_code(client, answer, owner.codes[0], field="recovery_code").status_code == 303


def test_a_deactivated_person_gets_no_further_than_the_password(world: World) -> None:
    owner = give_factor(world)
    client = world.portal.test_client()
    page = give_password(client)
    world.change(User, world.clinic.users["scheduler"], active=False)

    assert send_code(client, page, owner.phone.code(world.now)).status_code == 401
    assert give_password(world.portal.test_client()).status_code == 422
