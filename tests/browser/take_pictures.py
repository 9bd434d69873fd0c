"""Takes the README's two pictures from the running product: `make pictures`."""

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from shared import clock, demo
from shared.jobs import JobRunner, job_list, sender_for
from shared.settings import from_environ
from tests.browser.find_chromium import chromium_path
from tests.browser.serving import served
from tests.databases import environ_for, migrate
from tests.postoffice import PostOffice, free_port
from tests.world import World

DOCS = Path(__file__).parents[2] / "docs"
WHEN = datetime(2026, 11, 24, 17, 5, tzinfo=UTC)
"""A Tuesday morning in Los Angeles: always the same picture."""


def main() -> None:
    """Serve the demo clinic at a fixed instant and photograph a day of the schedule and a company's page."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        post = PostOffice()
        post.open()
        stack.callback(post.close)
        stack.enter_context(clock.stopped_at(lambda: WHEN))
        portal, vendor, url = free_port(), free_port(), f"sqlite:///{folder / 'pictures.sqlite3'}"
        migrate(url, folder)
        addresses = {"PORTAL_URL": f"http://127.0.0.1:{portal}", "VENDOR_PORTAL_URL": f"http://127.0.0.1:{vendor}"}
        settings = from_environ(environ_for(url, folder, MAIL_PORT=str(post.port), **addresses))
        world = World(settings, post, with_clinic=False)
        stack.callback(world.close)
        with world.jobs.app_context():
            demo.load_if_empty(password=demo.PASSWORD, now=WHEN)
        runner = JobRunner(world.jobs)
        for job in job_list(sender_for(world.jobs)):
            assert runner.run(job)
        stack.enter_context(served(world.portal, portal))
        stack.enter_context(served(world.vendor_portal, vendor))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        stack.callback(browser.close)
        _schedule(browser.new_page(viewport={"width": 1440, "height": 900}), settings.portal_url)
        _company(browser.new_page(viewport={"width": 390, "height": 844}), world)


def _schedule(page: Page, portal: str) -> None:
    page.goto(f"{portal}/login")
    page.get_by_label("E-mail").fill("scheduler@demo.example")
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    _go(page, f"{portal}/schedule?date=2026-11-24")
    page.screenshot(path=DOCS / "schedule.png")


def _company(page: Page, world: World) -> None:
    text = world.open_mail(to="northlight").text
    _go(page, next(word for word in text.split() if word.endswith("/accept")))
    page.screenshot(path=DOCS / "company.png")


def _go(page: Page, address: str) -> None:
    response = page.goto(address)
    assert response is not None
    assert response.ok, f"{response.status} instead of a page to photograph"


if __name__ == "__main__":
    main()
