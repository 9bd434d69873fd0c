"""Who tries a password too often: what they see, what waits for them, and whom it does not touch."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal import auth
from portal import passwords as password_pages
from shared.states import Role
from tests.web.booking import filled, is_form, kept, preview
from tests.web.checks import csrf_of, form_of, values_of, words
from tests.web.visitors import another_portal, browser
from tests.world import PASSWORD, World, hashed, hidden

SCHEDULER, NOBODY = "scheduler@demo.example", "nobody@demo.example"
NEW = "quiet river under stone"
EVIL, HOME = "203.0.113.66", "198.51.100.7"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about how long an answer takes."""
    monkeypatch.setattr("shared.passwords._NOBODY", hashed("nobody has this password"))
    monkeypatch.setattr(password_pages, "EVEN_SECONDS", 0.0)


def log_in(client: FlaskClient, password: str, email: str = SCHEDULER) -> TestResponse:
    data = {"csrf_token": csrf_of(client.get("/login")), "email": email, "password": password}
    return client.post("/login", data=data)


def use_up(client: FlaskClient, email: str = SCHEDULER) -> TestResponse:
    """Guess until the answer is to wait."""
    for _ in range(30):
        answer = log_in(client, "wrong", email)
        if answer.status_code == 429:
            return answer
        assert answer.status_code == 422
    raise AssertionError("never slowed")


def attack(world: World) -> None:
    """So many wrong passwords from so many networks that it is an attack."""
    for number in range(60):
        assert log_in(browser(world.portal, f"203.0.113.{number}"), "wrong").status_code == 422


def test_who_guesses_is_told_how_long_to_wait_and_what_else_to_do(world: World) -> None:
    answer = use_up(browser(world.portal, EVIL))

    assert answer.headers["Retry-After"] == "180"
    said = words(answer)
    assert "Too many tries have failed. Try again in 3 minutes." in said
    assert "ask for a link below: it lets you choose another and log in at once" in said
    assert form_of(answer, field="password").find_parent("main").find("a", string="Forgot your password?") is not None  # type: ignore[union-attr]
    assert values_of(answer, field="password")["email"] == [SCHEDULER]
    assert values_of(answer, field="password")["password"] == [""]


def test_a_right_password_waits_as_well_and_is_let_in_afterwards(world: World) -> None:
    client = browser(world.portal, EVIL)
    use_up(client)
    world.pass_time(minutes=1, seconds=30)
    waiting = log_in(client, PASSWORD)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (429, "90")
    assert "Try again in 2 minutes." in words(waiting)

    world.pass_time(seconds=90)
    assert log_in(client, PASSWORD).status_code == 303


def test_a_form_that_waits_behind_the_login_is_not_lost(world: World) -> None:
    values = filled(world, ask=["Clearsign"])
    page = preview(world.login(), values)
    client = browser(world.portal, HOME)
    login = client.post("/visits", data=values_of(page, field="preview"))
    use_up(client)

    data = values_of(login, field="password") | {"email": [SCHEDULER], "password": [PASSWORD]}
    slowed = client.post("/login", data=data)
    assert slowed.status_code == 429
    world.pass_time(minutes=3)
    again = client.post("/login", data=values_of(slowed, field="password") | {"password": [PASSWORD]})

    assert is_form(again)
    assert kept(again) == values


def test_where_the_person_was_going_is_not_lost_either(world: World) -> None:
    client = browser(world.portal, HOME)
    use_up(client)

    data = {"csrf_token": csrf_of(client.get("/login")), "email": SCHEDULER, "password": "wrong", "next": "/board"}
    assert hidden(client.post("/login", data=data), "next") == "/board"


def answers(world: World, email: str, address: str) -> list[tuple[int, str, list[tuple[str, str]]]]:
    """Everything that somebody who guesses at an address is told, but for what is random or of the moment."""
    client, told = browser(world.portal, address), []
    for _ in range(8):
        answer = log_in(client, "wrong", email)
        token = values_of(answer, field="password")["csrf_token"][0]
        text = answer.text.replace(token, "token").replace(email, "address")
        varies = {"Set-Cookie", "Content-Length", "X-Request-ID"}
        headers = [(name, value) for name, value in answer.headers if name not in varies]
        told.append((answer.status_code, text, headers))
    return told


