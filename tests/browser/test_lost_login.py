"""A login that goes idle while a form is filled in: nothing that HTMX asks takes the page, nor what was typed."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from shared.models import User
from tests.browser.site import Site
from tests.browser.test_pages import _look as look
from tests.world import PASSWORD

OUT = "You have been logged out."


def log_in_again(page: Page, role: str) -> None:
    page.get_by_label("E-mail").fill(f"{role}@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def counted_polls(page: Page) -> list[str]:
    """Every poll of the page from here on."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "/badges" in request.url:
            found.append(request.url)

    page.on("request", note)
    return found


@pytest.mark.parametrize(
    ("kind", "field", "button"),
    [
        ("edit", "#reason", "Go on to the preview"),
        ("ask", "#notes", "Go on to the preview"),
        ("cancel", "#reason", "Cancel visit"),
    ],
)
def test_a_form_with_a_live_badge_stays_and_comes_back_filled_in(
    site: Site, open_page: Callable[..., Page], kind: str, field: str, button: str
) -> None:
    visit = site.world.book(ask=["Clearsign"])
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/{visit}/{kind}")
    page.locator(field).fill("Typed")

    site.world.pass_time(minutes=16)

    expect(page.get_by_role("alert")).to_contain_text(OUT)
    expect(page.locator(field)).to_have_value("Typed")
    polls = counted_polls(page)
    look(page)
    page.wait_for_timeout(1500)  # longer than from one poll to the next
    assert not polls
    page.get_by_role("button", name=button, exact=True).click()
    log_in_again(page, "scheduler")
    expect(page.locator(field)).to_have_value("Typed")
    expect(page.locator("#watch")).to_have_attribute("hx-get", re.compile("/badges"))


def test_the_preview_of_a_change_stays_and_its_form_comes_back(site: Site, open_page: Callable[..., Page]) -> None:
    visit = site.world.book(ask=["Clearsign"])
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/{visit}/edit")
    page.locator("#reason").fill("Typed")
    page.get_by_role("button", name="Go on to the preview", exact=True).click()
    expect(page.get_by_role("heading", name="Check and save")).to_be_visible()

    site.world.pass_time(minutes=16)

    expect(page.get_by_role("alert")).to_contain_text(OUT)
    page.get_by_role("button", name="Confirm").click()
    log_in_again(page, "scheduler")
    expect(page.locator("#reason")).to_have_value("Typed")


def test_a_new_visit_stays_when_a_language_is_chosen(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/new")
    page.get_by_label("Patient name").fill("Typed")
    page.get_by_text("More options").click()
    site.world.pass_time(minutes=16)

    page.get_by_label("Language").select_option(value="ase")

    expect(page.get_by_role("alert")).to_contain_text(OUT)
    expect(page.get_by_role("alert")).to_be_in_viewport()
    look(page)
    page.get_by_role("button", name="Create Visit").last.click()
    log_in_again(page, "scheduler")
    expect(page.get_by_label("Patient name")).to_have_value("Typed")
    expect(page.get_by_label("Clearsign", exact=True)).to_be_visible()


def test_a_hunt_group_stays_when_a_company_is_moved(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page(), "admin")
    page.goto(f"{site.portal}/admin/groups/{site.world.clinic.groups['ASL daytime']}")
    page.get_by_label("Name").fill("Typed")
    page.get_by_role("button", name="Move Clearsign down").click()
    expect(page.locator(".members .who").first).to_have_text("Northlight")
    site.world.pass_time(minutes=16)

    page.get_by_role("button", name="Move Clearsign down").click()

    expect(page.get_by_role("alert")).to_contain_text(OUT)
    look(page)
    page.get_by_role("button", name="Save hunt group").last.click()
    log_in_again(page, "admin")
    expect(page.get_by_label("Name")).to_have_value("Typed")
    expect(page.locator(".members .who").first).to_have_text("Northlight")


def test_a_hunt_group_from_before_another_login_says_so_when_a_company_is_moved(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page(), "admin")
    page.goto(f"{site.portal}/admin/groups/{site.world.clinic.groups['ASL daytime']}")
    page.get_by_label("Name").fill("Typed")
    site.world.pass_time(minutes=16)
    site.log_in(page.context.new_page(), "admin")

    page.get_by_role("button", name="Move Clearsign down").click()

    expect(page.get_by_role("alert")).to_contain_text("You have logged in again since this page was opened.")
    page.get_by_role("button", name="Save hunt group").last.click()
    expect(page.get_by_label("Name")).to_have_value("Typed")


def test_a_page_without_a_form_goes_to_the_login(site: Site, open_page: Callable[..., Page]) -> None:
    visit = site.world.book(ask=["Clearsign"])
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/{visit}")

    site.world.pass_time(minutes=16)

    page.wait_for_url(re.compile(r"/login\?next="))


def test_a_page_without_a_badge_leaves_the_screen_too_and_back_does_not_bring_it_back(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page(), "admin")
    page.goto(f"{site.portal}/admin/patients")
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    site.world.change(User, site.world.clinic.users["admin"], active=False)

    page.wait_for_url(re.compile(r"/login\?next=/admin/patients"), timeout=25_000)
    page.go_back()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
