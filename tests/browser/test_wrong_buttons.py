"""What people press besides the right button: Back, reload, a second tab, a mail inside a frame."""

import re
from collections.abc import Callable
from mailbox import Maildir

import pytest
from playwright.sync_api import Error, Page, expect
from sqlalchemy import func, select

from shared.db import reading
from shared.models import Visit
from tests.browser.site import Site
from tests.world import PASSWORD


def visits(site: Site) -> int:
    with site.world.jobs.app_context(), reading() as session:
        return session.scalars(select(func.count()).select_from(Visit)).one()


def back_and_send_again(page: Page) -> None:
    """Back to the preview, where the browser first shows its own page that asks whether to send the form again."""
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()
    page.wait_for_url("chrome-error://**")
    page.get_by_text("ERR_CACHE_MISS").wait_for()  # the browser's own page is there only now
    page.reload()


def test_back_after_confirm_and_everything_again_leads_to_the_same_visit(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page())
    site.fill_visit(page)
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/visits/\d+$"))
    made = page.url

    back_and_send_again(page)
    page.get_by_role("button", name="Confirm").click()

    page.wait_for_url(made)
    assert visits(site) == 1


def test_a_form_changed_after_its_visit_was_made_is_another_visit(site: Site, open_page: Callable[..., Page]) -> None:
    page = site.log_in(open_page())
    site.fill_visit(page)
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/visits/\d+$"))

    back_and_send_again(page)
    page.get_by_role("button", name="Back").click()
    page.get_by_label("Start time").fill("13:00")
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("was changed after its preview")).to_be_visible()
    assert visits(site) == 1
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Confirm").click()

    page.wait_for_url(re.compile(r"/visits/2$"))
    assert visits(site) == 2


def test_a_form_survives_a_login_in_another_tab_first_and_a_reload_of_what_came_back(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = site.log_in(open_page())
    site.fill_visit(page)
    other = page.context.new_page()
    other.goto(site.portal)
    other.locator("summary", has_text="Scheduler").click()
    other.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Create Visit").click()
    expect(page.get_by_label("Password")).to_be_visible()
    site.log_in(other)

    page.get_by_label("E-mail").fill("scheduler@demo.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Patient name")).to_have_value("Jonah Pike")
    page.reload()

    expect(page.get_by_label("Patient name")).to_have_value("Jonah Pike")
    page.get_by_role("button", name="Create Visit").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Jonah Pike")).to_be_visible()


def test_the_buttons_of_a_mail_in_the_development_mailbox_lead_to_the_companys_page(
    site: Site, open_page: Callable[..., Page]
) -> None:
    site.world.book(ask=["Clearsign"])
    site.world.tick()
    Maildir(site.world.settings.mailbox_path).add(site.world.open_mail(to="Clearsign").message.as_bytes())
    page = open_page()
    for button in ("Accept", "Decline"):
        page.goto(f"{site.portal}/dev/mailbox")
        page.frame_locator("iframe").first.get_by_role("link", name=button, exact=True).click()
        page.wait_for_url(re.compile(rf"/r/\S+/{button.lower()}$"))
        expect(page.get_by_role("heading", name=re.compile("Can you interpret"))).to_be_visible()
