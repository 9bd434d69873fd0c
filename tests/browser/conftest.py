"""A real browser against both apps on real ports, with the jobs running beside them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.find_chromium import WHAT_TO_INSTALL, chromium_path
from tests.browser.serving import served
from tests.browser.site import Site
from tests.databases import SqliteTemplate
from tests.postoffice import free_port
from tests.world import build_world


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Without one the tests fail and say what to install."""
    path = chromium_path()
    if path is None:
        pytest.fail(WHAT_TO_INSTALL.format(python="python"))
    with sync_playwright() as playwright:
        # The sandbox needs rights that root in a container does not have.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def site(sqlite_template: SqliteTemplate) -> Iterator[Site]:
    """Both apps on real ports over one world. Time stands still until a test moves it."""
    ports = {"portal": free_port(), "vendor": free_port()}
    with ExitStack() as stack:
        url = stack.enter_context(sqlite_template.database())
        addresses = {
            "PORTAL_URL": f"http://127.0.0.1:{ports['portal']}",
            "VENDOR_PORTAL_URL": f"http://127.0.0.1:{ports['vendor']}",
        }
        world = stack.enter_context(build_world(url, **addresses))
        stack.enter_context(served(world.portal, ports["portal"]))
        stack.enter_context(served(world.vendor_portal, ports["vendor"]))
        yield Site(world)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in browser contexts of their own; whatever the console complains of fails the test, but for lines
    that hold what it ``provokes``."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(*, width: int = 1440, dark: bool = False, javascript: bool = True, provokes: Sequence[str] = ()) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: _note(complaints, message.type, message.text, provokes))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints, complaints


def _note(complaints: list[str], kind: str, text: str, provokes: Sequence[str]) -> None:
    """Keep errors of the console, but not the browser's own line about a 4xx page, which tests ask for."""
    if kind == "error" and "Failed to load resource" not in text and not any(word in text for word in provokes):
        complaints.append(text)
