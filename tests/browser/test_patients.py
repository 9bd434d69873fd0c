"""One patient's data in a real browser: every page of the way accessible, and the last question by keyboard."""

from collections.abc import Callable
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.actions.changing import cancel
from tests.browser.site import Site
from tests.browser.test_pages import _look as look


@pytest.mark.parametrize("javascript", [True, False])
def test_every_page_on_the_way_to_an_erasure_is_accessible_and_works_without_scripts(
    site: Site, open_page: Callable[..., Page], javascript: bool
) -> None:
    world = site.world
    held = world.book(ask=["Clearsign"], notes="He is hard of hearing.")
    cancelled = world.book(day=date(2026, 12, 1))
    cancel(world, cancelled)
    world.book(day=date(2026, 12, 2))
    world.pass_time(days=2)
    world.tick()
    page = site.log_in(open_page(javascript=javascript), "admin")
    page.goto(f"{site.portal}/admin/patients")
    seen = look if javascript else (lambda _page: None)  # axe-core is a script
    seen(page)
    page.get_by_label("Patient name").fill("jonah")
    page.get_by_role("button", name="Find visits").click()
    page.get_by_role("button", name="Tick all 3").click()
    seen(page)
    page.get_by_role("button", name="Show what is held").click()
    seen(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as JSON").click()
    assert '"Jonah Pike"' in waiting.value.path().read_text()
    page.get_by_role("button", name="Erase…").click()
    seen(page)
    page.get_by_role("button", name="Go on to the last question").click()
    page.get_by_label("Type erase 2 visits").press("Enter")
    expect(page.get_by_text("Nothing is erased yet.")).to_be_visible()
    seen(page)
    page.get_by_label("Type erase 2 visits").fill("erase 2 visits")
    page.get_by_label("Type erase 2 visits").press("Enter")

    expect(page.get_by_text("The patient is erased from 2 visits.")).to_be_visible()
    assert page.url == f"{site.portal}/admin/patients?erased=2"
    page.goto(f"{site.portal}/visits/{held}")
    expect(page.get_by_text("Patient data removed")).to_be_visible()
    seen(page)
