"""The outbox: who is told that it is filled, what happens to mails in flight, leases, bounces."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from shared.actions import ClaimedMail, claim_mail, drop_mail, mark_mail_refused, mark_mail_sent, put_off_mail
from shared.actions.deliveries import LEASE
from shared.db import db
from shared.models import CompanyAddress, Request
from shared.queries import letter_of
from shared.sender import MARK_PAUSES_SECONDS
from shared.settings import LONGEST_MAIL_TIMEOUT_SECONDS
from shared.states import MailKind, MailState, RequestState
from tests.actions.desk import (
    NAMED,
    PROVIDER,
    SCHEDULER,
    address_of,
    claim,
    claim_to,
    mail_states,
    snapshot,
    state_of,
    wear_out,
)
from tests.world import TOMORROW, World

HOUR = timedelta(hours=1)

CLEARSIGN, NORTHLIGHT, BRIDGEWAY = (f"dispatch@{name}.example" for name in ("clearsign", "northlight", "bridgeway"))


def sent(world: World, recipient: str) -> None:
    """A worker brings this recipient's mail to the mail server."""
    claimed = claim_to(world, recipient)
    with world.jobs.app_context():
        assert mark_mail_sent(claimed, now=world.now)


def invite_on_its_way_when_another_won(world: World) -> ClaimedMail:
    """A worker holds the invite to Northlight, and Clearsign accepts."""
    visit = world.book(ask=["Clearsign", "Northlight"])
    flying = claim_to(world, NORTHLIGHT)
    world.accept(visit, "Clearsign")
    return flying


