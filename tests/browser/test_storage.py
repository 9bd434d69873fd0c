"""What the pages of both sites leave in a browser's storage, which outlives a logout and which any script can read."""

from collections.abc import Callable, Mapping

from playwright.sync_api import Page, expect

from tests.browser.site import Site

Stored = Mapping[str, Mapping[str, str]]


def stored_in(page: Page) -> dict[str, str]:
    """All that the page's site keeps in this tab and in this browser."""
    found: dict[str, str] = page.evaluate("({...localStorage, ...sessionStorage})")
    return found


def walk(site: Site, clinic: Page, company: Page) -> Stored:
    """Through the portal, also as a page that htmx loads under an address of its own, and through a company's pages:
    what is stored then, by the page that was shown."""
    visit = site.world.book(ask=["Clearsign"])
    site.world.tick()
    site.log_in(clinic)
    for path in ("/schedule", f"/visits/{visit}", "/visits/new", "/account", "/board"):
        clinic.goto(f"{site.portal}{path}")
    clinic.evaluate("htmx.ajax('GET', '/schedule', {target: 'main', select: 'main', swap: 'outerHTML', push: 'true'})")
    clinic.wait_for_url(f"{site.portal}/schedule")
    site.answer(company, "Clearsign", "Accept")
    expect(company.get_by_text("You have accepted the request")).to_be_visible()
    accepted = stored_in(company)
    site.world.tick()
    company.goto(site.link("Clearsign", "meet"))
    return {"portal": stored_in(clinic), "answer": accepted, "lobby": stored_in(company)}


def test_neither_a_page_nor_an_address_is_kept_in_the_browsers_storage(
    site: Site, open_page: Callable[..., Page]
) -> None:
    assert walk(site, open_page(), open_page()) == {"portal": {}, "answer": {}, "lobby": {}}
