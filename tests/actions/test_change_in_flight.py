"""Mails that a worker holds at the moment of a change: whatever becomes of them, their reader learns how things are."""

from collections.abc import Callable
from datetime import time, timedelta

import pytest

from shared.actions import ClaimedMail, drop_mail, mark_mail_refused, mark_mail_sent, put_off_mail
from shared.actions.deliveries import LEASE
from shared.queries import letter_of
from shared.rules import RETRY_FOR
from shared.states import MailKind, MailState
from tests.actions.changing import ALL, ask_again, book_series, cancel, check_order, edit, lost, told
from tests.actions.desk import claim_to, mail_states
from tests.world import World

CLEARSIGN, NORTHLIGHT = "dispatch@clearsign.example", "dispatch@northlight.example"
ASKED, FILLED, NOTHING = "Request for ASL Interpreter", "Filled, nothing to do", "Withdrawn, nothing to do"
WON, OVER = "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter"


def sent(world: World, mail: ClaimedMail) -> None:
    with world.jobs.app_context():
        assert mark_mail_sent(mail, now=world.now)
    check_order(world)


def refused(world: World, mail: ClaimedMail) -> None:
    with world.jobs.app_context():
        assert mark_mail_refused(mail, error="550", nobody_there=False, now=world.now)
    check_order(world)


def dropped(world: World, mail: ClaimedMail) -> None:
    """The worker looked at the letter once more before it sent it."""
    with world.jobs.app_context():
        due = letter_of(mail.id, now=world.now)
        assert due is not None
        assert due.pointless
        assert drop_mail(mail, now=world.now)
    check_order(world)


def cut_off(world: World, mail: ClaimedMail) -> None:
    with world.jobs.app_context():
        assert put_off_mail(mail, error="DATA", jitter=0.0, in_doubt=True, now=world.now)


def given_up(world: World, mail: ClaimedMail) -> None:
    """Put off at the end of its 72 hours."""
    world.pass_time(seconds=RETRY_FOR.total_seconds())
    with world.jobs.app_context():
        assert put_off_mail(mail, error="451", jitter=0.0, now=world.now)
    check_order(world)


def tick_later(world: World) -> None:
    """The other workers go on; a lease that nobody answers for ends."""
    world.pass_time(seconds=LEASE.total_seconds() + 1)
    world.tick()
    check_order(world)


def kinds(world: World, recipient: str) -> list[tuple[MailKind, MailState]]:
    return [(mail.kind, mail.state) for mail in world.outbox() if mail.recipient == recipient]


INVITE, TAKEN_BACK = MailKind.INVITE, MailKind.WITHDRAWN
SENT, DROPPED, BOUNCED = MailState.SENT, MailState.DROPPED, MailState.BOUNCED


