"""What browser tests do on the two sites, in their users' words."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.world import PASSWORD, OpenMail, World

RIGHT_WITHIN = 10_000
"""Milliseconds after a fault has ended; a page whose poll failed asks again every five seconds."""

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
AXE_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of these tags whose verdict a theme can change."""


@dataclass
class Site:
    """Both apps on real ports over one world."""

    world: World

    @property
    def portal(self) -> str:
        """The portal's address."""
        return self.world.settings.portal_url

    def log_in(self, page: Page, role: str = "scheduler", *, domain: str = "demo") -> Page:
        """Log in by the form."""
        page.goto(f"{self.portal}/login")
        page.get_by_label("E-mail").fill(f"{role}@{domain}.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self.portal}/")
        return page

    def link(self, company: str, word: str) -> str:
        """The newest mail's link of that kind: accept, decline or meet."""
        text = self.world.open_mail(to=company).text
        base = re.escape(self.world.settings.vendor_portal_url)
        pattern = rf"{base}/meet/\S+" if word == "meet" else rf"{base}/r/\S+/{word}"
        found = re.search(pattern, text)
        assert found, text
        return found[0]

    def answer(self, page: Page, company: str, button: str, *, link: str = "", name: str = "T. Boyle") -> Page:
        """Open a mail's link, write a name, and press a button after as long as a person takes."""
        page.goto(self.link(company, link or button.lower()))
        page.get_by_label("Your name").fill(name)
        self.world.now += timedelta(seconds=3)
        page.get_by_role("button", name=button, exact=True).click()
        return page

    def fill_visit(self, page: Page, *, ask: str = "ASL daytime") -> None:
        """Fill in Create New Visit for tomorrow and choose whom to ask, with or without JavaScript."""
        page.goto(f"{self.portal}/visits/new?date=2026-11-24")
        page.get_by_label("Patient name").fill("Jonah Pike")
        page.get_by_label("Provider").select_option(label="Provider of Riverside Clinic")
        page.get_by_label("Start time").fill("09:30")
        page.get_by_label("Duration").select_option(label="45 minutes")
        more = page.get_by_text("More options")
        if not page.get_by_label("Language").is_visible():
            more.click()
        page.get_by_label("Language").select_option(value="ase")
        if not page.get_by_label(re.compile(ask)).count():
            self._load_choices(page, ask)
        page.get_by_label(re.compile(ask)).check()

    def _load_choices(self, page: Page, ask: str) -> None:
        """HTMX brings the choices; without JavaScript a button does."""
        button = page.locator("button[name=do][value=choices]")
        if button.is_visible():
            button.click()
        expect(page.get_by_label(re.compile(ask))).to_be_visible()


def mail_of(site: Site, company: str) -> OpenMail:
    """The newest mail of a company."""
    return site.world.open_mail(to=company)


@cache
def axe_source() -> str:
    """The accessibility checker, from node_modules."""
    assert AXE.exists(), "axe-core is missing: run `make test`, or npm ci"
    return AXE.read_text()


def assert_accessible(page: Page, *, colours_alone: bool = False) -> None:
    """axe-core finds nothing against WCAG 2.2 A and AA on this page; or nothing in what its colours are to be seen by,
    for a page that was looked at in another theme."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe_source())
    wanted = {"type": "rule", "values": AXE_COLOURS} if colours_alone else {"type": "tag", "values": AXE_TAGS}
    result = page.evaluate("runOnly => axe.run(document, {runOnly, resultTypes: ['violations']})", wanted)
    found = [f"{item['id']}: {[node['html'][:160] for node in item['nodes']]}" for item in result["violations"]]
    assert not found, f"{page.url}: {found}"
