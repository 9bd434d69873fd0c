"""The last answers, bounces and confirmations at the same moment: one closing, one mail, no request left behind."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from shared.actions import (
    AnswerOutcome,
    ConfirmOutcome,
    Preview,
    accept_invite,
    confirm_visit,
    decline_invite,
    expire_request,
    give_decline_reason,
    mark_mail_refused,
    mark_mail_sent,
    note_opening,
)
from shared.queries import plan_visit
from shared.states import MailKind, MailState, RequestState
from tests.actions.desk import claim_to, snapshot, state_of
from tests.faults.racing import Racers, deliver_all, racers
from tests.world import World

ROUNDS = {True: 6, False: 20}
"""A gate makes each round as close as can be; without one, many are needed."""

GATED = pytest.mark.parametrize("gated", [True, False], ids=["waiting for the row", "freely"])


def mails_of(world: World, visit: int, kind: MailKind) -> list[str]:
    """Whom mails of this kind about the visit's request go to."""
    request_id = world.request_of(visit).id
    return [mail.recipient for mail in world.outbox(kind) if mail.request_id == request_id]


def last_two_declines(world: World, group: Racers, *, gated: bool) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    deliver_all(world)
    deeds = [
        partial(decline_invite, world.link(visit, company), responder="T. Boyle", now=world.now)
        for company in ("Clearsign", "Northlight")
    ]
    outcomes = group.race(deeds, gate=world.request_of(visit).id if gated else 0)

    assert outcomes == [AnswerOutcome.TAKEN] * 2
    assert state_of(world, visit) is RequestState.ALL_DECLINED
    assert len(mails_of(world, visit, MailKind.CLINIC_ALL_DECLINED)) == 2


@GATED
def test_the_last_two_declines_at_once_close_the_request_once(world_on_either: World, *, gated: bool) -> None:
    with racers(world_on_either, 2) as group:
        for _ in range(ROUNDS[gated]):
            last_two_declines(world_on_either, group, gated=gated)


@pytest.mark.soak
def test_the_last_two_declines_at_once_close_the_request_once_200_times(
    world_on_either: World, record_property: Callable[[str, object], None]
) -> None:
    with racers(world_on_either, 2) as group:
        for _ in range(200):
            last_two_declines(world_on_either, group, gated=False)
    record_property("figure", "200 rounds")


@GATED
@pytest.mark.parametrize("answer", [accept_invite, decline_invite])
def test_a_companys_answer_and_the_bounce_of_its_last_mail_at_once_end_in_one_state(
    world_on_either: World, answer: Callable[..., AnswerOutcome], *, gated: bool
) -> None:
    world = world_on_either
    said = RequestState.ACCEPTED if answer is accept_invite else RequestState.ALL_DECLINED
    with racers(world, 2) as group:
        for _ in range(ROUNDS[gated]):
            visit = world.book(ask=["Clearsign"])
            bouncing = claim_to(world, "dispatch@clearsign.example")
            deeds: list[Callable[[], Any]] = [
                partial(answer, world.link(visit, "Clearsign"), responder="T. Boyle", now=world.now),
                partial(mark_mail_refused, bouncing, error="552", nobody_there=False, now=world.now),
            ]
            outcomes = group.race(deeds, gate=world.request_of(visit).id if gated else 0)

            ends = (outcomes[0], state_of(world, visit), len(mails_of(world, visit, MailKind.CLINIC_UNDELIVERABLE)))
            assert ends in {
                (AnswerOutcome.TAKEN, said, 0),
                (AnswerOutcome.REFUSED, RequestState.UNDELIVERABLE, 2),
            }
            deliver_all(world)


