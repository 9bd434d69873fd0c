"""What a company can do: every row of the table, by GET and POST, from both links, with both buttons."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from shared.models import Request
from shared.states import RequestState
from tests.web.checks import PATIENT, dump, words
from tests.world import World, hidden

GONE = "Your meeting URL is no longer valid. The meeting may have been rescheduled or canceled"
WON = "You have accepted the request to join the meeting"
TAKEN = "Sorry! The meeting has been assigned to someone else."
CONTACT = ("Riverside Clinic", "+1 555 0142", "scheduling@demo.example")

Move = Callable[[World, int], None]


def state(value: RequestState) -> Move:
    """Put the request into a state behind the product's back."""

    def move(world: World, visit: int) -> None:
        world.change(Request, world.request_of(visit).id, state=value, closed_at=world.now)

    return move


def won(world: World, visit: int) -> None:
    world.accept(visit, "Clearsign")


def lost(world: World, visit: int) -> None:
    world.accept(visit, "Northlight")


def lost_after_declining(world: World, visit: int) -> None:
    world.decline(visit, "Clearsign")
    world.accept(visit, "Northlight")


def declined(world: World, visit: int) -> None:
    world.decline(visit, "Clearsign")


def everybody_declined(world: World, visit: int) -> None:
    world.decline(visit, "Clearsign")
    world.decline(visit, "Northlight")


def overdue(world: World, visit: int) -> None:
    """No job has run: the request still says that it is pending."""
    world.now = world.request_of(visit).deadline


def won_then(value: RequestState) -> Move:
    def move(world: World, visit: int) -> None:
        won(world, visit)
        state(value)(world, visit)

    return move


def won_long_ago(world: World, visit: int) -> None:
    won(world, visit)
    world.now += timedelta(days=30)


ROWS: dict[str, tuple[Move, int, str]] = {
    "2 withdrawn": (state(RequestState.WITHDRAWN), 410, GONE),
    "2 cancelled": (state(RequestState.CANCELLED), 410, GONE),
    "2 handed back": (won_then(RequestState.HANDED_BACK), 410, GONE),
    "2 won, then withdrawn": (won_then(RequestState.WITHDRAWN), 410, GONE),
    "2 won, then cancelled": (won_then(RequestState.CANCELLED), 410, GONE),
    "3 won": (won, 200, WON),
    "3 won, the deadline long past": (won_long_ago, 200, WON),
    "4 assigned to another": (lost, 409, TAKEN),
    "4 declined, then assigned to another": (lost_after_declining, 409, TAKEN),
    "5 all declined": (everybody_declined, 410, GONE),
    "5 expired": (state(RequestState.EXPIRED), 410, GONE),
    "5 undeliverable": (state(RequestState.UNDELIVERABLE), 410, GONE),
    "5 pending at its deadline": (overdue, 410, GONE),
    "6 declined, still pending": (declined, 200, "declined"),
}


def links(world: World) -> tuple[str, str]:
    """The two links of Clearsign's mail."""
    mail = world.open_mail(to="Clearsign")
    return mail.link("accept"), mail.link("decline")


def form(page: TestResponse, button: str, **changes: str) -> dict[str, str]:
    return {"responder": "T. Boyle", "answer": button, "nonce": hidden(page, "nonce")} | changes


