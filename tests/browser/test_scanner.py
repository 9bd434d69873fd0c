"""Mail scanners open every link, run scripts and wait: nothing may come of it."""

import html
import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page
from sqlalchemy import inspect, select

from shared.db import db, reading
from tests.browser.site import Site

HINTS = {"invite_opening"}
"""The one table that an opened link may write: the clinic's hint "opened", which moves no state."""


def _everything(site: Site) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with site.world.jobs.app_context(), reading() as session:
        names = inspect(db.engine).get_table_names()
        tables = [db.metadatas[None].tables[name] for name in names if name in db.metadatas[None].tables]
        return {table.name: [tuple(row) for row in session.execute(select(table))] for table in tables}


def _links(mail: EmailMessage) -> list[str]:
    """Every link in every text of a mail, HTML, plain and calendar."""
    parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    texts = [re.sub(r"\r?\n ", "", str(part.get_content())) for part in parts]  # calendar lines are folded
    return sorted({html.unescape(link) for text in texts for link in re.findall(r"http://127[^\s\"<>\\]+", text)})


def test_a_scanner_with_scripts_opens_every_link_of_every_mail_and_changes_nothing(
    site: Site, open_page: Callable[..., Page]
) -> None:
    world = site.world
    world.book(ask=["Clearsign", "Northlight"])
    world.book(ask=["Lumen"], patient_name="Ruth Abara")
    world.tick()
    world.open_mail(to="Lumen")
    site.answer(open_page(), "Lumen", "Accept")
    world.tick()
    before = _everything(site)
    mails = list(world.post.received)
    links = [_links(mail) for mail in mails]
    assert sum(map(len, links)) >= 7
    for found in links:
        for order in itertools.permutations(found) if len(found) < 3 else (found, found[::-1]):
            page = open_page()
            for link in order:
                for methods in (("HEAD", "GET"), ("GET", "HEAD")):
                    for method in methods:
                        assert page.request.fetch(link, method=method).status < 500
                page.goto(link)
                page.wait_for_timeout(200)
            page.context.close()
    after = _everything(site)
    assert {name for name in before if before[name] != after[name]} <= HINTS
    world.tick()
    assert len(world.post.received) == len(mails)


def _scan(site: Site, open_page: Callable[..., Page], links: list[str]) -> None:
    """A robot opens each link in a tab of its own, waits with scripts running, and sends every form as it stands."""
    pages = [open_page() for _link in links]
    for page, link in zip(pages, links, strict=True):
        assert page.request.fetch(link, method="HEAD").status < 500
        page.goto(link)
    pages[-1].wait_for_timeout(10_000)
    site.world.now += timedelta(seconds=10)
    for page in pages:
        for number in range(page.locator("form").count()):
            with page.expect_navigation():
                page.evaluate("number => document.forms[number].submit()", number)
            page.go_back()
        page.context.close()


@pytest.mark.soak
def test_a_robot_that_waits_and_sends_forms_changes_nothing_with_a_hundred_mails(
    site: Site, open_page: Callable[..., Page], record_property: Callable[[str, object], None]
) -> None:
    world = site.world
    visits = [world.book(ask=["ASL daytime"]) for _ in range(30)]
    world.tick()
    for visit in visits[:4]:
        world.accept(visit, "Clearsign")
    world.tick()
    mails = [mail for mail in world.post.received if _links(mail)]
    links = [link for mail in mails for link in _links(mail)]
    assert len(mails) >= 100
    before, had = _everything(site), len(world.post.received)
    for start in range(0, len(links), 20):
        _scan(site, open_page, links[start : start + 20])

    after = _everything(site)
    assert {name for name in before if before[name] != after[name]} <= HINTS
    world.tick()
    assert len(world.post.received) == had
    record_property("figure", f"{len(mails)} mails, {len(links)} links opened for ten seconds each")
