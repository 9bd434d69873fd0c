"""Search, history and audit trail in a real browser: accessible, within the screen, and usable without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from shared.queries.search import PAGE_SIZE
from shared.states import Role
from tests.browser.site import Site, assert_accessible


def _look(page: Page) -> None:
    """Both themes and both ends of the widths: axe-core is content, nothing sticks out sideways."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert_accessible(page)
    for width in (320, 768, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate(
            "() => [...document.querySelectorAll('body *')].filter(node => node.getBoundingClientRect().right"
            " > document.documentElement.clientWidth && document.documentElement.scrollWidth"
            " > document.documentElement.clientWidth).map(node => node.outerHTML.slice(0, 120))"
        )
        assert not wide, f"{page.url} scrolls sideways at {width} px: {wide}"


def test_search_and_trail_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    world = site.world
    visits = [world.book(ask=["Clearsign"], patient_name="Zoë García-López") for _ in range(PAGE_SIZE + 1)]
    world.accept(visits[0], "Clearsign")
    page = site.log_in(open_page(), role="admin")
    search = "/schedule/search"
    for path in (
        "/schedule", search, f"{search}?status=pending", f"{search}?number=99999", f"{search}?from=x&provider=7",
        f"{search}?from=2026-11-01&page=9", "/admin/trail", "/admin/trail?page=2", "/admin/trail?from=x",
        f"/visits/{visits[0]}",
    ):  # fmt: skip
        page.goto(site.portal + path)
        _look(page)
    page.goto(f"{site.portal}/visits/{visits[0]}")
    for fold in page.locator(".fold summary").all():
        fold.click()
    _look(page)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_patient_is_found_from_the_schedule_and_never_named_in_the_address(
    site: Site, open_page: Callable[..., Page], javascript: bool
) -> None:
    for _ in range(PAGE_SIZE + 1):
        site.world.book(patient_name="Zoë García-López")
    page = site.log_in(open_page(javascript=javascript))
    page.goto(f"{site.portal}/schedule")
    page.get_by_label("Appointment number or patient").fill("garcia")
    page.get_by_role("button", name="Search visits").click()

    expect(page.get_by_text(f"1–{PAGE_SIZE} of {PAGE_SIZE + 1} visits")).to_be_visible()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text(f"{PAGE_SIZE + 1}–{PAGE_SIZE + 1} of {PAGE_SIZE + 1} visits")).to_be_visible()
    assert page.url == f"{site.portal}/schedule/search"


def test_a_search_by_status_has_an_address_to_share(site: Site, open_page: Callable[..., Page]) -> None:
    visit = site.world.book(ask=["Clearsign"], patient_name="Ruth Abara")
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/schedule/search")
    page.get_by_label("Status").select_option(label="Pending Request")
    page.get_by_role("button", name="Search", exact=True).click()

    expect(page.get_by_role("link", name="Ruth Abara")).to_be_visible()
    assert page.url == f"{site.portal}/schedule/search?status=pending"
    site.world.accept(visit, "Clearsign")
    expect(page.locator(".rows .badge.accepted")).to_be_visible()  # the list is live


@pytest.mark.parametrize("javascript", [True, False])
def test_an_administrator_takes_the_trail_along(site: Site, open_page: Callable[..., Page], javascript: bool) -> None:
    visit = site.world.book(ask=["Clearsign"])
    page = site.log_in(open_page(javascript=javascript), role=Role.ADMIN.value)
    for path in ("/admin/trail", f"/visits/{visit}"):
        page.goto(site.portal + path)
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download CSV").click()
        assert "visit_created" in waiting.value.path().read_text(encoding="utf-8-sig")