@GATED
def test_the_last_decline_and_the_last_bounce_at_once_close_the_request_as_declined(
    world_on_either: World, *, gated: bool
) -> None:
    world = world_on_either
    with racers(world, 2) as group:
        for _ in range(ROUNDS[gated]):
            visit = world.book(ask=["Clearsign", "Northlight"])
            bouncing = claim_to(world, "dispatch@northlight.example")
            deeds: list[Callable[[], Any]] = [
                partial(decline_invite, world.link(visit, "Clearsign"), responder="T. Boyle", now=world.now),
                partial(mark_mail_refused, bouncing, error="552", nobody_there=False, now=world.now),
            ]
            assert group.race(deeds, gate=world.request_of(visit).id if gated else 0) == [AnswerOutcome.TAKEN, True]

            assert state_of(world, visit) is RequestState.ALL_DECLINED
            assert len(mails_of(world, visit, MailKind.CLINIC_ALL_DECLINED)) == 2
            deliver_all(world)


@GATED
def test_an_invite_that_leaves_while_another_company_wins_is_always_followed_by_filled(
    world_on_either: World, *, gated: bool
) -> None:
    world = world_on_either
    with racers(world, 2) as group:
        for _ in range(ROUNDS[gated]):
            visit = world.book(ask=["Clearsign", "Northlight"])
            leaving = claim_to(world, "dispatch@northlight.example")
            deeds: list[Callable[[], Any]] = [
                partial(accept_invite, world.link(visit, "Clearsign"), responder="T. Boyle", now=world.now),
                partial(mark_mail_sent, leaving, now=world.now),
            ]
            assert group.race(deeds, gate=world.request_of(visit).id if gated else 0) == [AnswerOutcome.TAKEN, True]

            assert mails_of(world, visit, MailKind.FILLED) == ["dispatch@northlight.example"]
            deliver_all(world)


def test_two_expiry_jobs_at_once_tell_the_clinic_once(world_on_either: World) -> None:
    world = world_on_either
    with racers(world, 4) as group:
        for _ in range(5):
            visit = world.book(ask=["Clearsign"])
            deliver_all(world)
            request = world.request_of(visit)
            outcomes = group.race([partial(expire_request, request.id, now=request.deadline)] * 4, gate=request.id)

            assert Counter(outcomes) == {True: 1, False: 3}
            assert len(mails_of(world, visit, MailKind.CLINIC_EXPIRED)) == 2


def test_eight_confirms_of_one_preview_at_once_make_one_visit(world_on_either: World) -> None:
    world = world_on_either
    scope, draft = world.clinic.scope(), world.draft(ask=["Clearsign", "Northlight"])
    with world.jobs.app_context():
        preview = Preview("key", draft.digest(), plan_visit(scope, draft, now=world.now).company_ids)
    with racers(world, 8) as group:
        results = group.race([partial(confirm_visit, scope, draft, preview, now=world.now)] * 8)

    assert Counter(result.outcome for result in results) == {
        ConfirmOutcome.CREATED: 1,
        ConfirmOutcome.ALREADY_MADE: 7,
    }
    assert len({result.visit_id for result in results}) == 1
    assert len(world.outbox()) == 2


def test_eight_previews_confirmed_at_once_get_eight_numbers_without_gaps(world_on_either: World) -> None:
    world = world_on_either
    scope, draft = world.clinic.scope(), world.draft()
    previews = [Preview(f"key-{number}", draft.digest(), ()) for number in range(8)]
    with racers(world, 8) as group:
        results = group.race([partial(confirm_visit, scope, draft, preview, now=world.now) for preview in previews])

    assert {result.outcome for result in results} == {ConfirmOutcome.CREATED}
    assert [row[2] for row in snapshot(world)["appointment"]] == list(range(10001, 10009))


def test_a_link_opened_by_many_at_once_is_noted_once_and_a_reason_is_taken_once(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    link = world.link(visit, "Clearsign")
    with racers(world, 8) as group:
        group.race([partial(note_opening, link, now=world.now)] * 8)
        assert len(snapshot(world)["invite_opening"]) == 1

        world.decline(visit, "Clearsign")
        reasons = [f"Reason {number}" for number in range(8)]
        taken = group.race([partial(give_decline_reason, link, reason=reason, now=world.now) for reason in reasons])

    assert Counter(taken) == {True: 1, False: 7}
    assert world.invites_of(visit)[0].decline_reason == reasons[taken.index(True)]
    assert {mail.state for mail in world.outbox()} == {MailState.QUEUED}
