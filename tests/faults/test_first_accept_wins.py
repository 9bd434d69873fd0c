"""Exactly one company wins, whatever the number of simultaneous clicks; and the proof that this check can fail."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import select, update

from shared.actions import AnswerOutcome, accept_invite, decline_invite, expire_request
from shared.db import reading, transaction
from shared.models import Invite, InviteAddress, Request
from shared.states import Answer, MailKind, RequestState
from shared.tokens import VerifiedLink
from tests.actions.desk import path_of, press, state_of
from tests.faults.racing import ask_many, check_one_winner, deliver_all, held, racers, wait_for_waiters
from tests.rules.answer_table import MILLISECOND
from tests.world import World

Accept = Callable[..., AnswerOutcome]


def naive_accept(link: VerifiedLink, **_values: object) -> AnswerOutcome:
    """How it must not be done: read that it is pending, then write that it is accepted."""
    with reading() as session:
        found = select(Request).join(Invite).join(InviteAddress)
        request = session.scalars(found.where(InviteAddress.link_id == link.public_id)).one()
    if request.state is not RequestState.PENDING:
        return AnswerOutcome.REFUSED
    time.sleep(0.002)  # a page is read, a form is checked
    with transaction() as session:
        session.execute(update(Request).where(Request.id == request.id).values(state=RequestState.ACCEPTED))
    return AnswerOutcome.TAKEN


def accepts(world: World, links: Sequence[VerifiedLink], action: Accept) -> list[Callable[[], AnswerOutcome]]:
    return [partial(action, link, responder=f"R{number}", now=world.now) for number, link in enumerate(links)]


def check_rows_of_one_winner(world: World, visit: int, outcomes: Sequence[AnswerOutcome]) -> None:
    """The rows tell the same story as the answers, and each company was told once."""
    invites = world.invites_of(visit)
    request_id = world.request_of(visit).id
    winner = outcomes.index(AnswerOutcome.TAKEN)
    assert [number for number, invite in enumerate(invites) if invite.answer is Answer.ACCEPTED] == [winner]
    assert state_of(world, visit) is RequestState.ACCEPTED
    mails = [mail for mail in world.outbox() if mail.request_id == request_id]
    assert [mail.invite_id for mail in mails if mail.kind is MailKind.CONFIRMATION] == [invites[winner].id]
    others = [invite.id for number, invite in enumerate(invites) if number != winner]
    assert sorted(mail.invite_id or 0 for mail in mails if mail.kind is MailKind.FILLED) == others
    assert len([mail for mail in mails if mail.kind is MailKind.CLINIC_ACCEPTED]) == 2


def test_of_fifty_companies_that_accept_at_once_one_wins(world_on_either: World) -> None:
    world = world_on_either
    visit, links = ask_many(world, 50)
    with racers(world, 50) as group:
        outcomes = group.race(accepts(world, links, accept_invite))

    check_one_winner(outcomes)
    check_rows_of_one_winner(world, visit, outcomes)


def test_of_eight_companies_that_wait_for_the_same_row_one_wins(world_on_either: World) -> None:
    world = world_on_either
    with racers(world, 8) as group:
        for _ in range(5):
            visit, links = ask_many(world, 8)
            outcomes = group.race(accepts(world, links, accept_invite), gate=world.request_of(visit).id)
            check_one_winner(outcomes)
            check_rows_of_one_winner(world, visit, outcomes)


def test_the_check_finds_two_winners_when_accepting_reads_first_and_writes_then(world_on_either: World) -> None:
    world = world_on_either
    with racers(world, 20) as group:
        _visit, links = ask_many(world, 20)
        outcomes = group.race(accepts(world, links, naive_accept))

    with pytest.raises(AssertionError):
        check_one_winner(outcomes)


@pytest.mark.parametrize("gated", [True, False], ids=["waiting for the row", "freely"])
def test_of_two_colleagues_who_answer_differently_at_once_the_first_counts(
    world_on_either: World, *, gated: bool
) -> None:
    world = world_on_either
    emails = ["one@handwave.example", "two@handwave.example"]
    world.add_company("Handwave", emails=emails)
    with racers(world, 2) as group:
        for _ in range(6 if gated else 12):
            visit = world.book(ask=["Handwave", "Northlight"])
            yes, no = (world.link(visit, "Handwave", email=email) for email in emails)
            outcomes = group.race(
                [
                    partial(accept_invite, yes, responder="Ada", now=world.now),
                    partial(decline_invite, no, responder="Ben", now=world.now),
                ],
                gate=world.request_of(visit).id if gated else 0,
            )
            check_one_winner(outcomes)
            accepted = outcomes[0] is AnswerOutcome.TAKEN
            invite = world.invites_of(visit)[0]
            assert (invite.answer, invite.responder) == (
                (Answer.ACCEPTED, "Ada") if accepted else (Answer.DECLINED, "Ben")
            )
            assert state_of(world, visit) is (RequestState.ACCEPTED if accepted else RequestState.PENDING)


@pytest.mark.parametrize("gated", [True, False], ids=["waiting for the row", "freely"])
def test_an_acceptance_and_the_expiry_at_once_end_in_one_of_the_two(world_on_either: World, *, gated: bool) -> None:
    race_with_expiry(world_on_either, rounds=6 if gated else 20, gated=gated)


@pytest.mark.soak
def test_an_acceptance_and_the_expiry_at_once_end_in_one_of_the_two_500_times(
    world_on_either: World, record_property: Callable[[str, object], None]
) -> None:
    race_with_expiry(world_on_either, rounds=500, gated=False)
    record_property("figure", "500 rounds")


def race_with_expiry(world: World, *, rounds: int, gated: bool) -> None:
    seen = set()
    with racers(world, 2) as group:
        for number in range(rounds):
            visit = world.book(ask=["Clearsign"])
            deliver_all(world)
            request, link = world.request_of(visit), world.link(visit, "Clearsign")
            deeds: list[Callable[[], object]] = [
                partial(accept_invite, link, responder="T. Boyle", now=request.deadline - MILLISECOND),
                partial(expire_request, request.id, now=request.deadline),
            ]
            turned = number % 2 == 1
            outcomes = group.race(deeds[::-1] if turned else deeds, gate=request.id if gated else 0)
            answer, expired = outcomes[::-1] if turned else outcomes
            state = state_of(world, visit)
            seen.add((answer, expired, state))
    assert seen <= {
        (AnswerOutcome.TAKEN, False, RequestState.ACCEPTED),
        (AnswerOutcome.REFUSED, True, RequestState.EXPIRED),
    }


def test_an_answer_that_waits_for_a_lock_across_the_deadline_counts_from_when_it_came_in(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    deliver_all(world)
    request, link = world.request_of(visit), world.link(visit, "Clearsign")
    world.now = request.deadline - MILLISECOND
    with racers(world, 1) as group, held(world, request.id):
        answer = group.start(partial(press, world, link, "accept"))
        wait_for_waiters(world, 1)
        world.now = request.deadline + 5000 * MILLISECOND  # the clock goes on while it waits
    assert answer.result(10).status_code == 303

    assert state_of(world, visit) is RequestState.ACCEPTED
    assert world.vendor.get(path_of(world, link, "accept")).status_code == 200


def test_an_answer_that_comes_in_after_the_deadline_is_refused_however_early_its_page_was_opened(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    deliver_all(world)
    world.now = world.request_of(visit).deadline

    assert press(world, world.link(visit, "Clearsign"), "accept").status_code == 410
    assert state_of(world, visit) is RequestState.PENDING


@pytest.mark.soak
def test_of_a_thousand_accepts_one_wins(world_on_either: World, record_property: Callable[[str, object], None]) -> None:
    world = world_on_either
    with racers(world, 100) as group:
        for _ in range(10):
            visit, links = ask_many(world, 100)
            outcomes = group.race(accepts(world, links, accept_invite))
            check_one_winner(outcomes)
            check_rows_of_one_winner(world, visit, outcomes)
    record_property("figure", "1,000 accepts, 10 winners of 10 requests")