def test_nothing_that_is_said_tells_whether_somebody_has_the_address(world: World) -> None:
    world.add_user(Role.STAFF, "Left", active=False)

    told = [
        answers(world, email, f"203.0.113.{number}")
        for number, email in enumerate([SCHEDULER, NOBODY, "left@demo.example"])
    ]

    assert [status for status, _text, _headers in told[0]] == [422] * 5 + [429] * 3
    assert told[0] == told[1] == told[2]


def test_while_it_waits_no_password_is_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser(world.portal, EVIL)
    use_up(client)

    def looked(**_values: object) -> None:
        raise AssertionError("the password was looked at")

    monkeypatch.setattr(auth, "log_in", looked)
    for email in (SCHEDULER, " SCHEDULER@demo.example"):
        assert log_in(client, PASSWORD, email).status_code == 429


def test_a_new_browser_cookie_or_page_makes_no_new_tries(world: World) -> None:
    use_up(browser(world.portal, EVIL))

    for _ in range(3):
        assert log_in(browser(world.portal, EVIL), PASSWORD).status_code == 429


def test_who_guesses_elsewhere_does_not_keep_the_person_out(world_on_either: World) -> None:
    world = world_on_either
    mine = browser(world.portal, HOME)
    assert log_in(mine, PASSWORD).status_code == 303
    attack(world)

    mine.post("/logout", data={"csrf_token": csrf_of(mine.get("/"))})
    assert log_in(mine, PASSWORD).status_code == 303  # my browser
    assert log_in(browser(world.portal, HOME), PASSWORD).status_code == 303  # another one of mine
    assert log_in(browser(world.portal, "198.51.100.8"), PASSWORD).status_code == 303  # a network I never was at


def test_a_known_browser_gets_in_beside_somebody_who_guesses_at_the_same_network(world: World) -> None:
    mine = browser(world.portal, HOME)
    log_in(mine, PASSWORD)
    use_up(browser(world.portal, HOME))
    assert log_in(browser(world.portal, HOME), PASSWORD).status_code == 429

    mine.post("/logout", data={"csrf_token": csrf_of(mine.get("/"))})
    assert [log_in(mine, "wrong").status_code for _ in range(9)] == [422] * 9
    assert log_in(mine, PASSWORD).status_code == 303


def test_a_link_from_a_mail_lets_in_whatever_is_guessed_meanwhile(world: World) -> None:
    attack(world)
    client = browser(world.portal, EVIL)
    use_up(client)
    ask = client.get("/password/forgot")
    client.post("/password/forgot", data={"csrf_token": csrf_of(ask), "email": SCHEDULER})
    world.tick()
    path = next(
        word.removeprefix(world.settings.portal_url)
        for word in world.open_mail(to=SCHEDULER).text.split()
        if "/password/set/" in word
    )

    data = values_of(client.get(path), field="password") | {"password": [NEW], "again": [NEW]}
    assert client.post(path, data=data).status_code == 303
    assert log_in(client, NEW).status_code == 303


