"""What an open page says when a press or a poll of its own meets a fault of ours, and how it goes on."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.states import Role
from tests.faults.database_faults import away
from tests.web.checks import csrf_of, soup_of, words
from tests.web.displays import new_screen
from tests.world import World

HTMX = {"HX-Request": "true"}
STALE = "Not up to date. The database can't be reached, so what this page shows may be old. It goes on by itself."


def watch_of(page: TestResponse) -> str:
    """The address that the page polls."""
    watch = soup_of(page).find(id="watch")
    assert watch is not None
    return str(watch["hx-get"])


def poll(client: FlaskClient, address: str) -> TestResponse:
    return client.get(address, headers=HTMX | {"HX-Trigger": "watch"})


def test_a_page_whose_poll_fails_says_so_once_goes_on_and_takes_it_back_when_all_is_well(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()
    page = client.get(f"/visits/{visit}")
    with away(world):
        first = poll(client, watch_of(page))
        second = poll(client, watch_of(first))

    assert (first.status_code, first.headers["Retry-After"]) == (503, "10")
    assert first.headers["HX-Retarget"] == "#form-notice"
    assert STALE in words(first)
    assert soup_of(first).find(id="watch")["hx-trigger"] == "every 5s"  # type: ignore[index]
    assert (second.status_code, second.text, second.headers["HX-Reswap"]) == (503, "", "none")

    well = poll(client, watch_of(first))
    assert well.status_code == 200
    notice = soup_of(well).find(id="form-notice")
    assert notice is not None
    assert (notice.get_text(), notice["hx-swap-oob"]) == ("", "true")
    assert watch_of(well) == watch_of(page)
    assert poll(client, watch_of(well)).status_code == 204


def test_a_page_without_badges_says_so_as_well_and_takes_it_back(world: World) -> None:
    client = world.login(Role.ADMIN)
    page = client.get("/admin/users")
    with away(world):
        first = poll(client, watch_of(page))

    assert STALE in words(first)
    well = poll(client, watch_of(first))
    assert soup_of(well).find(id="form-notice")["hx-swap-oob"] == "true"  # type: ignore[index]
    assert watch_of(well) == watch_of(page)
    assert poll(client, watch_of(well)).status_code == 204


def test_a_screen_on_the_wall_says_so_as_well_and_goes_on(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    screen = new_screen(world)
    board = screen.get("/display/board")
    assert len(soup_of(board).select("main #form-notice")) == 1
    with away(world):
        first = poll(screen, watch_of(board))

    assert first.status_code == 503
    assert STALE in words(first)
    assert watch_of(first).startswith("/display/badges")
    well = poll(screen, watch_of(first))
    assert soup_of(well).find(id="form-notice")["hx-swap-oob"] == "true"  # type: ignore[index]
    assert watch_of(well) == watch_of(board)


def test_news_of_a_time_when_the_database_was_away_comes_with_the_first_poll_after_it(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()
    page = client.get(f"/visits/{visit}")
    with away(world):
        late = poll(client, watch_of(page))
    world.accept(visit, "Clearsign")

    assert "A-10001: Accepted" in words(poll(client, watch_of(late)))


@pytest.mark.parametrize("path", ["/visits/interpreters?language=ase", "/admin/languages?q=french", "/board"])
def test_a_press_that_meets_a_fault_says_so_in_place(world: World, path: str) -> None:
    client = world.login(Role.ADMIN)
    with away(world):
        answer = client.get(path, headers=HTMX)

    assert answer.status_code == 503
    assert answer.headers["HX-Reselect"] == "#form-notice"
    assert "<html" not in answer.text
    assert "Not available for a moment. The database can't be reached. Nothing was changed." in words(answer)


def test_a_press_in_a_form_leaves_the_form_alone(world: World) -> None:
    client, group = world.login(Role.ADMIN), world.clinic.groups["ASL daytime"]
    token = csrf_of(client.get(f"/admin/groups/{group}"))
    with away(world):
        data = {"csrf_token": token, "do": "add"}
        answer = client.post(f"/admin/groups/{group}", data=data, headers=HTMX | {"Holds-Form": "true"})

    assert answer.status_code == 503
    assert soup_of(answer).find("form") is None
    assert "Not available for a moment." in words(answer)


def test_a_bug_says_so_in_place_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.visits.interpreter_choices", lambda *_arguments: 1 / 0)
    client = world.login()
    monkeypatch.setitem(world.portal.config, "PROPAGATE_EXCEPTIONS", False)
    answer = client.get("/visits/interpreters?language=ase", headers=HTMX)

    assert answer.status_code == 500
    assert answer.headers["HX-Retarget"] == "#form-notice"
    assert "Something went wrong on our side. Nothing you sent was half-done." in words(answer)


def test_what_takes_a_notice_away_comes_with_the_next_press_that_works(world: World) -> None:
    client = world.login(Role.ADMIN)
    for path in ("/visits/interpreters?language=ase", "/admin/languages?q=french"):
        notice = soup_of(client.get(path, headers=HTMX)).find(id="form-notice")
        assert notice is not None, path
        assert notice.get_text() == "", path


def test_every_page_has_a_place_for_it_and_scripts_know_which(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login(Role.ADMIN)
    for path in ("/", "/schedule", "/board", "/visits/new", f"/visits/{visit}", f"/visits/{visit}/edit", "/admin/mail"):
        page = client.get(path)
        assert len(soup_of(page).select("main #form-notice")) == 1, path
        assert re.search(r'\{"code": "5\.\.", "swap": true, "target": "#form-notice"', page.text), path


def test_a_password_that_was_typed_is_not_kept_on_the_page(world: World) -> None:
    client = world.portal.test_client()
    token = csrf_of(client.get("/login"))
    with away(world):
        sent = {"csrf_token": token, "email": "admin@demo.example", "password": "quiet river under stone"}
        answer = client.post("/login", data=sent)

    assert answer.status_code == 503
    assert "quiet river" not in answer.text
    assert "admin@demo.example" not in answer.text
