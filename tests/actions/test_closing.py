"""How a request closes without a winner, and who is told."""

from datetime import timedelta

import pytest

from shared.actions import AnswerOutcome, mark_mail_refused
from shared.jobs import expire_due_requests
from shared.models import User
from shared.queries import invite_page
from shared.rules import InviteCase
from shared.states import MailKind, MailState, RequestState, Role
from tests.actions.desk import CONTACT, NAMED, PROVIDER, SCHEDULER, claim_to, mail_states, press, snapshot, state_of
from tests.rules.answer_table import MILLISECOND
from tests.world import World

CLINIC = (PROVIDER, SCHEDULER, CONTACT)


def news(world: World) -> dict[str, list[str]]:
    """What the clinic's people read, by address; addresses without mail are left out."""
    return {to: world.subjects(to=to) for to in CLINIC if world.subjects(to=to)}


def test_when_the_last_company_declines_the_request_closes_once_and_each_person_gets_one_mail(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.decline(visit, "Clearsign")
    assert state_of(world, visit) is RequestState.PENDING
    assert world.badge(visit) == "Pending Request"

    world.decline(visit, "Northlight")
    for _ in range(3):
        world.tick()

    assert state_of(world, visit) is RequestState.ALL_DECLINED
    assert world.badge(visit) == "Not Accepted"
    assert news(world) == {to: [f"All companies declined · {NAMED}"] for to in (PROVIDER, SCHEDULER)}


def test_a_provider_who_confirmed_gets_one_mail_not_two(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"], by=Role.PROVIDER)
    world.decline(visit, "Clearsign")
    world.tick()

    assert news(world) == {PROVIDER: [f"All companies declined · {NAMED}"]}


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ((Role.PROVIDER,), [SCHEDULER]),
        ((Role.SCHEDULER,), [PROVIDER]),
        ((Role.PROVIDER, Role.SCHEDULER), [CONTACT]),
    ],
)
def test_whoever_left_the_clinic_is_not_told_and_with_nobody_left_the_clinics_own_address_is(
    world_on_either: World, gone: tuple[Role, ...], told: list[str]
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    for role in gone:
        world.change(User, world.clinic.users[role], active=False)
    world.decline(visit, "Clearsign")
    world.tick()

    assert news(world) == {to: [f"All companies declined · {NAMED}"] for to in told}


def test_when_no_mail_can_be_delivered_the_request_is_undeliverable_at_once(world_on_either: World) -> None:
    world = world_on_either
    for company in ("clearsign", "northlight"):
        world.post.replies[f"dispatch@{company}.example"] = "550 No such user"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.tick()

    assert state_of(world, visit) is RequestState.UNDELIVERABLE
    assert world.badge(visit) == "Not Accepted"
    assert news(world) == {to: [f"Request could not be delivered · {NAMED}"] for to in (PROVIDER, SCHEDULER)}


@pytest.mark.parametrize("bounce_first", [True, False], ids=["bounce, then decline", "decline, then bounce"])
def test_a_decline_and_a_bounce_close_the_request_as_declined_whichever_comes_last(
    world_on_either: World, *, bounce_first: bool
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    bouncing = claim_to(world, "dispatch@northlight.example")

    def bounce() -> None:
        with world.jobs.app_context():
            mark_mail_refused(bouncing, error="RCPT: 550", nobody_there=True, now=world.now)

    def decline() -> None:
        assert world.decline(visit, "Clearsign") is AnswerOutcome.TAKEN

    first, second = (bounce, decline) if bounce_first else (decline, bounce)
    first()
    assert state_of(world, visit) is RequestState.PENDING
    second()

    assert state_of(world, visit) is RequestState.ALL_DECLINED
    assert len(world.outbox(MailKind.CLINIC_ALL_DECLINED)) == 2


def test_one_bounced_address_of_two_leaves_the_company_asked(world_on_either: World) -> None:
    world = world_on_either
    world.add_company("Handwave", emails=["one@handwave.example", "two@handwave.example"])
    world.post.replies["one@handwave.example"] = "550 No such user"
    visit = world.book(ask=["Handwave"])
    world.tick()

    assert state_of(world, visit) is RequestState.PENDING
    assert world.accept(visit, "Handwave", email="two@handwave.example") is AnswerOutcome.TAKEN


def test_a_company_whose_mail_bounced_may_still_answer_while_others_are_asked(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies["dispatch@clearsign.example"] = "550 No such user"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()

    assert world.accept(visit, "Clearsign") is AnswerOutcome.TAKEN
    assert state_of(world, visit) is RequestState.ACCEPTED


def test_a_request_that_nobody_answers_expires_with_one_mail_to_each(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.now = world.request_of(visit).deadline
    for _ in range(3):
        world.tick()

    assert state_of(world, visit) is RequestState.EXPIRED
    assert news(world) == {to: [f"Request expired, nobody accepted · {NAMED}"] for to in (PROVIDER, SCHEDULER)}


def test_a_millisecond_before_the_deadline_nothing_expires(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.now = world.request_of(visit).deadline - MILLISECOND
    world.tick()

    assert state_of(world, visit) is RequestState.PENDING


def test_expiring_twice_does_nothing_the_second_time(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.now = world.request_of(visit).deadline
    with world.jobs.app_context():
        expire_due_requests()
        rows = snapshot(world)
        world.pass_time(hours=1)
        expire_due_requests()

    assert snapshot(world) == rows


def test_while_no_job_runs_late_answers_are_refused_and_the_badge_is_right_and_afterwards_one_mail_goes_out(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.now = world.request_of(visit).deadline + timedelta(days=1)
    link = world.link(visit, "Clearsign")

    assert world.badge(visit) == "Not Accepted"
    assert press(world, link, "accept").status_code == 410
    with world.jobs.app_context():
        page = invite_page(link, now=world.now)
    assert page is not None
    assert page.case is InviteCase.CLOSED
    assert state_of(world, visit) is RequestState.PENDING  # nobody wrote to it yet

    world.tick()
    world.tick()
    assert state_of(world, visit) is RequestState.EXPIRED
    assert news(world) == {to: [f"Request expired, nobody accepted · {NAMED}"] for to in (PROVIDER, SCHEDULER)}


def test_a_request_of_which_no_mail_has_left_by_the_deadline_is_undeliverable_and_its_invites_never_leave(
    world_on_either: World,
) -> None:
    world = world_on_either
    world.post.close()
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.now = world.request_of(visit).deadline
    world.tick()
    assert state_of(world, visit) is RequestState.UNDELIVERABLE

    world.post.open()
    world.pass_time(minutes=2)
    world.tick()
    assert news(world) == {to: [f"Request could not be delivered · {NAMED}"] for to in (PROVIDER, SCHEDULER)}
    assert len(world.post.received) == 2
    assert set(mail_states(world, MailKind.INVITE).values()) == {MailState.DROPPED}


def test_whoever_writes_first_after_the_deadline_closes_the_request_as_expired(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.decline(visit, "Clearsign")
    world.now = world.request_of(visit).deadline

    assert world.decline(visit, "Northlight") is AnswerOutcome.REFUSED

    assert state_of(world, visit) is RequestState.EXPIRED
    assert {mail.kind for mail in world.outbox()} == {MailKind.INVITE, MailKind.CLINIC_EXPIRED}


def test_a_bounce_after_closing_marks_the_mails_row_only(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    late = claim_to(world, "dispatch@northlight.example")
    world.accept(visit, "Clearsign")
    before = snapshot(world, without=("mail", "audit_entry", "company_address"))

    with world.jobs.app_context():
        assert mark_mail_refused(late, error="RCPT: 550", nobody_there=True, now=world.now)

    assert snapshot(world, without=("mail", "audit_entry", "company_address")) == before
    assert state_of(world, visit) is RequestState.ACCEPTED
    assert mail_states(world, MailKind.INVITE)["dispatch@northlight.example"] is MailState.BOUNCED
