"""Mail that could not be delivered: the administrators' list, its button, and what a visit's details tell."""

import pytest
from flask.testing import FlaskClient

from shared.lost_mail import COMES_BACK
from shared.queries.lost_mail import PAGE_SIZE
from shared.states import MailKind, MailState, Role
from tests.actions.companies import GONE, OLD, save
from tests.web import changing
from tests.web.administering import press
from tests.web.checks import soup_of, words
from tests.world import World

MAIL = "/admin/mail"


def lose_cancellation(world: World) -> int:
    """A visit that Clearsign had accepted; the mail that tells it that this is over bounced."""
    visit = changing.accepted(world)
    world.post.replies[OLD] = GONE
    changing.cancel(world.login(), visit)
    world.tick()
    return visit


def buttons(client: FlaskClient, path: str = MAIL) -> list[str]:
    """Where the buttons of the list lead."""
    return [str(form["action"]) for form in soup_of(client.get(path)).select("main form")]


def test_an_empty_list_says_so(world: World) -> None:
    page = world.login(Role.ADMIN).get(MAIL)

    assert "Every mail of the clinic has left or is on its way." in words(page)
    assert soup_of(page).find("a", attrs={"aria-current": "page", "href": MAIL}) is not None


def test_the_list_says_what_to_whom_why_since_when_and_why_it_can_not_be_sent_again(world: World) -> None:
    visit = lose_cancellation(world)
    page = world.login(Role.ADMIN).get(MAIL)
    said = words(page)

    for fact in ("Cancellation A-10001 Clearsign", OLD, "Bounced 12:00 PST today", "does not take mail", "550 No such"):
        assert fact in said, fact
    assert COMES_BACK in said
    assert soup_of(page).find("a", attrs={"href": f"/visits/{visit}"}) is not None
    assert buttons(world.login(Role.ADMIN)) == []


def test_after_the_address_was_corrected_one_press_sends_it_again(world: World) -> None:
    lose_cancellation(world)
    world.post.replies.clear()
    save(world, addresses=("front-desk@clearsign.example",))
    client = world.login(Role.ADMIN)
    assert "Goes to front-desk@clearsign.example" in words(client.get(MAIL))

    [button] = buttons(client)
    answer = press(client, MAIL, button)
    assert answer.status_code == 303
    shown = client.get(answer.location)
    assert "Cancellation: on its way again." in words(shown)
    assert buttons(client) == []
    assert press(client, MAIL, button).status_code == 303  # the same press once more
    world.tick()

    assert [subject[:9] for subject in world.subjects(to="front-desk@clearsign.example")] == ["Cancelled"]
    assert "sent again what could not be delivered: Cancellation to front-desk" in words(client.get("/admin/trail"))


def test_a_press_that_comes_too_late_says_why_nothing_was_sent(world: World) -> None:
    world.post.replies[OLD] = "554 Looks like spam"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login(Role.ADMIN)
    [button] = buttons(client)
    world.accept(visit, "Northlight")

    answer = press(client, "/", button)
    assert answer.status_code == 409
    assert "Its request can't be answered any more. Ask again from the visit." in words(answer)
    assert {mail.state for mail in world.outbox(MailKind.INVITE)} == {MailState.BOUNCED, MailState.SENT}


def test_a_long_list_has_pages_and_a_press_stays_on_its_page(world: World) -> None:
    world.post.replies[OLD] = "554 Looks like spam"
    for _ in range(PAGE_SIZE + 1):
        world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login(Role.ADMIN)
    assert len(buttons(client)) == PAGE_SIZE
    [last] = buttons(client, f"{MAIL}?page=2")

    answer = press(client, MAIL, last, page="2")
    assert "page=2" in answer.location
    assert "on its way again" in words(client.get(answer.location))
    assert client.get(f"{MAIL}?page=9").status_code == 422


def test_nobody_else_finds_the_list_and_another_clinics_mail_is_not_found(world: World) -> None:
    lose_cancellation(world)
    save(world, again=(OLD,))
    [button] = buttons(world.login(Role.ADMIN))
    world.add_clinic("Harbor Family Health", domain="harbor")
    stranger = world.login(Role.ADMIN, domain="harbor")

    assert "Every mail of the clinic has left" in words(stranger.get(MAIL))
    assert press(stranger, "/", button).status_code == 404
    for role in set(Role) - {Role.ADMIN}:
        assert world.login(role).get(MAIL).status_code == 403
        assert press(world.login(role), "/", button).status_code == 403


@pytest.mark.parametrize("role", list(Role))
def test_the_details_of_a_visit_tell_whom_to_call(world: World, role: Role) -> None:
    visit = lose_cancellation(world)
    page = world.login(role).get(f"/visits/{visit}")
    said = "Mail could not be delivered. Call whoever has not got it. Cancellation to Clearsign, +1 555 0170"

    assert said in words(page)
    assert (soup_of(page).find("a", attrs={"href": MAIL}) is not None) is (role is Role.ADMIN)


def test_an_edit_that_leaves_the_winner_in_the_dark_shows_on_the_visit_that_asks_others_now(world: World) -> None:
    visit = changing.accepted(world)
    world.post.replies[OLD] = GONE
    clients = world.login()
    changing.save(clients, visit, interpreter=list(world.draft(ask=["Northlight"]).picks))
    world.tick()
    said = words(clients.get(f"/visits/{visit}"))

    assert "Cancellation to Clearsign" in said
    assert "Northlight" in said
    world.pass_time(days=3)
    assert "Cancellation to Clearsign" not in words(world.login().get(f"/visits/{visit}"))


def test_a_company_written_to_again_stands_once_in_the_list_with_how_it_is_now(world: World) -> None:
    world.post.replies[OLD] = "554 Looks like spam"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.post.replies.clear()
    client = world.login(Role.ADMIN)
    [button] = buttons(client)
    press(client, MAIL, button)
    world.tick()

    rows = soup_of(client.get(f"/visits/{visit}")).select("#interpreter .companies li")
    told = [" ".join(row.get_text(" ").split()) for row in rows]
    assert len(told) == 2
    assert told[0].count(OLD) == 1
    assert "Sent" in told[0]
    assert "Bounced" not in told[0]