def test_a_changed_password_keeps_this_browser_known_and_no_other(world: World) -> None:
    here, there = browser(world.portal, HOME), browser(world.portal, EVIL)
    for client in (here, there):
        log_in(client, PASSWORD)
    data = values_of(here.get("/account"), field="old") | {"old": [PASSWORD], "password": [NEW], "again": [NEW]}
    assert here.post("/account", data=data).status_code == 303

    assert [log_in(there, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]
    here.post("/logout", data={"csrf_token": csrf_of(here.get("/"))})
    assert [log_in(here, "wrong").status_code for _ in range(6)] == [422] * 6


def test_one_browser_of_many_people_is_known_as_the_last_ten(world: World) -> None:
    shared = browser(world.portal, HOME)
    people = [f"person{number}@demo.example" for number in range(11)]
    for number in range(11):
        world.add_user(Role.STAFF, f"Person {number}")
    for email in people:
        assert log_in(shared, PASSWORD, email).status_code == 303
        shared.post("/logout", data={"csrf_token": csrf_of(shared.get("/"))})

    held = shared.get_cookie("known")
    assert held is not None
    assert len(held.value) < 2048  # browsers keep 4096

    statuses = {email: [log_in(shared, "wrong", email).status_code for _ in range(6)] for email in people}
    assert statuses.pop(people[0]) == [422] * 5 + [429]
    assert all(status == [422] * 6 for status in statuses.values())


@pytest.mark.parametrize("value", ["", "x", "gAAAAA==", "é", "\0", "x" * 3000])
def test_a_made_up_cookie_is_nobodys(world: World, value: str) -> None:
    client = browser(world.portal, EVIL)
    client.set_cookie("known", value)

    assert [log_in(client, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def test_a_forms_draft_does_not_pass_for_a_known_browser(world: World) -> None:
    client = browser(world.portal, EVIL)
    values = filled(world, ask=["Clearsign"])
    page = preview(world.login(), values)
    draft = hidden(client.post("/visits", data=values_of(page, field="preview")), "draft")
    assert draft
    client.set_cookie("known", draft)

    assert [log_in(client, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def test_a_browser_is_known_for_half_a_year(world: World) -> None:
    client = browser(world.portal, HOME)
    log_in(client, PASSWORD)
    world.pass_time(days=179)
    assert [log_in(client, "wrong").status_code for _ in range(6)] == [422] * 6

    world.pass_time(days=2)
    assert [log_in(client, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def test_all_processes_count_together(world_on_either: World) -> None:
    world = world_on_either
    with another_portal(world.settings) as other:
        clients = (browser(world.portal, EVIL), browser(other, EVIL)) * 3
        statuses = [log_in(client, "wrong").status_code for client in clients]

    assert statuses == [422] * 5 + [429]


def test_who_asks_for_links_without_end_is_told_to_wait(world: World) -> None:
    client = browser(world.portal, EVIL)
    token = csrf_of(client.get("/password/forgot"))
    emails = [SCHEDULER, *(f"person{number}@demo.example" for number in range(20))]
    asked = [client.post("/password/forgot", data={"csrf_token": token, "email": email}) for email in emails]

    assert [answer.status_code for answer in asked] == [303] * 20 + [429]
    assert asked[-1].headers["Retry-After"] == "360"
    assert "Try again in 6 minutes. A mail that has arrived already is still good" in words(asked[-1])
    assert values_of(asked[-1], field="email")["email"] == [emails[-1]]
    other = browser(world.portal, HOME)
    data = {"csrf_token": csrf_of(other.get("/password/forgot")), "email": SCHEDULER}
    assert other.post("/password/forgot", data=data).status_code == 303


def test_an_open_browser_is_no_place_to_guess_the_password_at(world: World) -> None:
    open_browser, mine = world.login(), world.login()
    data = values_of(open_browser.get("/account"), field="old")

    def guess(client: FlaskClient, password: str) -> TestResponse:
        token = csrf_of(client.get("/account"))
        return client.post(
            "/account", data=data | {"csrf_token": token, "old": password, "password": NEW, "again": NEW}
        )

    assert [guess(open_browser, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]
    slowed = guess(open_browser, PASSWORD)
    assert (slowed.status_code, slowed.headers["Retry-After"]) == (429, "180")
    assert "Too many tries with a wrong password, so nothing was changed. Try again in 3 minutes." in words(slowed)
    assert guess(mine, PASSWORD).status_code == 303


def test_the_trail_tells_administrators_once(world: World) -> None:
    for _ in range(3):
        use_up(browser(world.portal, EVIL))

    said = words(world.login(Role.ADMIN).get("/admin/trail"))
    assert said.count("Logins as Scheduler of Riverside Clinic are slowed: too many wrong passwords") == 1
