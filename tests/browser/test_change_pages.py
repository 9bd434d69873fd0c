"""The pages that change a visit, in a real browser: accessible in every state, by keyboard, without scripts."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from shared.models import Clinic, Company
from tests.browser.site import Site
from tests.browser.test_pages import _look as look
from tests.browser.test_pages import _tab_to as tab_to
from tests.web.changing import WEEKLY_6

PREVIEW = "Go on to the preview"


def press(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name=name, exact=True).click()


def book(site: Site) -> tuple[int, int]:
    """A pending visit, and the first of six that Clearsign has accepted."""
    world = site.world
    first = world.book(ask=["ASL daytime"], repeat=WEEKLY_6, notes="Cardiology vocabulary.\nSame interpreter, please.")
    visit = world.book(ask=["Clearsign", "Lumen"], patient_name="Ruth Abara")
    world.tick()
    world.accept(first, "Clearsign")
    world.decline(visit, "Lumen")
    world.tick()
    return visit, first


def test_the_pages_of_a_change_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    visit, first = book(site)
    page = site.log_in(open_page())
    paths = [f"{first + 2}", f"{first + 2}/edit", f"{visit}/edit", f"{visit}/ask", f"{first}/ask", f"{visit}/cancel"]
    for path in [*paths, f"{first + 3}/cancel?reach=following", f"{first}/cancel?reach=all"]:
        page.goto(f"{site.portal}/visits/{path}")
        look(page)
    page.goto(f"{site.portal}/visits/{first + 2}/edit")
    expect(page.locator("#repeat")).to_be_hidden()
    page.get_by_label(re.compile("This and following")).check()
    expect(page.locator("#repeat")).to_be_visible()
    look(page)
    page.locator("#date").fill("2026-12-09")
    press(page, PREVIEW)
    expect(page.locator("#errors")).to_be_focused()
    look(page)
    page.locator("#date").fill("2026-12-08")
    page.get_by_label("Wed", exact=True).check()
    press(page, PREVIEW)
    expect(page.get_by_text("Clearsign keeps the other 4 dates; room and PIN stay.")).to_be_visible()
    look(page)
    page.goto(f"{site.portal}/visits/{first}/ask")
    press(page, PREVIEW)
    look(page)
    site.world.change(Company, site.world.clinic.companies["Clearsign"], accredited=False)
    site.world.change(Clinic, site.world.clinic.id, dispatch_enabled=True)
    page.goto(f"{site.portal}/visits/{visit}/edit")
    expect(page.get_by_text("Suspended. Can't be asked anew.")).to_be_visible()
    look(page)


def test_the_pages_of_a_conflict_are_accessible(site: Site, open_page: Callable[..., Page]) -> None:
    visit, _first = book(site)
    mine, other = site.log_in(open_page()), site.log_in(open_page(), "admin")
    for page, reason in ((mine, "Mine"), (other, "Theirs, with a longer reason for it")):
        page.goto(f"{site.portal}/visits/{visit}/edit")
        page.get_by_label("Reason").fill(reason)
        page.get_by_label("Start time").fill("10:15" if page is mine else "09:30")
    press(other, PREVIEW)
    press(other, "Confirm")
    press(mine, PREVIEW)
    expect(mine.get_by_role("heading", name="This visit was changed meanwhile")).to_be_visible()
    look(mine)
    press(mine, "Go on with mine")
    expect(mine.get_by_label("Reason")).to_have_value("Mine")
    press(mine, PREVIEW)
    site.world.accept(visit, "Clearsign")
    press(mine, "Confirm")
    expect(mine.get_by_role("heading", name="Clearsign accepted a moment ago")).to_be_visible()
    look(mine)
    other.goto(f"{site.portal}/visits/{visit}/cancel")
    other.get_by_label("Reason").fill("Patient is ill.")
    press(other, "Cancel visit")
    expect(other.get_by_text("Patient is ill.")).to_be_visible()
    look(other)
    press(mine, "Confirm")
    expect(mine.get_by_role("button", name="Create a new visit with these values")).to_be_visible()
    look(mine)
    press(mine, "Create a new visit with these values")
    expect(mine.get_by_label("Start time")).to_have_value("10:15")


def test_without_scripts_a_visit_is_edited_asked_for_again_and_cancelled(
    site: Site, open_page: Callable[..., Page]
) -> None:
    visit, first = book(site)
    page = site.log_in(open_page(width=360, javascript=False))
    page.goto(f"{site.portal}/visits/{visit}")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Start time").fill("10:15")
    page.get_by_role("button", name=PREVIEW).last.click()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Start time")).to_have_value("10:15")
    page.get_by_role("button", name=PREVIEW).last.click()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="Ask again").click()
    page.get_by_label("Language").select_option(value="es")
    page.get_by_role("button", name="Show the choices for this language").click()
    page.get_by_label("Language").select_option(value="ase")
    page.get_by_role("button", name="Show the choices for this language").click()
    page.get_by_label(re.compile("Northlight")).last.check()
    page.get_by_role("button", name=PREVIEW).last.click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Northlight").first).to_be_visible()
    page.goto(f"{site.portal}/visits/{first + 3}/cancel")
    page.get_by_role("button", name=re.compile("This and following")).click()
    page.get_by_role("button", name="Cancel 3 visits").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    assert site.world.badge(first + 5) == "Cancelled"


def test_a_visit_is_edited_and_cancelled_from_the_keyboard(site: Site, open_page: Callable[..., Page]) -> None:
    visit, first = book(site)
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/{first + 1}")
    tab_to(page, page.get_by_role("link", name="Edit", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("This visit", exact=True))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label(re.compile("This and following"))).to_be_checked()
    tab_to(page, page.get_by_label("Reason"))
    page.keyboard.type(", follow-up")
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Confirm"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/visits/{first + 1}$"))
    page.goto(f"{site.portal}/visits/{visit}")
    tab_to(page, page.get_by_role("link", name="Cancel visit"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Reason"))
    page.keyboard.type("Ill")
    tab_to(page, page.get_by_role("button", name="Cancel visit"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/visits/{visit}$"))
    assert site.world.badge(visit) == "Cancelled"


def test_the_badge_of_an_open_form_turns_and_the_choices_reload_with_their_marks(
    site: Site, open_page: Callable[..., Page]
) -> None:
    visit, _first = book(site)
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/{visit}/ask")
    expect(page.locator(".badge.pending")).to_be_visible()
    site.world.accept(visit, "Clearsign")
    expect(page.locator(".badge.accepted")).to_be_visible()
    page.get_by_label("Language").select_option(value="es")
    expect(page.get_by_text("No company or group of the clinic interprets Spanish.")).to_be_visible()
    page.get_by_label("Language").select_option(value="ase")
    expect(page.get_by_label(re.compile("Clearsign Accepted"))).to_be_visible()
