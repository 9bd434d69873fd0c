"""What holds even if the code above it fails: conditions in the writes themselves, and constraints of the tables."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from shared import outbox
from shared.actions import claim_mail, mark_mail_refused, mark_mail_sent
from shared.actions._moves import addresses_of, win
from shared.db import transaction
from shared.models import Appointment, Invite, InviteAddress, Mail, Request
from shared.states import Answer, MailKind, MailState, RequestState
from tests.actions.desk import snapshot
from tests.faults.racing import racers
from tests.rules.answer_table import MILLISECOND
from tests.world import World


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("moment", [-MILLISECOND, timedelta(), MILLISECOND], ids=["before", "at", "after"])
def test_the_winning_write_itself_asks_for_a_pending_request_before_its_deadline(
    world: World, state: RequestState, moment: timedelta
) -> None:
    visit = world.book(ask=["Clearsign"])
    request = world.request_of(visit)
    world.change(Request, request.id, state=state)
    with world.jobs.app_context(), transaction() as session:
        won = win(session, session.get_one(Request, request.id), now=request.deadline + moment)

    assert won == (state is RequestState.PENDING and moment < timedelta())
    assert world.request_of(visit).state is (RequestState.ACCEPTED if won else state)


def test_of_twenty_winning_writes_at_once_without_any_lock_one_wins(world_on_either: World) -> None:
    world = world_on_either
    request = world.request_of(world.book(ask=["Clearsign"]))

    def write() -> bool:
        with transaction() as session:
            return win(session, session.get_one(Request, request.id), now=world.now)

    with racers(world, 20) as group:
        assert Counter(group.race([write] * 20)) == {True: 1, False: 19}


def test_a_mail_that_is_settled_is_not_settled_again_even_under_its_own_lease(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    with world.jobs.app_context():
        claimed = claim_mail(owner="worker", now=world.now)
        assert claimed is not None
        world.change(Mail, claimed.id, state=MailState.SENT)
        before = snapshot(world)

        assert not mark_mail_sent(claimed, now=world.now)
        assert not mark_mail_refused(claimed, error="550", nobody_there=True, now=world.now)
    assert snapshot(world) == before


def test_no_request_can_have_two_accepted_invites(world_on_either: World) -> None:
    world = world_on_either
    first, second = world.invites_of(world.book(ask=["Clearsign", "Northlight"]))
    world.change(Invite, first.id, answer=Answer.ACCEPTED)

    with pytest.raises(IntegrityError):
        world.change(Invite, second.id, answer=Answer.ACCEPTED)
    world.change(Invite, second.id, answer=Answer.DECLINED)


def test_the_same_mail_can_not_be_queued_twice(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    invite, request = world.invites_of(visit)[0], world.request_of(visit)

    def queue() -> None:
        with world.jobs.app_context(), transaction() as session:
            outbox.queue_to_company(
                session, MailKind.CONFIRMATION, request, addresses_of(session, invite.id), now=world.now
            )
            outbox.queue_to_clinic(session, MailKind.CLINIC_ACCEPTED, request, now=world.now)

    queue()
    for _ in range(2):
        with pytest.raises(IntegrityError):
            queue()
    assert len(world.outbox()) == 1 + 1 + 2


@pytest.mark.parametrize(
    ("table", "same"),
    [
        (Appointment, {"number": 10001}),
        (Appointment, {"pin": "first"}),
        (Appointment, {"room": "first"}),
    ],
)
def test_numbers_pins_and_rooms_are_unique(
    world_on_either: World, table: type[Appointment], same: dict[str, object]
) -> None:
    world = world_on_either
    world.book()
    world.book()
    world.change(table, 1, pin="first", room="first")

    with pytest.raises(IntegrityError):
        world.change(table, 2, **same)


@pytest.mark.parametrize("table", [Request, Invite, InviteAddress, Appointment])
def test_nothing_that_others_point_to_can_be_deleted(world_on_either: World, table: type[Request]) -> None:
    world = world_on_either
    world.accept(world.book(ask=["Clearsign"]), "Clearsign")

    with world.jobs.app_context(), pytest.raises(IntegrityError), transaction() as session:
        session.execute(delete(table))


def test_a_state_that_does_not_exist_can_not_be_stored(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])

    with world.jobs.app_context(), pytest.raises(IntegrityError), transaction() as session:
        session.connection().exec_driver_sql("update request set state = 'maybe'")


def test_an_instant_without_a_zone_is_refused(world: World) -> None:
    request = world.request_of(world.book(ask=["Clearsign"]))

    with pytest.raises(Exception, match="An instant must be aware"):
        world.change(Request, request.id, deadline=request.deadline.replace(tzinfo=None))
