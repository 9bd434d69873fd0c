"""Open pages whose question stays unanswered for a while: the badge is right within ten seconds of the end of that."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.site import RIGHT_WITHIN, Site

FAULTS: dict[str, Callable[[Route], None]] = {
    "cut": lambda route: route.abort("connectionreset"),
    "503": lambda route: route.fulfill(status=503, headers={"Retry-After": "5"}, body="Busy"),
}

COMPLAINTS = {"cut": ("htmx:afterRequest", "htmx:sendError"), "503": ()}
"""What HTMX says of them in the browser's console."""


@contextmanager
def failing(pages: Sequence[Page], fault: str) -> Iterator[list[str]]:
    """Until the block ends, what open pages ask by themselves fails in this way. Gives what was asked."""
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        FAULTS[fault](route)

    for page in pages:
        page.route("**/badges*", fail)
    yield asked
    for page in pages:
        page.unroute("**/badges*", fail)


def turn_while_failing(site: Site, page: Page, fault: str, *, seconds: float, from_the_first: bool) -> None:
    """A company accepts while the page gets no answer, be it from its first question on or after some."""
    visit = site.world.book(ask=["Clearsign"])
    site.world.tick()
    address = f"{site.portal}/visits/{visit}"
    if not from_the_first:
        with page.expect_response("**/badges*"):
            page.goto(address)
    with failing([page], fault) as asked:
        if from_the_first:
            page.goto(address)
        site.world.accept(visit, "Clearsign")
        page.wait_for_timeout(seconds * 1000)
        expect(page.locator(".badge.pending").first).to_be_visible()
        assert asked, "the page did not ask"

    expect(page.locator(".badge.accepted").first).to_be_visible(timeout=RIGHT_WITHIN)
    expect(page.get_by_text("Busy")).to_have_count(0)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_badge_turns_after_questions_that_failed(site: Site, open_page: Callable[..., Page], fault: str) -> None:
    page = site.log_in(open_page(provokes=COMPLAINTS[fault]))
    turn_while_failing(site, page, fault, seconds=2.5, from_the_first=fault == "503")


@pytest.mark.soak
@pytest.mark.parametrize("from_the_first", [True, False], ids=["from the first question on", "after some"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_badge_turns_after_eight_seconds_without_an_answer(
    site: Site, open_page: Callable[..., Page], fault: str, *, from_the_first: bool
) -> None:
    page = site.log_in(open_page(provokes=COMPLAINTS[fault]))
    turn_while_failing(site, page, fault, seconds=8, from_the_first=from_the_first)


def test_the_badge_turns_in_eight_tabs_of_one_browser(site: Site, open_page: Callable[..., Page]) -> None:
    visit = site.world.book(ask=["Clearsign"])
    first = site.log_in(open_page())
    tabs = [first, *(first.context.new_page() for _ in range(7))]
    for tab in tabs:
        tab.goto(f"{site.portal}/visits/{visit}")
        expect(tab.locator(".badge.pending").first).to_be_visible()
    site.world.accept(visit, "Clearsign")

    for tab in tabs:
        expect(tab.locator(".badge.accepted").first).to_be_visible(timeout=RIGHT_WITHIN)
