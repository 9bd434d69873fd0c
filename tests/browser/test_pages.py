"""Every page in every state: accessible in both themes, never too wide, usable by keyboard and without scripts."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from shared.db import transaction
from shared.models import Company, Request
from shared.states import RequestState
from tests.browser.site import Site, assert_accessible
from tests.world import PASSWORD

WIDTHS = (320, 1440)


def _look(page: Page) -> None:
    """Both themes and both ends of the widths: axe-core is content, nothing sticks out sideways."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colours half-way to others
        assert_accessible(page, colours_alone=scheme == "dark")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        too_wide = page.evaluate(
            "() => { const wide = document.documentElement.clientWidth;"
            " if (document.documentElement.scrollWidth <= wide) return [];"
            " return [...document.querySelectorAll('body *')]"
            ".filter(node => node.getBoundingClientRect().right > wide).map(node => node.outerHTML.slice(0, 120)) }"
        )
        assert not too_wide, f"{page.url} scrolls sideways at {width} px: {too_wide}"
    assert page.title()
    assert page.locator("h1").count() == 1


def _all_states(site: Site) -> dict[str, int]:
    """Visits of tomorrow in all statuses, by what became of them."""
    world = site.world
    visits = {
        "pending": world.book(ask=["ASL daytime"], notes="Cardiology vocabulary.\nSame interpreter, please."),
        "accepted": world.book(ask=["Clearsign", "Lumen"], patient_name="Ruth Abara"),
        "declined": world.book(ask=["Lumen"], patient_name="Luis Ferreira"),
        "none": world.book(patient_name="Grace Lindqvist"),
    }
    world.post.replies["dispatch@bridgeway.example"] = "552 mailbox full"
    world.tick()
    visits["undeliverable"] = world.book(ask=["Bridgeway"], patient_name="Omar Haddad")
    world.tick()
    mails = {str(mail.message["Subject"]).rpartition(" ")[2]: mail for mail in world.mails(to="Lumen")}
    mails["A-10003"].press("Decline")
    {str(m.message["Subject"]).rpartition(" ")[2]: m for m in world.mails(to="Clearsign")}["A-10002"].press("Accept")
    world.tick()
    return visits


def test_the_portals_pages_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    visits = _all_states(site)
    page = open_page()
    page.goto(f"{site.portal}/login")
    _look(page)
    page.get_by_role("button", name="Log in").click()
    _look(page)
    site.log_in(page)
    paths = ["/", "/schedule?date=2026-11-24", "/schedule?date=2026-11-24&view=week", "/schedule?date=x", "/board"]
    paths += ["/schedule?date=2026-12-30", "/nowhere", "/dev/mailbox", "/visits/new"]
    for path in paths + [f"/visits/{visit_id}" for visit_id in visits.values()]:
        page.goto(site.portal + path)
        _look(page)


def test_the_forms_states_are_accessible(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page())
    page.goto(f"{site.portal}/visits/new")
    page.get_by_role("button", name="Create Visit").click()
    expect(page.get_by_text("Write the patient's name.").first).to_be_visible()
    _look(page)
    with site.world.jobs.app_context(), transaction() as session:
        session.execute(update(Company).where(Company.name == "Lumen").values(accredited=False))
    page.set_viewport_size({"width": 1440, "height": 900})
    site.fill_visit(page)
    _look(page)
    page.get_by_role("button", name="Create Visit").click()
    expect(page.get_by_text("sent when you confirm")).to_be_visible()
    _look(page)


def test_the_pages_about_logins_are_accessible(site: Site, open_page: Callable[..., Page]) -> None:
    page, elsewhere = site.log_in(open_page()), site.log_in(open_page())
    page.goto(f"{site.portal}/account")
    _look(page)
    for _ in range(6):
        page.get_by_role("textbox", name="Your password").fill("not this one")
        page.get_by_role("button", name="Log out there").click()
        _look(page)
    expect(page.get_by_text("Try again in 3 minutes.")).to_be_visible()
    site.world.pass_time(minutes=3)
    page.get_by_role("textbox", name="Your password").fill(PASSWORD)
    page.get_by_role("button", name="Log out there").click()
    expect(page.get_by_text("You are logged out there.")).to_be_visible()
    _look(page)
    elsewhere.goto(f"{site.portal}/board")
    elsewhere.wait_for_url(f"{site.portal}/login?next=/board")

    stranger = open_page()
    stranger.goto(f"{site.portal}/login")
    for _ in range(6):
        stranger.get_by_label("E-mail").fill("staff@demo.example")
        stranger.get_by_label("Password").fill("not this one")
        stranger.get_by_role("button", name="Log in").click()
        expect(stranger.get_by_role("alert")).to_be_visible()
    expect(stranger.get_by_text("Too many tries have failed.")).to_be_visible()
    _look(stranger)


