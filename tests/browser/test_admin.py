"""The administrators' pages in a real browser: accessible in every state, quick by keyboard, whole without scripts."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.browser.test_pages import _look as look


def test_the_administrators_pages_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    world = site.world
    world.post.replies["dispatch@bridgeway.example"] = "550 No such user"
    visit = world.book(ask=["Clearsign", "Bridgeway"])
    world.tick()
    world.accept(visit, "Clearsign")
    page = site.log_in(open_page(), "admin")
    bridgeway, group = world.clinic.companies["Bridgeway"], world.clinic.groups["ASL daytime"]
    for path in ("settings", "languages?q=sign", "languages/ase", "languages/es", "companies", "companies/new"):
        page.goto(f"{site.portal}/admin/{path}")
        look(page)
    for path in (f"companies/{bridgeway}", "groups", "groups/new", f"groups/{group}"):
        page.goto(f"{site.portal}/admin/{path}")
        look(page)
    for path, button in (("settings", "Save settings"), ("companies/new", "Add company")):
        page.goto(f"{site.portal}/admin/{path}")
        page.locator("input[name=name]").fill("")
        page.get_by_role("button", name=button).click()
        expect(page.locator("#errors")).to_be_focused()
        look(page)


def test_the_second_of_two_administrators_is_shown_what_the_first_saved(
    site: Site, open_page: Callable[..., Page]
) -> None:
    first, second = site.log_in(open_page(), "admin"), site.log_in(open_page(), "admin")
    for page, name in ((first, "First Name"), (second, "Second Name")):
        page.goto(f"{site.portal}/admin/settings")
        page.get_by_label("Clinic name").fill(name)
    first.get_by_role("button", name="Save settings").click()
    expect(first.get_by_text("The settings are saved.")).to_be_visible()
    second.get_by_role("button", name="Save settings").click()

    expect(second.locator("#conflict")).to_be_focused()
    expect(second.locator("#conflict")).to_contain_text("First Name")
    expect(second.get_by_label("Clinic name")).to_have_value("Second Name")
    look(second)


def test_a_company_moves_by_keyboard_and_the_focus_stays_on_its_button(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page(), "admin")
    page.goto(f"{site.portal}/admin/groups/{site.world.clinic.groups['ASL daytime']}")
    down = page.get_by_role("button", name="Move Clearsign down")
    down.focus()

    page.keyboard.press("Enter")
    expect(page.locator(".members .who").first).to_have_text("Northlight")
    expect(page.get_by_role("button", name="Move Clearsign down")).to_be_focused()
    expect(page.locator("#group-news")).to_have_text("Clearsign is number 2 of 3. Not saved yet.")
    page.keyboard.press("Enter")
    expect(page.locator(".members .who").last).to_have_text("Clearsign")
    look(page)
    page.get_by_label("Name").press("Enter")

    expect(page.get_by_text("ASL daytime is saved.")).to_be_visible()
    expect(page.get_by_text(re.compile("Northlight, Bridgeway, Clearsign"))).to_be_visible()


def test_a_company_that_moves_in_a_deleted_group_says_that_the_group_is_gone(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page, other = site.log_in(open_page(), "admin"), site.log_in(open_page(), "admin")
    for shown in (page, other):
        shown.goto(f"{site.portal}/admin/groups/{site.world.clinic.groups['ASL daytime']}")
    other.get_by_text("Delete this hunt group").click()
    other.get_by_role("button", name="Delete ASL daytime").click()
    expect(other.get_by_text("The hunt group is deleted.")).to_be_visible()

    for button in ("Move Clearsign down", "Move Northlight up", "Take Clearsign out", "Add this company"):
        page.locator("#form-notice").evaluate("notice => notice.replaceChildren()")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).to_contain_text("somebody has deleted it. Nothing was saved.")
    expect(page.locator(".members .who").first).to_have_text("Clearsign")
    look(page)


def test_languages_are_found_as_one_types(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page(width=360), "admin")
    page.goto(f"{site.portal}/admin/languages")

    page.get_by_label("Name or tag").press_sequentially("haitian")
    expect(page.get_by_role("button", name="Add Haitian", exact=True)).to_be_visible()
    expect(page.locator("#found-news")).to_have_text("2 languages found")
    look(page)
    page.get_by_role("button", name="Add Haitian", exact=True).click()

    expect(page.get_by_text("Haitian (Haitian) is a language of the clinic.")).to_be_visible()


@pytest.mark.parametrize("width", [360])
def test_everything_works_without_scripts(site: Site, open_page: Callable[..., Page], width: int) -> None:
    page = site.log_in(open_page(width=width, javascript=False), "admin")
    page.goto(f"{site.portal}/admin/languages")
    page.get_by_label("Name or tag").fill("french")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Add French", exact=True).click()
    expect(page.get_by_text("French (French) is a language of the clinic.")).to_be_visible()

    page.goto(f"{site.portal}/admin/groups/new")
    page.get_by_label("Name").fill("ASL nights")
    page.get_by_label("Language").select_option(value="ase")
    page.get_by_role("button", name="Add hunt group").click()
    for name in ("Lumen", "Clearsign"):
        page.get_by_label("Add a company").select_option(label=name)
        page.get_by_role("button", name="Add this company").click()
    page.get_by_role("button", name="Move Clearsign up").click()
    page.get_by_role("button", name="Save hunt group").click()

    expect(page.get_by_text("Clearsign, Lumen")).to_be_visible()