def unmoved(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Everything but the hint that a link was opened."""
    return {name: rows for name, rows in dump(world).items() if name != "invite_opening"}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_shows_the_same_to_get_and_post_from_both_links_with_both_buttons(world: World, row: str) -> None:
    move, status, sentence = ROWS[row]
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    accept, decline = links(world)
    question = world.vendor.get(accept)
    world.pass_time(seconds=3)
    move(world, visit)
    before = unmoved(world)

    for link in (accept, decline, accept):
        pages = [world.vendor.get(link)]
        pages += [world.vendor.post(link, data=form(question, button)) for button in ("accept", "decline")]
        pages += [world.vendor.post(link, data={}), world.vendor.post(link, data={"answer": "accept"})]
        for page in pages:
            assert page.status_code == status, (row, link)
            assert sentence in words(page), (row, link)
            assert (TAKEN in words(page)) == (sentence == TAKEN)
            assert (WON in words(page)) == (sentence == WON)
            assert (GONE in words(page)) == (sentence == GONE)
            if row[0] in "2356":
                assert CONTACT[1] in words(page)
                assert CONTACT[2] in words(page)
            for secret in PATIENT:
                assert secret not in page.text
    assert unmoved(world) == before


def test_a_wrong_signature_names_no_clinic(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    accept, _decline = links(world)
    wrong = [accept.replace("/r/", "/r/x"), "/r/nonsense/accept", "/r/a.b", "/r/a.b/decline"]

    for link in wrong:
        for page in (world.vendor.get(link), world.vendor.post(link, data={"answer": "accept", "responder": "X"})):
            assert page.status_code == 410
            assert GONE in words(page)
            for name in (*CONTACT, "Clearsign"):
                assert name not in page.text


def test_the_winner_sees_everything_that_is_needed_to_join(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"], notes="Cardiology vocabulary.")
    world.tick()

    page = world.open_mail(to="Clearsign").press("Accept", name="R. Medina")

    shown = words(page)
    with world.jobs.app_context():
        pin = next(row for row in dump(world)["appointment"])
    digits = next(value for value in pin if isinstance(value, str) and value.isdigit())
    assert page.status_code == 200
    for fact in (WON, "Tue 24 Nov 2026", "09:30", "R. Medina", "+1 555 0100", "Riverside Clinic"):
        assert fact in shown, fact
    assert digits in shown.replace(" ", "")
    assert "/meet/" in page.text
    assert world.badge(visit) == "Accepted"


def test_whoever_presses_decline_after_the_company_accepted_is_told_so(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    mail = world.open_mail(to="Clearsign")
    mail.press("Accept", name="R. Medina")

    for page in (mail.open("decline"), world.vendor.post(mail.link("decline"), data={"answer": "decline"})):
        assert page.status_code == 200
        assert WON in words(page)
        assert "accepted already" in words(page).lower()
        assert "R. Medina" in words(page)
        assert CONTACT[1] in words(page)
    assert "accepted already" not in words(mail.open("accept")).lower()


def test_accept_leads_to_the_won_page_by_a_redirect(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    accept, _decline = links(world)
    page = world.vendor.get(accept)
    world.pass_time(seconds=3)

    answer = world.vendor.post(accept, data=form(page, "accept"))

    assert answer.status_code == 303
    assert WON in words(world.vendor.get(answer.location))
    assert world.request_of(visit).state is RequestState.ACCEPTED


def test_decline_leads_to_a_page_that_offers_a_reason(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    mail = world.open_mail(to="Clearsign")

    page = mail.press("Decline", name="R. Medina")

    assert page.status_code == 200
    assert "declined" in words(page)
    assert 'name="reason"' in page.text
    assert world.request_of(visit).state is RequestState.PENDING
    assert [invite.answer for invite in world.invites_of(visit)] == ["declined", None]


def test_the_button_counts_whichever_link_was_opened(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()

    world.open_mail(to="Clearsign").press("Decline", link="accept")
    assert [invite.answer for invite in world.invites_of(visit)] == ["declined", None]
    page = world.open_mail(to="Northlight").press("Accept", link="decline")

    assert WON in words(page)
    assert [invite.answer for invite in world.invites_of(visit)] == ["declined", "accepted"]


def test_a_reason_counts_once_and_only_from_a_company_that_declined(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    clearsign, northlight = world.open_mail(to="Clearsign"), world.open_mail(to="Northlight")
    clearsign.press("Decline")
    ours = clearsign.link("decline").removesuffix("/decline") + "/reason"
    theirs = northlight.link("decline").removesuffix("/decline") + "/reason"

    for empty in ({}, {"reason": ""}, {"reason": " \n "}):
        assert world.vendor.post(ours, data=empty).status_code == 422
    assert world.vendor.post(ours, data={"reason": "x" * 301}).status_code == 422
    kept = world.vendor.post(ours, data={"reason": "Nobody is free. " + "x" * 290})
    assert "Nobody is free." in kept.text
    mails = len(world.outbox())
    assert world.vendor.post(ours, data={"reason": "Nobody is free."}).status_code == 303
    assert world.vendor.post(ours, data={"reason": "Something else"}).status_code == 303
    assert world.vendor.post(theirs, data={"reason": "Not declined"}, follow_redirects=True).status_code == 200

    assert [invite.decline_reason for invite in world.invites_of(visit)] == ["Nobody is free.", ""]
    assert [invite.answer for invite in world.invites_of(visit)] == ["declined", None]
    assert len(world.outbox()) == mails
    page = clearsign.open("decline")
    assert "Nobody is free." in words(page)
    assert 'name="reason"' not in page.text


@pytest.mark.parametrize("row", [row for row in ROWS if row not in {"5 all declined", "6 declined, still pending"}])
def test_the_reason_form_of_a_request_that_moved_on_shows_its_row(world: World, row: str) -> None:
    move, status, sentence = ROWS[row]
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    accept, _decline = links(world)
    move(world, visit)

    for data in ({}, {"reason": ""}, {"reason": "x" * 301}, {"reason": "Why not"}):
        page = world.vendor.post(accept.removesuffix("/accept") + "/reason", data=data, follow_redirects=True)
        assert page.status_code == status, data
        assert sentence in words(page)


def test_the_last_company_to_decline_may_still_say_why(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    mail = world.open_mail(to="Clearsign")

    page = mail.press("Decline", name="R. Medina")
    assert page.status_code == 410
    assert GONE in words(page)
    assert "R. Medina declined" in words(page)
    reason = mail.link("decline").removesuffix("/decline") + "/reason"
    assert world.vendor.post(reason, data={"reason": ""}).status_code == 422
    again = world.vendor.post(reason, data={"reason": "Nobody is free."}, follow_redirects=True)

    assert again.status_code == 410
    assert "Nobody is free." in words(again)
    assert world.invites_of(visit)[0].decline_reason == "Nobody is free."


def test_two_colleagues_of_one_company_the_first_counts_the_second_sees_it(world: World) -> None:
    world.add_company("Duo", emails=["one@duo.example", "two@duo.example"])
    visit = world.book(ask=["Duo", "Clearsign"])
    world.tick()
    one, two = world.open_mail(to="one@duo.example"), world.open_mail(to="two@duo.example")
    assert one.link("accept") != two.link("accept")
    world.tick()
    sent = len(world.outbox())

    one.press("Decline", name="First Colleague")
    page = two.press("Accept", name="Second Colleague")

    assert page.status_code == 200
    assert "First Colleague" in words(page)
    assert WON not in words(page)
    assert [(invite.answer, invite.responder) for invite in world.invites_of(visit)] == [
        ("declined", "First Colleague"),
        (None, ""),
    ]
    assert len(world.outbox()) == sent


def test_repeating_an_answer_changes_nothing_and_mails_nothing(world: World) -> None:
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    mail = world.open_mail(to="Clearsign")
    question = mail.open()
    mail.press("Accept", name="First")
    world.tick()
    before, received = unmoved(world), len(world.post.received)

    for _ in range(3):
        again = world.vendor.post(mail.link("accept"), data=form(question, "accept", responder="Second"))
        assert again.status_code == 200
        assert "First" in words(again)
        assert "Second" not in words(again)
    world.tick()

    assert {name: rows for name, rows in unmoved(world).items() if name != "job_run"} == {
        name: rows for name, rows in before.items() if name != "job_run"
    }
    assert len(world.post.received) == received


@pytest.mark.parametrize(("milliseconds", "status"), [(-1, 303), (0, 410), (1, 410)])
def test_an_answer_counts_until_the_deadline_to_the_millisecond(world: World, milliseconds: int, status: int) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    accept, _decline = links(world)
    deadline = world.request_of(visit).deadline
    world.now = deadline - timedelta(minutes=1)
    page = world.vendor.get(accept)
    world.now = deadline + timedelta(milliseconds=milliseconds)

    answer = world.vendor.post(accept, data=form(page, "accept"))

    assert answer.status_code == status
    assert world.badge(visit) == ("Accepted" if status == 303 else "Not Accepted")


def test_the_question_says_all_that_the_mail_says(world: World) -> None:
    world.book(ask=["Northlight"], notes="Cardiology vocabulary.\nSecond line")
    world.tick()

    shown = words(world.open_mail(to="Northlight").open())

    for fact in (
        "American Sign Language",
        "Tue 24 Nov",
        "09:30",
        "PST (UTC−8)",
        "12:30",
        "EST (UTC−5)",
        "45 minutes",
        "Video",
        "Riverside Clinic",
        "Provider of Riverside Clinic",
        "A-10001",
        "Cardiology vocabulary.",
        "Second line",
        "Answer by",
    ):
        assert fact in shown, fact