def test_the_companies_pages_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    world = site.world
    world.book(ask=["Clearsign", "Northlight", "Lumen"], notes="Cardiology vocabulary.\nSame interpreter, please.")
    world.tick()
    page = open_page(width=360)
    page.goto(site.link("Clearsign", "accept"))
    _look(page)
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("Write your name").first).to_be_visible()
    _look(page)
    site.answer(page, "Clearsign", "Decline")
    _look(page)
    site.answer(page, "Northlight", "Accept")
    _look(page)
    page.goto(site.link("Northlight", "decline"))
    _look(page)
    page.goto(site.link("Lumen", "accept"))
    _look(page)
    world.tick()
    meet = site.link("Northlight", "meet")
    for hours in (0.0, 21.4, 24.0):
        world.pass_time(hours=hours)
        page.goto(meet)
        _look(page)
    with world.jobs.app_context(), transaction() as session:
        session.execute(update(Request).values(state=RequestState.WITHDRAWN))
    for address in (
        meet,
        site.link("Northlight", "meet").replace("/meet/", "/meet/x"),
        meet.rpartition("/meet")[0] + "/x",
    ):
        page.goto(address)
        _look(page)
    assert page.context.cookies(world.settings.vendor_portal_url) == []


def test_without_scripts_the_walk_works_from_login_to_acceptance(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page(width=360, javascript=False))
    site.fill_visit(page)
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Patient name")).to_have_value("Jonah Pike")
    expect(page.get_by_label(re.compile("ASL daytime"))).to_be_checked()
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Pending Request").first).to_be_visible()
    site.world.tick()
    site.answer(open_page(width=360, javascript=False), "Clearsign", "Accept")
    page.reload()
    expect(page.locator(".badge.accepted").first).to_be_visible()


def test_the_walk_works_from_the_keyboard(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site.portal}/login")
    _tab_to(page, page.get_by_label("E-mail"))
    page.keyboard.type("scheduler@demo.example")
    _tab_to(page, page.get_by_label("Password"))
    page.keyboard.type("interpreter-demo")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.portal}/")
    _tab_to(page, page.locator("a", has_text="Create New Visit").first)
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_label("Patient name"))
    page.keyboard.type("Jonah Pike")
    _tab_to(page, page.get_by_label("Provider"))
    page.keyboard.type("Provider")
    page.locator("#date").fill("2026-11-24")  # a date picker's parts are the browser's own
    page.get_by_label("Start time").fill("09:30")
    if not page.get_by_label("Language").is_visible():
        _tab_to(page, page.locator("summary").filter(has_text="More options"))
        page.keyboard.press("Enter")
    _tab_to(page, page.get_by_label("Language"))
    page.keyboard.type("American")
    group = page.get_by_label(re.compile("ASL daytime"))
    expect(group).to_be_visible()
    _tab_to(page, group)
    page.keyboard.press("Space")
    _tab_to(page, page.get_by_role("button", name="Create Visit"))
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("button", name="Confirm"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jonah Pike")).to_be_visible()
    site.world.tick()
    company = open_page(width=360)
    company.goto(site.link("Clearsign", "accept"))
    _tab_to(company, company.get_by_label("Your name"))
    company.keyboard.type("T. Boyle")
    site.world.now += timedelta(seconds=3)
    _tab_to(company, company.get_by_role("button", name="Accept", exact=True))
    company.keyboard.press("Enter")
    expect(company.get_by_text("You have accepted the request to join the meeting")).to_be_visible()


def _tab_to(page: Page, target: object, *, most: int = 60) -> None:
    """Press Tab until the target has the focus, and see that the focus can be seen."""
    for _ in range(most):
        if target.evaluate("node => node === document.activeElement"):  # type: ignore[attr-defined]
            ring = target.evaluate(  # type: ignore[attr-defined]
                "node => { const s = getComputedStyle(node); return s.outlineStyle + s.outlineWidth + s.boxShadow }"
            )
            assert ring != "none0pxnone", f"no visible focus on {target}"
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{target} can't be reached by Tab")
