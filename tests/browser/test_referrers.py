"""Where a real browser goes on the way through both sites, and what it tells the next site about the one before."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.serving import served
from tests.browser.site import Site
from tests.databases import SqliteTemplate
from tests.postoffice import free_port
from tests.world import build_world

Asked = list[tuple[str, dict[str, str]]]


@contextmanager
def meeting_server() -> Iterator[tuple[str, Asked]]:
    """Somebody else's site, which keeps what it is asked: path and headers."""
    asked: Asked = []

    class Keeping(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            body = b"<!doctype html><html lang=en><title>Room</title><h1>Room</h1><a href='/next'>Next</a>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keeping)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}", asked  # another host than ours: cookies know no ports
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def met(sqlite_template: SqliteTemplate) -> Iterator[tuple[Site, str, Asked]]:
    """Both sites on real ports, and a meeting server on another."""
    ports = {"portal": free_port(), "vendor": free_port()}
    with ExitStack() as stack:
        url = stack.enter_context(sqlite_template.database())
        meeting, asked = stack.enter_context(meeting_server())
        addresses = {
            "PORTAL_URL": f"http://127.0.0.1:{ports['portal']}",
            "VENDOR_PORTAL_URL": f"http://127.0.0.1:{ports['vendor']}",
            "MEETING_URL": meeting,
        }
        world = stack.enter_context(build_world(url, **addresses))
        stack.enter_context(served(world.portal, ports["portal"]))
        stack.enter_context(served(world.vendor_portal, ports["vendor"]))
        yield Site(world), meeting, asked


def watched(*pages: Page) -> list[Request]:
    """Every request that the pages make from here on, their own and those of what stands in them."""
    made: list[Request] = []
    for page in pages:
        page.on("request", lambda request: made.append(request))  # noqa: PLW0108 - it takes functions of ours alone
    return made


def test_no_site_learns_where_a_browser_came_from_and_none_is_asked_but_our_own(
    met: tuple[Site, str, Asked], open_page: Callable[..., Page]
) -> None:
    site, meeting, asked = met
    world = site.world
    world.book(ask=["Clearsign"], patient_name="Quillfeather Zyxmarsh", reason="Xanthelasma")
    world.tick()
    company, clinic = open_page(), open_page()
    requests = watched(company, clinic)
    site.answer(company, "Clearsign", "Accept")
    expect(company.get_by_text("You have accepted the request")).to_be_visible()
    world.tick()
    world.now += timedelta(hours=21, minutes=20)
    company.goto(site.link("Clearsign", "meet"))
    company.get_by_role("link", name="Join meeting").or_(company.get_by_role("button", name="Join meeting")).click()
    company.wait_for_url(f"{meeting}/**")

    site.log_in(clinic)
    clinic.goto(f"{site.portal}/schedule")
    clinic.get_by_label("Appointment number or patient").fill("quillf")
    clinic.get_by_role("button", name="Search visits").click()
    clinic.get_by_role("link", name="Quillfeather Zyxmarsh").click()
    expect(clinic.get_by_role("heading", name="Quillfeather Zyxmarsh")).to_be_visible()
    clinic.get_by_role("link", name="Join meeting").click()
    clinic.wait_for_url(f"{meeting}/**")

    ours = (site.portal, world.settings.vendor_portal_url)
    assert len(requests) > 12
    for request in requests:
        assert request.url.startswith((*ours, meeting)), request.url
        assert "quillf" not in request.url.lower()
    doors = [path for path, headers in asked if path != "/favicon.ico"]  # which names the room's own page
    assert len(doors) == 2
    for path, headers in asked:
        assert not {"referer", "cookie", "origin"} & headers.keys() or path not in doors, (path, headers)
    assert doors[0].split("?")[0] == doors[1].split("?")[0]


def test_between_our_own_sites_nothing_is_told_either(
    met: tuple[Site, str, Asked], open_page: Callable[..., Page]
) -> None:
    site, _meeting, _asked = met
    site.world.book(ask=["Clearsign"])
    site.world.tick()
    page = open_page()
    requests = watched(page)
    page.goto(site.link("Clearsign", "accept"))
    page.evaluate("address => { location.href = address }", f"{site.portal}/login")
    page.wait_for_url(f"{site.portal}/login")

    seen = [request.all_headers().get("referer", "") for request in requests]
    assert len(seen) > 2
    assert set(seen) == {""}
