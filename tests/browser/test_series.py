"""The story of a recurring appointment in a browser: booked, accepted, one date moved, the end cut off, all cancelled.

After each step the companies' calendars, fed with the files from their mails and read by two libraries that know
nothing of each other, show what remains.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import icalendar
from playwright.sync_api import Page, expect

from shared.mails.calendar import CalendarFile, Method
from tests.browser.site import Site
from tests.mails.test_calendar_series import events_of, expanded_by_hand, expanded_by_ical

GONE = "Your meeting URL is no longer valid. The meeting may have been rescheduled or canceled"
TUESDAYS = [datetime(2026, 11, 24, 17, 30, tzinfo=UTC) + timedelta(weeks=week) for week in range(6)]
"""09:30 in Los Angeles."""

MOVED = TUESDAYS[2] + timedelta(days=1)


class Diary:
    """A company's calendar program. It takes the files of each new mail in their order and holds what they say."""

    def __init__(self, site: Site, company: str) -> None:
        self._site = site
        self._company = company
        self._read = 0
        self._entries: dict[str, CalendarFile] = {}
        self._sequences: dict[str, int] = {}

    def starts(self) -> list[datetime]:
        """The starts in it by now, on which both readers agree."""
        self._site.world.tick()
        mails = self._site.world.mails(to=self._company)
        for mail in mails[self._read :]:
            for file in _files(mail.message):
                self._take(file)
        self._read = len(mails)
        files = list({id(file): file for file in self._entries.values()}.values())
        by_hand = sorted(start for file in files for start, _end in expanded_by_hand(file))
        by_ical = sorted(start for file in files for start, _end in expanded_by_ical(file))
        assert by_hand == by_ical
        return by_hand

    def _take(self, file: CalendarFile) -> None:
        """An entry's newer file replaces the older one; each must be newer than the one before."""
        numbers = {str(event["UID"]): int(event["SEQUENCE"]) for event in events_of(file)}
        for uid, number in numbers.items():
            assert number > self._sequences.get(uid, -1)
            self._sequences[uid] = number
            self._entries.pop(uid, None)
            if file.method is Method.REQUEST:
                self._entries[uid] = file


def _files(message: EmailMessage) -> list[CalendarFile]:
    """The calendar files of a mail, each once: they come as attachments, the first also inside the text."""
    files = []
    for part in message.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        method = str(icalendar.Calendar.from_ical(content)["METHOD"])
        files.append(CalendarFile(Method(method), content))
    return files


def _book_six_tuesdays(site: Site, page: Page) -> None:
    site.fill_visit(page)
    page.locator("summary", has_text="Repeat").click()
    page.locator("#repeat").select_option("weekly")
    page.get_by_label("Tue", exact=True).check()
    page.get_by_label("Number of visits", exact=True).fill("6")
    page.get_by_role("button", name="Create Visit").click()
    expect(page.get_by_text("6 new visits")).to_be_visible()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/visits/1$"))


def _badges(site: Site) -> list[str]:
    return [site.world.badge(visit) for visit in range(1, 7)]


def test_a_recurring_appointment_is_booked_moved_cut_short_and_cancelled(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page, company = site.log_in(open_page()), open_page(width=360)
    clearsign, northlight = Diary(site, "Clearsign"), Diary(site, "Northlight")

    # Booked and accepted: one request, one acceptance, six dates.
    _book_six_tuesdays(site, page)
    assert clearsign.starts() == []
    site.answer(company, "Clearsign", "Accept")
    assert clearsign.starts() == TUESDAYS
    assert _badges(site) == ["Accepted"] * 6
    lobby = site.link("Clearsign", "meet")

    # One date moved: it is asked anew, the winner keeps the other five.
    page.goto(f"{site.portal}/visits/3")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.locator("#date").fill("2026-12-09")
    page.get_by_role("button", name="Go on to the preview").click()
    expect(page.get_by_text("Clearsign keeps the other 5 dates; room and PIN stay.")).to_be_visible()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/visits/3$"))
    expect(page.locator(".badge.pending").first).to_be_visible()
    assert clearsign.starts() == TUESDAYS[:2] + TUESDAYS[3:]
    assert northlight.starts() == []
    site.answer(company, "Northlight", "Accept", name="N. Ortiz")
    expect(page.locator(".headline .badge.accepted")).to_be_visible()
    assert northlight.starts() == [MOVED]
    assert clearsign.starts() == TUESDAYS[:2] + TUESDAYS[3:]

    # The rest cancelled: from the fourth date on nobody is needed.
    page.goto(f"{site.portal}/visits/4")
    page.get_by_role("link", name="Cancel visit").click()
    page.get_by_role("button", name=re.compile("This and following")).click()
    expect(page.get_by_text("Clearsign keeps the other 2 dates; room and PIN stay.")).to_be_visible()
    page.get_by_label("Reason").fill("Treatment ends earlier.")
    page.get_by_role("button", name="Cancel 3 visits").click()
    expect(page.get_by_text("Treatment ends earlier.")).to_be_visible()
    assert clearsign.starts() == TUESDAYS[:2]
    assert northlight.starts() == [MOVED]
    assert _badges(site) == ["Accepted"] * 3 + ["Cancelled"] * 3
    company.goto(lobby)
    expect(company.get_by_role("heading", name="Your American Sign Language meeting")).to_be_visible()

    # All cancelled: nothing remains, the links are dead.
    page.goto(f"{site.portal}/visits/1")
    page.get_by_role("link", name="Cancel visit").click()
    page.get_by_role("button", name=re.compile("^All")).click()
    expect(page.get_by_text("Clearsign has accepted 2 of these dates.")).to_be_visible()
    expect(page.get_by_text("Northlight has accepted 1 of these dates.")).to_be_visible()
    page.get_by_role("button", name="Cancel 3 visits").click()
    page.wait_for_url(re.compile(r"/visits/1$"))
    assert clearsign.starts() == []
    assert northlight.starts() == []
    assert _badges(site) == ["Cancelled"] * 6
    company.goto(lobby)
    expect(company.get_by_text(GONE)).to_be_visible()
