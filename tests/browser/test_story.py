"""The whole story in a browser: a scheduler asks three companies, one declines, two race, one wins."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site

GONE = "Your meeting URL is no longer valid. The meeting may have been rescheduled or canceled"
WON = "You have accepted the request to join the meeting"
ELSEWHERE = "Sorry! The meeting has been assigned to someone else."


def test_a_scheduler_asks_three_companies_and_the_open_badge_turns_when_one_accepts(site: Site, open_page) -> None:
    scheduler = site.log_in(open_page())
    site.fill_visit(scheduler)
    scheduler.get_by_role("button", name="Create Visit").click()
    expect(scheduler.get_by_text("Pending Request")).to_be_visible()
    expect(scheduler.get_by_text("sent when you confirm")).to_be_visible()
    scheduler.get_by_role("button", name="Confirm").click()
    expect(scheduler.get_by_role("heading", name="Jonah Pike")).to_be_visible()
    site.world.tick()
    board = site.log_in(open_page(), "staff")
    board.goto(f"{site.portal}/board")
    schedule = site.log_in(open_page(), "scheduler")
    schedule.goto(f"{site.portal}/schedule?date=2026-11-24")

    site.answer(open_page(width=360), "Clearsign", "Decline")
    winner, loser = open_page(width=360), open_page(width=360)
    loser.goto(site.link("Bridgeway", "accept"))
    site.answer(winner, "Northlight", "Accept", name="N. Ortiz")
    expect(winner.get_by_text(WON)).to_be_visible()
    answered = time.monotonic()

    for page in (scheduler, board, schedule):
        expect(page.locator(".badge.accepted").first).to_be_visible(timeout=2000)
        expect(page.get_by_text(re.compile("Northlight, N. Ortiz")).first).to_be_visible()
    assert time.monotonic() - answered < 4, "three pages one after the other took longer than two polls each"
    expect(scheduler.locator("#news")).to_have_text("A-10001: Accepted")
    loser.get_by_label("Your name").fill("S. Okoro")
    loser.get_by_role("button", name="Accept", exact=True).click()
    expect(loser.get_by_text(ELSEWHERE)).to_be_visible()

    site.world.tick()
    assert site.world.subjects(to="Bridgeway")[-1].startswith("Filled, nothing to do")
    lobby = open_page(width=360)
    lobby.goto(site.link("Northlight", "meet"))
    expect(lobby.get_by_role("link", name="Join meeting")).to_have_count(0)
    site.world.pass_time(hours=21, minutes=20)
    lobby.reload()
    lobby.get_by_role("link", name="Join meeting").click()
    assert "/dev/room/visit-" in lobby.url


def _one_request(site: Site) -> int:
    visit = site.world.book(ask=["Clearsign", "Northlight"])
    site.world.tick()
    return visit


def _statuses(page: Page) -> list[int]:
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    return statuses


@pytest.mark.parametrize("word", ["accept", "decline"])
def test_row_1_a_wrong_signature_names_no_clinic(site: Site, open_page, word: str) -> None:
    _one_request(site)
    page = open_page(width=360)
    statuses = _statuses(page)
    page.goto(site.link("Clearsign", word).replace("/r/", "/r/x"))
    expect(page.get_by_text(GONE)).to_be_visible()
    expect(page.get_by_text("Riverside")).to_have_count(0)
    assert statuses[0] == 410


def test_row_3_the_winner_sees_its_booking_again_and_whoever_pressed_decline_is_told(site: Site, open_page) -> None:
    _one_request(site)
    page = site.answer(open_page(width=360), "Clearsign", "Accept")
    expect(page.get_by_text(WON)).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("meeting", re.IGNORECASE)).first).to_be_visible()
    colleague = open_page(width=360)
    colleague.goto(site.link("Clearsign", "decline"))
    expect(colleague.get_by_text("accepted already")).to_be_visible()
    expect(colleague.get_by_text("+1 555 0142").first).to_be_visible()


@pytest.mark.parametrize("button", ["Accept", "Decline"])
def test_row_4_the_other_company_is_told_whichever_button_it_presses(site: Site, open_page, button: str) -> None:
    _one_request(site)
    late = open_page(width=360)
    statuses = _statuses(late)
    late.goto(site.link("Northlight", button.lower()))
    site.answer(open_page(width=360), "Clearsign", "Accept")
    late.get_by_label("Your name").fill("T. Boyle")
    late.get_by_role("button", name=button, exact=True).click()
    expect(late.get_by_text(ELSEWHERE)).to_be_visible()
    assert 409 in statuses
    late.goto(site.link("Northlight", button.lower()))
    expect(late.get_by_text(ELSEWHERE)).to_be_visible()


def test_row_5_after_the_deadline_the_page_gives_the_clinics_contact(site: Site, open_page) -> None:
    visit = _one_request(site)
    page = open_page(width=360)
    page.goto(site.link("Clearsign", "accept"))
    site.world.pass_time(hours=24)
    page.get_by_label("Your name").fill("T. Boyle")
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text(GONE)).to_be_visible()
    expect(page.get_by_text("scheduling@demo.example")).to_be_visible()
    assert site.world.badge(visit) == "Not Accepted"


def test_row_6_a_company_that_declined_can_say_why_and_is_told_how_to_change_its_mind(site: Site, open_page) -> None:
    visit = _one_request(site)
    page = site.answer(open_page(width=360), "Clearsign", "Decline")
    expect(page.get_by_text(re.compile("declined", re.IGNORECASE)).first).to_be_visible()
    page.get_by_label(re.compile("reason", re.IGNORECASE)).fill("Nobody is free.")
    page.get_by_role("button", name=re.compile("reason", re.IGNORECASE)).click()
    expect(page.get_by_text("Nobody is free.")).to_be_visible()
    assert site.world.badge(visit) == "Pending Request"


def test_row_7_the_question_is_answered_by_the_button_and_enter_presses_the_mails_button(site: Site, open_page) -> None:
    visit = _one_request(site)
    page = open_page(width=360)
    page.goto(site.link("Clearsign", "decline"))
    assert site.world.badge(visit) == "Pending Request"
    page.get_by_label("Your name").fill("T. Boyle")
    site.world.pass_time(seconds=3)
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("declined", re.IGNORECASE)).first).to_be_visible()
    assert site.world.invites_of(visit)[0].answer == "declined"
