"""Cancelling a visit: who is told, what is dead, and until when it can be done; asking again stands in its own file."""

from datetime import time, timedelta

import pytest

from shared.actions.changes import ChangeOutcome
from shared.changes import ChangeKind
from shared.db import reading
from shared.errors import DomainError, NotFoundError
from shared.models import Appointment
from shared.queries.meetings import conference_of_pin
from shared.states import MailKind, MailState, RequestState, Role, VisitStatus
from tests.actions.changing import (
    NOT_VALID,
    calendars,
    cancel,
    confirm,
    edit,
    promise,
    requests_of,
    told,
    uids,
    visit_of,
    wish,
)
from tests.actions.desk import mail_states, snapshot
from tests.world import World

ASKED, FILLED, NOTHING = "Request for ASL Interpreter", "Filled, nothing to do", "Withdrawn, nothing to do"
WON, OVER = "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter"


def test_of_a_pending_visit_everybody_who_was_asked_is_told_and_every_link_is_dead(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.decline(visit, "Bridgeway")
    cancel(world, visit)
    page = world.open_mail(to="Clearsign").open()
    world.tick()

    assert (page.status_code, NOT_VALID in page.text) == (410, True)
    assert requests_of(world, visit) == [RequestState.CANCELLED]
    assert visit_of(world, visit).status is VisitStatus.CANCELLED
    assert world.badge(visit) == "Cancelled"
    assert [told(world, company) for company in ("Clearsign", "Northlight", "Bridgeway")] == [
        [ASKED, NOTHING], [ASKED, NOTHING], [ASKED],
    ]  # fmt: skip
    assert "you accept" not in world.open_mail(to="Clearsign").text.lower()


def test_of_an_accepted_visit_the_winner_is_told_with_a_calendar_cancel_and_losers_nothing_more(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    confirmation = world.open_mail(to="Clearsign")
    cancel(world, visit, why="The patient is ill")
    assert confirmation.open("meet").status_code == 410
    world.tick()

    assert told(world, "Clearsign") == [ASKED, WON, OVER]
    assert told(world, "Northlight") == [ASKED, FILLED]
    [calendar] = calendars(world.open_mail(to="Clearsign"))
    assert calendar["METHOD"] == "CANCEL"
    assert [event["SEQUENCE"] for event in calendar.walk("VEVENT")] == [1]
    assert uids(world.open_mail(to="Clearsign")) == uids(confirmation)
    assert visit_of(world, visit).cancel_reason == "The patient is ill"
    assert not any("ill" in message.as_string().split() for message in world.post.received)
    assert not any("The patient is ill" in repr(vars(line)) for line in world.trail())


def test_before_any_mail_has_left_nobody_hears_of_the_visit_at_all(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    cancel(world, visit)
    world.tick()

    assert world.post.received == []
    assert set(mail_states(world, MailKind.INVITE).values()) == {MailState.DROPPED}


def test_right_after_an_edit_companies_that_hold_the_first_question_are_told(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, wall=time(10, 0))  # its invites wait in the outbox
    cancel(world, visit)
    world.tick()

    assert told(world, "Clearsign") == told(world, "Northlight") == [ASKED, NOTHING]
    assert "09:30–10:15 PST" in world.open_mail(to="Clearsign").text


def test_a_winner_that_was_asked_anew_and_not_reached_is_told_once_that_it_is_over(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(visit, "Clearsign")
    edit(world, visit, wall=time(10, 0))
    cancel(world, visit)
    world.tick()

    assert told(world, "Clearsign") == [ASKED, OVER]
    assert told(world, "Northlight") == [ASKED, NOTHING]


def test_a_visit_nobody_was_asked_for_is_cancelled_without_mail(world: World) -> None:
    visit = world.book()
    cancel(world, visit)
    world.tick()

    assert world.badge(visit) == "Cancelled"
    assert world.post.received == []


@pytest.mark.parametrize("left", [timedelta(milliseconds=1), timedelta(), -timedelta(milliseconds=1)])
def test_a_visit_can_be_cancelled_until_its_end(world: World, left: timedelta) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    world.now = visit_of(world, visit).ends_at - left
    if left > timedelta():
        cancel(world, visit)
        world.tick()
        assert told(world, "Clearsign")[-1] == OVER
    else:
        with pytest.raises(DomainError, match="is over"):
            wish(world, visit, ChangeKind.CANCEL)


def test_a_closed_request_stays_closed_and_its_companies_hear_nothing(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.decline(visit, "Clearsign")
    cancel(world, visit)
    world.tick()

    assert requests_of(world, visit) == [RequestState.ALL_DECLINED]
    assert told(world, "Clearsign") == [ASKED]


def test_the_pin_of_a_cancelled_visit_opens_no_room(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    with world.jobs.app_context(), reading() as session:
        pin = session.get_one(Appointment, visit_of(world, visit).appointment_id).pin
    with world.jobs.app_context():
        assert conference_of_pin(pin, now=world.now)
    cancel(world, visit)

    with world.jobs.app_context():
        assert conference_of_pin(pin, now=world.now) is None


def test_confirm_pressed_twice_cancels_once(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    wanted = wish(world, visit, ChangeKind.CANCEL)
    promised = promise(world, wanted)
    assert confirm(world, wanted, promised).outcome is ChangeOutcome.CHANGED
    rows = snapshot(world)

    assert confirm(world, wanted, promised).outcome is ChangeOutcome.ALREADY_MADE
    assert snapshot(world) == rows


def test_a_cancelled_visit_is_not_cancelled_again(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    cancel(world, visit)
    with pytest.raises(DomainError, match="is cancelled"):
        wish(world, visit, ChangeKind.CANCEL)


def test_only_who_may_change_the_visit_may_cancel_it(world: World) -> None:
    other = world.add_user(Role.PROVIDER, "Ana Alvarez")
    visit = world.book(ask=["Clearsign"], provider_id=other)
    wanted = wish(world, visit, ChangeKind.CANCEL)
    promised = promise(world, wanted)
    rows = snapshot(world)
    with pytest.raises(NotFoundError):
        confirm(world, wanted, promised, by=Role.PROVIDER)
    with pytest.raises(DomainError):
        confirm(world, wanted, promised, by=Role.STAFF)

    assert snapshot(world) == rows
