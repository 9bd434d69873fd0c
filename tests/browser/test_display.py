"""A display in a real browser: its link opens the Board, which lives by itself and ends when it is switched off."""

from collections.abc import Callable

from playwright.sync_api import Page, Request, expect

from tests.browser.site import Site
from tests.browser.test_pages import _look as look


def make_link(site: Site, page: Page, name: str = "Front desk") -> str:
    """Make a display on the administrators' page."""
    site.log_in(page, "admin")
    page.goto(f"{site.portal}/admin/displays")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the link").click()
    return page.locator("code.key").inner_text()


def test_its_pages_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    site.world.book(ask=["Clearsign"])
    admin, screen = open_page(), open_page()
    link = make_link(site, admin)
    look(admin)
    admin.goto(f"{site.portal}/admin/displays")
    look(admin)
    screen.goto(f"{site.portal}/display")
    look(screen)
    screen.get_by_role("button", name="Show the Board").click()
    expect(screen.get_by_text("Type the display's code.")).to_be_visible()
    look(screen)
    screen.get_by_label("Code").fill(link.partition("#")[2].lower())
    screen.get_by_role("button", name="Show the Board").click()
    expect(screen.get_by_role("heading", name="Board")).to_be_visible()
    look(screen)
    screen.context.clear_cookies()
    screen.reload()
    expect(screen.get_by_role("heading", name="This screen has no display link")).to_be_visible()
    look(screen)


def test_the_link_shows_the_board_by_itself_and_its_code_goes_into_no_address(
    site: Site, open_page: Callable[..., Page]
) -> None:
    visit = site.world.book(ask=["Clearsign"])
    site.world.tick()
    link = make_link(site, open_page())
    code = link.partition("#")[2]
    screen = open_page(width=1920)
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    screen.on("request", note)

    screen.goto(link)

    expect(screen.get_by_text("A-10001")).to_be_visible()
    assert screen.url == f"{site.portal}/display/board"
    assert not [request.url for request in asked if code in request.url.partition("#")[0]]
    assert not [request for request in asked if code in request.headers.get("referer", "")]
    site.world.accept(visit, "Clearsign")
    expect(screen.locator(".badge.accepted")).to_be_visible()
    expect(screen.locator("#news")).to_have_text("A-10001: Accepted")
    expect(screen.locator(".tally .accepted b")).to_have_text("1")


def test_the_code_does_not_stay_in_the_address_bar_while_the_board_is_fetched(
    site: Site, open_page: Callable[..., Page]
) -> None:
    link = make_link(site, open_page())
    screen = open_page()
    screen.route(
        "**/display", lambda route: route.fallback() if route.request.method == "GET" else route.fulfill(status=204)
    )

    screen.goto(link, wait_until="commit")

    expect(screen.get_by_label("Code")).to_have_value(link.partition("#")[2])
    assert screen.url == f"{site.portal}/display"


def test_the_screen_goes_on_past_midnight_and_says_when_it_is_switched_off(
    site: Site, open_page: Callable[..., Page]
) -> None:
    site.world.book(ask=["Clearsign"])
    site.world.tick()
    admin, screen = open_page(), open_page()
    screen.goto(make_link(site, admin))
    expect(screen.get_by_text("Tomorrow", exact=True)).to_be_visible()
    site.world.pass_time(hours=13)
    screen.reload()
    expect(screen.get_by_text("Today", exact=True)).to_be_visible()

    site.log_in(admin, "admin")
    admin.goto(f"{site.portal}/admin/displays")
    admin.get_by_role("button", name="Switch off Front desk").click()
    expect(admin.get_by_text("The display is switched off.")).to_be_visible()

    expect(screen.get_by_role("heading", name="This display was switched off")).to_be_visible()
    look(screen)
