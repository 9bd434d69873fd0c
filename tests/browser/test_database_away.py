"""The database goes away under an open page: the page says so in place, keeps what is typed, and goes on by itself."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.site import RIGHT_WITHIN, Site
from tests.browser.test_pages import _look as look
from tests.faults.database_faults import away

STALE = "Not up to date."


@pytest.mark.parametrize("width", [360, 1440])
def test_a_live_page_says_that_it_is_not_up_to_date_and_turns_its_badge_afterwards(
    site: Site, open_page: Callable[..., Page], width: int
) -> None:
    visit = site.world.book(ask=["Clearsign"])
    site.world.tick()
    page = site.log_in(open_page(width=width))
    page.goto(f"{site.portal}/visits/{visit}")
    badge = page.locator(f".badge-{visit}").first
    with away(site.world):
        expect(page.get_by_role("alert")).to_contain_text(STALE)
        expect(badge).to_contain_text("Pending Request")
        look(page)
    site.world.accept(visit, "Clearsign")

    expect(badge).to_contain_text("Accepted", timeout=RIGHT_WITHIN)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_press_that_fails_says_so_above_the_form_and_works_when_pressed_again(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/new")
    page.get_by_label("Patient name").fill("Jonah Pike")
    page.get_by_text("More options").click()
    with away(site.world):
        page.get_by_label("Language").select_option("ase")
        expect(page.get_by_role("alert")).to_contain_text("The database can't be reached. Nothing was changed.")
        look(page)
    page.get_by_label("Language").select_option("")
    page.get_by_label("Language").select_option("ase")

    expect(page.get_by_label("ASL daytime")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label("Patient name")).to_have_value("Jonah Pike")


def test_a_form_that_can_not_be_taken_is_kept_on_the_page_that_says_so(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page())
    site.fill_visit(page)
    with away(site.world):
        page.get_by_role("button", name="Create Visit").click()
        expect(page.get_by_role("heading", name="Not available for a moment")).to_be_visible()
        look(page)
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("button", name="Confirm")).to_be_visible()
    expect(page.get_by_text("Jonah Pike")).to_be_visible()


def test_what_a_web_server_before_ours_answers_is_not_shown_and_stops_nothing(
    site: Site, open_page: Callable[..., Page]
) -> None:
    visit = site.world.book(ask=["Clearsign"])
    site.world.tick()
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/{visit}")
    seen: list[str] = []

    def bad_gateway(route: Route) -> None:
        seen.append(route.request.url)
        route.fulfill(status=502, content_type="text/html", body="<html><body><h1>502 Bad Gateway</h1></body></html>")

    page.route("**/badges**", bad_gateway)
    page.wait_for_timeout(2500)
    assert len(seen) >= 2
    expect(page.get_by_text("502 Bad Gateway")).to_have_count(0)
    page.unroute("**/badges**")
    site.world.accept(visit, "Clearsign")

    expect(page.locator(f".badge-{visit}").first).to_contain_text("Accepted")