@pytest.mark.parametrize(
    ("returns", "then"),
    [
        (sent, [(INVITE, SENT), (TAKEN_BACK, SENT)]),
        (refused, [(INVITE, BOUNCED)]),
        (dropped, [(INVITE, DROPPED)]),
        (cut_off, [(INVITE, DROPPED), (TAKEN_BACK, SENT)]),
        (None, [(INVITE, DROPPED), (TAKEN_BACK, SENT)]),
    ],
    ids=["sent", "refused", "dropped", "in doubt", "lease lost"],
)
@pytest.mark.parametrize("change", ["cancelled", "no longer chosen"])
def test_an_invite_on_its_way_is_followed_by_nothing_to_do_if_it_may_have_left(
    world_on_either: World,
    change: str,
    returns: Callable[[World, ClaimedMail], None] | None,
    then: list[tuple[MailKind, MailState]],
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    leaving = claim_to(world, CLEARSIGN)
    if change == "cancelled":
        cancel(world, visit)
    else:
        edit(world, visit, ask=["Northlight"])
    if returns is not None:
        returns(world, leaving)
    tick_later(world)

    assert kinds(world, CLEARSIGN) == then


@pytest.mark.parametrize("returns", [sent, cut_off, None], ids=["sent", "in doubt", "lease lost"])
def test_an_invite_on_its_way_to_a_company_that_is_asked_anew_needs_no_other_news(
    world: World, returns: Callable[[World, ClaimedMail], None] | None
) -> None:
    visit = world.book(ask=["Clearsign"])
    leaving = claim_to(world, CLEARSIGN)
    edit(world, visit, wall=time(10, 0))
    if returns is not None:
        returns(world, leaving)
    tick_later(world)

    assert [kind for kind, _state in kinds(world, CLEARSIGN)] == [INVITE, INVITE]


@pytest.mark.parametrize(
    "returns",
    [sent, refused, dropped, cut_off, None],
    ids=["sent", "refused", "dropped", "in doubt", "lease lost"],
)
@pytest.mark.parametrize("change", [cancel, lambda world, visit: edit(world, visit, wall=time(10, 0))])
def test_a_winner_whose_confirmation_is_on_its_way_is_cancelled_once_whatever_becomes_of_it(
    world_on_either: World,
    change: Callable[[World, int], None],
    returns: Callable[[World, ClaimedMail], None] | None,
) -> None:
    """Whoever has accepted has read so on the page."""
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    leaving = claim_to(world, CLEARSIGN)
    change(world, visit)
    if returns is not None:
        returns(world, leaving)
    tick_later(world)

    assert told(world, "Clearsign").count(OVER) == 1
    assert len(world.outbox(MailKind.CANCELLATION)) == 1


def test_the_cancellation_of_a_confirmation_that_left_late_knows_its_calendar_entry(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    leaving = claim_to(world, CLEARSIGN)
    cancel(world, visit)
    sent(world, leaving)
    world.tick()

    assert "METHOD:CANCEL" in str(next(iter(world.open_mail(to=CLEARSIGN).message.iter_attachments())).get_content())


@pytest.mark.parametrize("returns", [sent, dropped, None], ids=["sent", "dropped", "lease lost"])
def test_filled_on_its_way_is_not_lost_when_its_request_is_withdrawn(
    world_on_either: World, returns: Callable[[World, ClaimedMail], None] | None
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(visit, "Clearsign")
    leaving = claim_to(world, NORTHLIGHT)
    cancel(world, visit)
    if returns is not None:
        returns(world, leaving)
    tick_later(world)

    news = [kind for kind, state in kinds(world, NORTHLIGHT) if state is SENT and kind is not INVITE]
    assert news == ([MailKind.FILLED] if returns is sent else [TAKEN_BACK])


@pytest.mark.parametrize("returns", [sent, cut_off, None], ids=["sent", "in doubt", "lease lost"])
def test_a_second_invite_on_its_way_when_its_company_is_no_longer_chosen_ends_in_one_piece_of_news(
    world: World, returns: Callable[[World, ClaimedMail], None] | None
) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, wall=time(10, 0))
    leaving = claim_to(world, NORTHLIGHT)
    edit(world, visit, ask=["Clearsign"])
    if returns is not None:
        returns(world, leaving)
    tick_later(world)

    assert told(world, "Northlight").count(NOTHING) == 1


def test_a_second_invite_that_is_dropped_on_its_way_leads_to_news_of_the_first(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, wall=time(10, 0))
    leaving = claim_to(world, NORTHLIGHT)
    edit(world, visit, ask=["Clearsign"])
    dropped(world, leaving)
    world.tick()

    assert told(world, "Northlight") == [ASKED, NOTHING]
    assert "09:30–10:15 PST" in world.open_mail(to=NORTHLIGHT).text


@pytest.mark.parametrize("fails", [refused, given_up])
def test_a_second_invite_that_never_arrives_leads_to_news_of_the_first(
    world_on_either: World, fails: Callable[[World, ClaimedMail], None]
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, wall=time(10, 0))
    fails(world, claim_to(world, NORTHLIGHT))
    tick_later(world)

    assert told(world, "Northlight") == [ASKED, NOTHING]
    assert "09:30–10:15 PST" in world.open_mail(to=NORTHLIGHT).text


def test_a_second_invite_that_never_left_before_another_company_won_leads_to_news_of_the_first(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, wall=time(10, 0))
    world.accept(visit, "Clearsign")
    world.tick()

    assert told(world, "Northlight") == [ASKED, NOTHING]


def test_a_confirmation_on_its_way_while_one_date_leaves_is_followed_by_an_update(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world, ask=["Clearsign"])
    world.tick()
    world.accept(series[0], "Clearsign")
    leaving = claim_to(world, CLEARSIGN)
    cancel(world, series[2])
    sent(world, leaving)
    world.tick()

    assert told(world, "Clearsign")[-1] == lost(1)


def test_a_confirmation_that_waits_while_one_date_leaves_says_how_things_are_and_needs_no_update(world: World) -> None:
    series = book_series(world, ask=["Clearsign"])
    world.tick()
    world.accept(series[0], "Clearsign")
    cancel(world, series[2])
    world.tick()

    assert told(world, "Clearsign") == [ASKED, WON]
    assert "Tue 8 Dec 2026" not in world.open_mail(to=CLEARSIGN).text


@pytest.mark.parametrize("returns", [sent, dropped, None], ids=["sent", "dropped", "lease lost"])
def test_an_update_on_its_way_while_the_last_future_date_leaves_a_partly_past_series_ends_in_a_cancellation(
    world: World, returns: Callable[[World, ClaimedMail], None] | None
) -> None:
    series = book_series(world, ask=["Clearsign"])
    world.tick()
    world.accept(series[0], "Clearsign")
    world.tick()
    world.pass_time(days=10)
    cancel(world, series[4])
    leaving = claim_to(world, CLEARSIGN)
    world.pass_time(seconds=1)
    ask_again(world, series[2], reach=ALL, ask=["Lumen"])
    if returns is not None:
        returns(world, leaving)
    tick_later(world)

    assert told(world, "Clearsign") == [ASKED, WON, OVER]


def test_a_mail_server_that_is_away_loses_nothing_of_many_changes(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.post.close()
    world.accept(visit, "Clearsign")
    edit(world, visit, wall=time(10, 0))
    world.pass_time(minutes=1)
    edit(world, visit, ask=["Clearsign", "Lumen"])
    world.tick()
    cancel(world, visit)
    world.post.open()
    world.pass_time(seconds=timedelta(minutes=2).total_seconds())
    world.tick()

    assert told(world, "Clearsign") == [ASKED, OVER]
    assert told(world, "Northlight") == told(world, "Bridgeway") == [ASKED, NOTHING]
    assert told(world, "Lumen") == []
    assert set(mail_states(world, MailKind.CONFIRMATION).values()) == {DROPPED}
