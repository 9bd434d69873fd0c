"""The second factor in a real browser: set up, asked for, printed, and by keyboard and without scripts."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.actions.half_way import give_factor, require_factor
from tests.browser.site import Site
from tests.browser.test_pages import _look as look
from tests.phone import Phone
from tests.world import PASSWORD


def give_password(site: Site, page: Page, role: str = "scheduler", *, back: str = "/") -> None:
    page.goto(f"{site.portal}/login?next={back}")
    page.get_by_label("E-mail").fill(f"{role}@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def begin(site: Site, page: Page, button: str = "Set it up") -> None:
    page.goto(f"{site.portal}/account/second-factor")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name=button).click()


def phone_on(page: Page) -> Phone:
    """An app that has scanned the page."""
    return Phone(page.locator("code.key").inner_text().replace(" ", ""))


def send(page: Page, code: str, *, button: str = "Log in") -> None:
    page.get_by_label("Code from your app").fill(code)
    page.get_by_role("button", name=button).click()


def test_its_pages_are_accessible_in_every_state(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page())
    for path in ("/account", "/account/second-factor"):
        page.goto(site.portal + path)
        look(page)
    begin(site, page)
    look(page)
    phone = phone_on(page)
    send(page, phone.wrong(site.world.now), button="Switch on")
    expect(page.get_by_label("Code from your app")).to_be_focused()
    look(page)
    send(page, phone.code(site.world.now), button="Switch on")
    expect(page.get_by_text("Your second factor is set up.")).to_be_visible()
    look(page)
    begin(site, page, "Make new recovery codes")
    look(page)
    code = open_page()
    give_password(site, code)
    look(code)
    send(code, phone.wrong(site.world.now))
    code.get_by_text("The phone is not at hand?").click()
    look(code)


@pytest.mark.parametrize("dark", [False, True])
def test_the_qr_code_is_large_black_on_white_and_quiet_around_in_both_themes(
    site: Site, open_page: Callable[..., Page], dark: bool
) -> None:
    page = site.log_in(open_page(width=360, dark=dark))
    begin(site, page)
    look(page)

    page.emulate_media(color_scheme="dark" if dark else "light")
    drawn = page.locator("svg.qr").evaluate(
        "svg => { const style = getComputedStyle(svg), box = svg.getBoundingClientRect(), path = svg.firstElementChild;"
        " return [style.backgroundColor, getComputedStyle(path).stroke, box.width, box.height,"
        " path.getBBox().x, path.getBBox().y, svg.viewBox.baseVal.width] }"
    )

    background, stroke, width, height, left, top, modules = drawn
    assert (background, stroke) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")
    assert width == height
    assert width / modules >= 3  # pixels a module, for the camera of a telephone
    assert min(left, top) >= 4


def test_the_recovery_codes_are_printed_and_the_secret_is_not(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page())
    begin(site, page)

    page.emulate_media(media="print")

    expect(page.locator(".codes code")).to_have_count(10)
    expect(page.locator(".codes code").first).to_be_visible()
    expect(page.get_by_text("For scheduler@demo.example.")).to_be_visible()
    for hidden in ("svg.qr", "code.key", "header.top", "form button"):
        expect(page.locator(hidden).first).to_be_hidden()


def test_the_login_of_a_clinic_that_requires_it_sets_it_up_on_a_phone_without_scripts(
    site: Site, open_page: Callable[..., Page]
) -> None:
    require_factor(site.world)
    page = open_page(width=360, javascript=False)
    give_password(site, page, back="/board")
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    phone = phone_on(page)
    page.goto(f"{site.portal}/board")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    page.reload()
    assert phone_on(page) == phone
    expect(page.get_by_role("link", name="The app is on this device")).to_have_attribute(
        "href", re.compile("^otpauth://totp/")
    )

    send(page, phone.code(site.world.now), button="Switch on and log in")

    expect(page.get_by_role("heading", name="Board")).to_be_visible()


def test_the_code_is_typed_and_sent_from_the_keyboard(site: Site, open_page: Callable[..., Page]) -> None:
    owner = give_factor(site.world)
    page = open_page()
    give_password(site, page, back="/board")
    expect(page.get_by_label("Code from your app")).to_be_focused()

    page.keyboard.type(owner.phone.code(site.world.now))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Board")).to_be_visible()


def test_a_recovery_code_is_found_behind_the_question(site: Site, open_page: Callable[..., Page]) -> None:
    owner = give_factor(site.world)
    page = open_page(width=360)
    give_password(site, page)
    page.get_by_text("The phone is not at hand?").click()

    page.get_by_label("Recovery code").fill(owner.codes[0].lower())
    page.get_by_role("button", name="Log in").click()

    page.wait_for_url(f"{site.portal}/")


def test_a_filled_form_comes_back_through_password_and_code(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page())
    owner = give_factor(site.world)  # ends that login
    page.goto(f"{site.portal}/login")
    give_password(site, page)
    send(page, owner.phone.code(site.world.now))
    page.goto(f"{site.portal}/visits/new")
    page.get_by_label("Patient name").fill("Typed")
    site.world.pass_time(minutes=16)
    page.get_by_role("button", name="Create Visit").last.click()

    page.get_by_label("E-mail").fill("scheduler@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    look(page)
    send(page, owner.phone.code(site.world.now))

    expect(page.get_by_label("Patient name")).to_have_value("Typed")
