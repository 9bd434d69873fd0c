"""The pages of a search: which visits stand on which, how to get to the others, and where a long search goes on."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import Tag

from shared.queries import search
from shared.queries.search import PAGE_SIZE
from tests.web.checks import soup_of, values_of, words
from tests.web.test_search import SEARCH, addresses, found, look, pages_form, send
from tests.world import TOMORROW, World


def test_what_is_found_comes_in_pages_and_is_counted(world_on_either: World) -> None:
    world = world_on_either
    visits = [world.book(day=TOMORROW + timedelta(days=day)) for day in range(PAGE_SIZE * 2 + 3)]
    client = world.login()

    seen: list[int] = []
    for number in (1, 2, 3):
        page = client.get(SEARCH, query_string={"status": "none", "page": number})
        assert page.status_code == 200
        first, last = (number - 1) * PAGE_SIZE + 1, min(number * PAGE_SIZE, len(visits))
        assert f"{first}–{last} of {len(visits)} visits, the latest first" in words(page)
        assert f"Page {number} of 3" in words(page)
        seen += found(page)
    assert seen == visits[::-1]


@pytest.fixture
def few_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many and no more, on two pages."""
    monkeypatch.setattr(search, "MOST_FOUND", PAGE_SIZE + 5)
    return search.MOST_FOUND


def test_behind_the_last_page_of_too_many_visits_the_earlier_ones_go_on(
    world_on_either: World, few_are_looked_for: int
) -> None:
    world = world_on_either
    visits = [world.book(day=TOMORROW + timedelta(days=day)) for day in range(few_are_looked_for + 10)]
    client = world.login()

    first = client.get(SEARCH, query_string={"status": "none"})
    last = client.get(SEARCH, query_string={"status": "none", "page": 2})
    way = soup_of(last).find("a", string="Earlier visits")
    assert isinstance(way, Tag)
    earlier = client.get(str(way["href"]))

    assert f"1–{PAGE_SIZE} of the latest {few_are_looked_for} visits" in words(first)
    assert "Earlier visits" not in words(first)
    assert dict(parse_qsl(urlsplit(str(way["href"])).query)) == {"status": "none", "to": str(TOMORROW + timedelta(10))}
    assert found(first) + found(last) == visits[:9:-1]
    assert found(earlier) == visits[10::-1]  # the day where the last page ended is shown again
    assert "Earlier visits" not in words(earlier)


def test_the_earlier_visits_of_a_patient_are_posted_for(world: World, few_are_looked_for: int) -> None:
    visits = [
        world.book(patient_name="Quentin Marker", day=TOMORROW + timedelta(days=day))
        for day in range(few_are_looked_for + 3)
    ]
    client = world.login()
    first = send(client, {"patient": "quentin", "from": str(TOMORROW)})
    data = {str(field["name"]): str(field["value"]) for field in pages_form(first).find_all("input")}
    last = client.post(SEARCH, data=data | {"page": "2"})

    button = soup_of(last).find("button", string="Earlier visits")
    assert isinstance(button, Tag)
    assert isinstance(button.parent, Tag)
    posted = {str(field["name"]): str(field["value"]) for field in button.parent.find_all("input")}
    assert found(client.post(SEARCH, data=posted)) == visits[3::-1]
    assert [address for address in addresses(last) if "uentin" in address] == []


def test_a_day_with_too_many_visits_leads_nowhere_but_says_so(world: World, few_are_looked_for: int) -> None:
    for _ in range(few_are_looked_for + 1):
        world.book()
    page = world.login().get(SEARCH, query_string={"status": "none", "to": str(TOMORROW), "page": 2})

    assert f"of the latest {few_are_looked_for} visits" in words(page)
    assert "Earlier visits" not in words(page)


def test_visits_at_one_instant_stand_on_one_page_each(world_on_either: World) -> None:
    visits = {world_on_either.book() for _ in range(PAGE_SIZE + 5)}
    client = world_on_either.login()

    seen = look(client, status="none") + look(client, status="none", page=2)

    assert len(seen) == len(visits)
    assert set(seen) == visits


def test_links_lead_to_the_neighbouring_pages_of_the_same_search(world: World) -> None:
    for _ in range(PAGE_SIZE * 2 + 1):
        world.book()
    page = world.login().get(SEARCH, query_string={"status": "none", "from": str(TOMORROW), "page": 2})

    links = {str(link.get_text(" ", strip=True)): str(link["href"]) for link in soup_of(page).select("nav a.outline")}
    assert {name: dict(parse_qsl(urlsplit(href).query)) for name, href in links.items()} == {
        "First page": {"status": "none", "from": str(TOMORROW)},
        "Previous page": {"status": "none", "from": str(TOMORROW), "page": "1"},
        "Next page": {"status": "none", "from": str(TOMORROW), "page": "3"},
        "Last page": {"status": "none", "from": str(TOMORROW), "page": "3"},
    }


@pytest.mark.parametrize("asked", ["1000000000", "2", "0", "-1", "x", "1e3", "9" * 400, "٢"])
def test_a_page_that_does_not_exist_shows_one_that_does_and_says_so(world: World, asked: str) -> None:
    visit = world.book()

    page = world.login().get(SEARCH, query_string={"status": "none", "page": asked})

    assert page.status_code == 422
    assert "There is no such page. This is page 1 of 1." in words(page)
    assert found(page) == [visit]


def test_an_empty_result_says_what_to_do(world: World) -> None:
    page = world.login().get(SEARCH, query_string={"number": "99999"})

    assert page.status_code == 200
    assert "No visit matches all of this. Check the spelling, or leave a field empty and search again." in words(page)
    assert values_of(page, field="patient")["number"] == ["99999"]


def test_without_anything_to_search_for_there_is_a_form_and_no_list(world: World) -> None:
    world.book()
    page = world.login().get(SEARCH)

    assert page.status_code == 200
    assert found(page) == []
    assert "Fill in what you know." in words(page)


def test_the_badges_of_what_was_found_are_live(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()

    for page in (client.get(SEARCH, query_string={"status": "pending"}), send(client, {"patient": "pike"})):
        watch = soup_of(page).find(id="watch")
        assert watch is not None
        assert f"seen={visit}." in str(watch["hx-get"])