def test_filled_goes_to_those_whose_invite_left_and_the_other_invites_are_dropped(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    sent(world, CLEARSIGN)
    sent(world, NORTHLIGHT)
    world.accept(visit, "Clearsign")

    assert mail_states(world, MailKind.FILLED) == {NORTHLIGHT: MailState.QUEUED}
    assert mail_states(world, MailKind.INVITE)[BRIDGEWAY] is MailState.DROPPED
    world.tick()
    assert world.subjects(to=BRIDGEWAY) == []
    assert world.subjects(to=NORTHLIGHT) == [f"Filled, nothing to do · {NAMED}"]


def test_a_company_that_declined_is_not_told_that_it_is_filled(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.decline(visit, "Northlight")
    world.accept(visit, "Clearsign")

    assert mail_states(world, MailKind.FILLED) == {}


def test_an_invite_on_its_way_while_another_company_wins_is_followed_by_filled(world_on_either: World) -> None:
    world = world_on_either
    flying = invite_on_its_way_when_another_won(world)
    assert mail_states(world, MailKind.FILLED) == {}

    with world.jobs.app_context():
        assert mark_mail_sent(flying, now=world.now)

    assert mail_states(world, MailKind.FILLED) == {NORTHLIGHT: MailState.QUEUED}


def test_an_invite_on_its_way_that_is_put_off_meanwhile_is_dropped_and_nobody_hears_of_it(
    world_on_either: World,
) -> None:
    world = world_on_either
    flying = invite_on_its_way_when_another_won(world)
    with world.jobs.app_context():
        assert put_off_mail(flying, error="RCPT: 451", jitter=1.0, now=world.now) is MailState.DROPPED

    assert mail_states(world, MailKind.INVITE)[NORTHLIGHT] is MailState.DROPPED
    world.tick()
    assert world.subjects(to=NORTHLIGHT) == []


def test_an_invite_that_may_have_left_while_another_company_won_is_followed_by_filled_at_once(
    world_on_either: World,
) -> None:
    world = world_on_either
    flying = invite_on_its_way_when_another_won(world)
    with world.jobs.app_context():
        put_off_mail(flying, error="DATA: cut off", in_doubt=True, jitter=1.0, now=world.now)

    world.tick()
    assert world.subjects(to=NORTHLIGHT) == [f"Filled, nothing to do · {NAMED}"]


def test_the_mail_of_a_worker_that_died_is_taken_over_when_its_lease_ends_and_not_before(
    world_on_either: World,
) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    dead = claim(world, owner="dead")

    world.now += LEASE - timedelta(milliseconds=1)
    with world.jobs.app_context():
        assert claim_mail(owner="alive", now=world.now) is None
    world.now += timedelta(milliseconds=1)
    alive = claim(world, owner="alive")

    assert alive.id == dead.id
    assert [(mail.attempts, mail.in_doubt) for mail in world.outbox()] == [(2, True)]


def test_a_lease_holds_for_longer_than_the_longest_talk_and_than_the_tries_to_write_down_what_came_of_it() -> None:
    answers = 4  # to MAIL, RCPT, DATA and the message itself; the connection is there before the claim

    assert answers * timedelta(seconds=LONGEST_MAIL_TIMEOUT_SECONDS) < LEASE
    assert timedelta(seconds=sum(MARK_PAUSES_SECONDS)) < LEASE / 2


@pytest.mark.parametrize("what", ["sent", "refused", "put off", "dropped"])
def test_a_worker_that_comes_back_after_its_lease_went_to_another_settles_nothing(
    world_on_either: World, what: str
) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    late = claim(world, owner="late")
    world.now += LEASE
    holder = claim(world, owner="holder")
    rows = snapshot(world)

    with world.jobs.app_context():
        settled = {
            "sent": lambda: mark_mail_sent(late, now=world.now),
            "refused": lambda: mark_mail_refused(late, error="550", nobody_there=True, now=world.now),
            "put off": lambda: put_off_mail(late, error="451", jitter=1.0, now=world.now),
            "dropped": lambda: drop_mail(late, now=world.now),
        }[what]()
        assert not settled
        assert snapshot(world) == rows
        assert mark_mail_sent(holder, now=world.now)


def test_a_settled_mail_can_not_be_settled_again(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    claimed = claim(world)
    with world.jobs.app_context():
        assert mark_mail_sent(claimed, now=world.now)
        rows = snapshot(world)
        assert not mark_mail_sent(claimed, now=world.now)
        assert not mark_mail_refused(claimed, error="550", nobody_there=True, now=world.now)
        assert not put_off_mail(claimed, error="451", jitter=1.0, now=world.now)

    assert snapshot(world) == rows


def test_an_invite_that_may_have_left_with_a_dead_worker_is_followed_by_filled_when_it_is_dropped(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    claim_to(world, NORTHLIGHT, owner="dead")
    world.accept(visit, "Clearsign")

    world.now += LEASE
    world.tick()
    world.tick()

    assert mail_states(world, MailKind.INVITE)[NORTHLIGHT] is MailState.DROPPED
    assert world.subjects(to=NORTHLIGHT) == [f"Filled, nothing to do · {NAMED}"]


def test_an_invite_that_may_have_left_and_waits_again_is_followed_by_filled_when_another_company_wins(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    broken = claim_to(world, NORTHLIGHT)
    with world.jobs.app_context():
        assert put_off_mail(broken, error="DATA: cut off", in_doubt=True, jitter=1.0, now=world.now)

    world.accept(visit, "Clearsign")

    assert mail_states(world, MailKind.INVITE)[NORTHLIGHT] is MailState.DROPPED
    assert mail_states(world, MailKind.FILLED) == {NORTHLIGHT: MailState.QUEUED}


def test_a_mail_that_is_not_due_yet_is_not_taken(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    claimed = claim(world)
    with world.jobs.app_context():
        put_off_mail(claimed, error="451", jitter=1.0, now=world.now)
        assert claim_mail(owner="w", now=world.now + timedelta(seconds=29)) is None
        assert claim_mail(owner="w", now=world.now + timedelta(seconds=30)) is not None


def test_a_mail_is_given_up_after_72_hours_and_the_request_closes(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"], day=world.now.date() + timedelta(days=10))
    request = world.request_of(visit)
    world.change(Request, request.id, deadline=world.now + timedelta(days=9))
    tries = wear_out(world, CLEARSIGN)

    assert mail_states(world, MailKind.INVITE) == {CLEARSIGN: MailState.DEAD}
    assert state_of(world, visit) is RequestState.UNDELIVERABLE
    steps = [after - before for before, after in pairwise(tries)]
    assert steps == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 900, 1800)] + [HOUR] * 71
    assert timedelta(hours=71) < tries[-1] < timedelta(hours=72)
    assert world.outbox(MailKind.INVITE)[0].attempts == len(tries)


def test_days_without_a_mail_server_use_up_none_of_the_72_hours(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"], day=TOMORROW + timedelta(days=20))
    world.tick()
    world.accept(visit, "Clearsign")
    world.post.replies[CLEARSIGN] = "451 Greylisted"
    world.tick()

    world.post.close()
    for _day in range(5):
        world.pass_time(days=1)
        world.tick()
    world.post.open()
    world.pass_time(minutes=1)
    world.tick()  # greylisted once more, after so long
    assert mail_states(world, MailKind.CONFIRMATION) == {CLEARSIGN: MailState.QUEUED}

    del world.post.replies[CLEARSIGN]
    world.pass_time(minutes=2)
    world.tick()
    assert mail_states(world, MailKind.CONFIRMATION) == {CLEARSIGN: MailState.SENT}


def test_an_invite_is_tried_once_more_before_its_deadline_and_not_after(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    deadline = world.request_of(visit).deadline
    tries = wear_out_until(world, deadline - timedelta(minutes=25))
    assert tries > 10

    claimed = claim(world)
    with world.jobs.app_context():
        put_off_mail(claimed, error="451", jitter=1.0, now=world.now)
    assert timedelta() < world.outbox()[0].next_try_at - world.now <= deadline - world.now

    world.now = deadline
    world.tick()
    assert world.outbox()[0].state is MailState.DROPPED
    assert world.subjects(to=CLEARSIGN) == []


def wear_out_until(world: World, instant: datetime) -> int:
    """The one mail there is put off again and again until then; how often."""
    tries = 0
    while world.now < instant:
        claimed, tries = claim(world), tries + 1
        with world.jobs.app_context():
            put_off_mail(claimed, error="451", jitter=0.5, now=world.now)
        world.now = world.outbox()[0].next_try_at
    return tries


def test_after_the_clock_was_set_back_nothing_waits_for_it_to_catch_up(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[CLEARSIGN] = "451 Later"
    world.book(ask=["Clearsign"])
    world.tick()
    world.book(ask=["Northlight"])
    left_behind = claim(world, owner="dead")
    world.book(ask=["Lumen"])
    world.post.replies.clear()

    world.pass_time(hours=-3)
    world.tick()
    assert [len(world.subjects(to=to)) for to in (CLEARSIGN, "Lumen")] == [1, 1]
    assert world.subjects(to=NORTHLIGHT) == []  # its worker may be sending still

    world.now += LEASE
    world.tick()
    assert len(world.subjects(to=NORTHLIGHT)) == 1
    assert [mail.attempts for mail in world.outbox() if mail.id == left_behind.id] == [2]


def test_a_kind_of_mail_that_only_a_newer_program_knows_is_left_to_that(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    with world.jobs.app_context(), db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        else:
            connection.exec_driver_sql("ALTER TABLE mail DROP CONSTRAINT ck_mail_mail_kind")
        connection.exec_driver_sql("UPDATE mail SET kind = 'carrier_pigeon'")
    with world.jobs.app_context():
        assert claim_mail(owner="w", now=world.now) is None
    world.tick()

    assert world.post.received == []


def test_a_permanent_refusal_marks_the_address_and_the_company_is_not_offered_until_it_is_corrected(
    world_on_either: World,
) -> None:
    world = world_on_either
    world.post.replies[CLEARSIGN] = "550 No such user"
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    assert address_of(world, CLEARSIGN).refused_at == world.now
    assert address_of(world, NORTHLIGHT).refused_at is None

    again = world.confirm(world.draft(ask=["Clearsign"]))
    assert again.plan is not None
    assert again.plan.errors == {"interpreter": "Clearsign: No working mail address. Call +1 555 0170."}

    world.change(CompanyAddress, address_of(world, CLEARSIGN).id, refused_at=None)
    assert world.book(ask=["Clearsign"])


def test_an_address_that_no_mail_can_carry_bounces_at_once_and_holds_up_nobody(world_on_either: World) -> None:
    world = world_on_either
    world.add_company("Odd", emails=["dispatch@odd example\n"])
    visit = world.book(ask=["Odd"])
    other = world.book(ask=["Clearsign"])

    world.tick()

    assert state_of(world, visit) is RequestState.UNDELIVERABLE
    assert world.badge(other) == "Pending Request"
    assert len(world.subjects(to=CLEARSIGN)) == 1


@pytest.mark.parametrize("reply", ["552 Mailbox full", "554 Spam", "500 What?", "550 5.7.1 Not from you"])
def test_a_refusal_that_says_nothing_about_the_address_leaves_it_alone(world_on_either: World, reply: str) -> None:
    world = world_on_either
    world.post.replies[CLEARSIGN] = reply
    visit = world.book(ask=["Clearsign"])
    world.tick()

    assert state_of(world, visit) is RequestState.UNDELIVERABLE
    assert address_of(world, CLEARSIGN).refused_at is None


def test_an_address_that_was_corrected_meanwhile_is_not_marked_for_its_predecessor(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign", "Northlight"])
    bouncing = claim_to(world, CLEARSIGN)
    address = address_of(world, CLEARSIGN)
    world.change(CompanyAddress, address.id, email="new@clearsign.example")
    with world.jobs.app_context():
        mark_mail_refused(bouncing, error="RCPT: 550", nobody_there=True, now=world.now)

    assert address_of(world, "new@clearsign.example").refused_at is None


def test_when_a_confirmation_bounces_everywhere_the_clinic_is_told_once(world_on_either: World) -> None:
    world = world_on_either
    addresses = ["one@handwave.example", "two@handwave.example"]
    world.add_company("Handwave", emails=addresses)
    visit = world.book(ask=["Handwave"])
    world.tick()
    world.accept(visit, "Handwave")
    world.post.replies.update(dict.fromkeys(addresses, "550 No such user"))
    for _ in range(3):
        world.tick()

    bounced = f"Confirmation could not be delivered · {NAMED}"
    assert [world.subjects(to=to).count(bounced) for to in (PROVIDER, SCHEDULER)] == [1, 1]
    assert state_of(world, visit) is RequestState.ACCEPTED


def test_when_a_confirmation_arrives_somewhere_the_clinic_is_not_alarmed(world_on_either: World) -> None:
    world = world_on_either
    world.add_company("Handwave", emails=["one@handwave.example", "two@handwave.example"])
    visit = world.book(ask=["Handwave"])
    world.tick()
    world.accept(visit, "Handwave")
    world.post.replies["one@handwave.example"] = "550 No such user"
    world.tick()

    assert world.outbox(MailKind.CLINIC_CONFIRMATION_BOUNCED) == []


def test_a_confirmation_whose_assignment_was_withdrawn_is_dropped(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.change(Request, world.request_of(visit).id, state=RequestState.WITHDRAWN)
    world.tick()

    assert mail_states(world, MailKind.CONFIRMATION) == {CLEARSIGN: MailState.DROPPED}
    assert mail_states(world, MailKind.CLINIC_ACCEPTED) == dict.fromkeys((PROVIDER, SCHEDULER), MailState.DROPPED)


def test_no_two_mails_share_an_id_and_one_event_queues_one_mail_per_reader(world_on_either: World) -> None:
    world = world_on_either
    for company in ("Clearsign", "Northlight"):
        visit = world.book(ask=["Clearsign", "Northlight"])
        world.tick()
        world.accept(visit, company)
        world.tick()

    mails = world.outbox()
    assert len({mail.message_id for mail in mails}) == len({mail.dedupe_key for mail in mails}) == len(mails)
    assert len(mails) == 2 * (2 + 1 + 1 + 2)
    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert len(set(ids)) == len(ids) == len(mails)


def test_a_mail_of_a_row_that_does_not_exist_is_no_letter(world: World) -> None:
    with world.jobs.app_context():
        assert letter_of(12345, now=world.now) is None
