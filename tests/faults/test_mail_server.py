"""A mail server that refuses, hangs up or falls silent, at each stage; and one that is not there."""

import logging
from collections.abc import Callable
from datetime import datetime, time, timedelta
from email.message import EmailMessage
from itertools import pairwise

import pytest

from shared.jobs import JobRunner, job_list, sender_for
from shared.mails import Letter, MailRenderer
from shared.models import CompanyAddress, Mail
from shared.states import MailKind, MailState, RequestState
from tests.actions.changing import cancel
from tests.actions.desk import NAMED, address_of, mail_states, state_of
from tests.faults.racing import racers
from tests.faults.smtp_script import DROP, HANG, ScriptedServer
from tests.world import TOMORROW, World

SATURDAY = TOMORROW + timedelta(days=4)

CLEARSIGN, NORTHLIGHT = "dispatch@clearsign.example", "dispatch@northlight.example"
POISON = "dispatch@poison.example"

WAITS = (MailState.QUEUED, 0)
"""No try was spent: the server was not reached."""
LATER = (MailState.QUEUED, 1)
TAKEN = (MailState.SENT, 1)
REFUSED = (MailState.BOUNCED, 1)

BEHAVIOURS = [
    ("BANNER", "421 Too busy", WAITS),
    ("BANNER", "554 Go away", WAITS),
    ("BANNER", DROP, WAITS),
    ("BANNER", HANG, WAITS),
    ("EHLO", DROP, WAITS),
    ("AUTH", "535 Wrong password", WAITS),
    ("AUTH", "454 Try later", WAITS),
    ("MAIL", "421 Closing", LATER),
    ("MAIL", "451 Try later", LATER),
    ("MAIL", "553 You may not send", REFUSED),
    ("MAIL", DROP, LATER),
    ("RCPT", "450 Greylisted", LATER),
    ("RCPT", "421 Closing", LATER),
    ("RCPT", "550 No such user", REFUSED),
    ("RCPT", DROP, LATER),
    ("DATA", "452 Disk full", LATER),
    ("DATA", "250 Surprise", LATER),
    ("DATA", "554 No", REFUSED),
    ("DATA", DROP, LATER),
    ("END", "451 Try later", LATER),
    ("END", "554 Spam", REFUSED),
    ("END", DROP, LATER),
    ("END", HANG, LATER),
    ("QUIT", DROP, TAKEN),
    ("QUIT", HANG, TAKEN),
    ("QUIT", "500 What?", TAKEN),
]


def standing(mail: Mail) -> tuple[MailState, int]:
    return mail.state, mail.attempts


def seconds_of_tries(world: World, caplog: pytest.LogCaptureFixture, seconds: int) -> list[int]:
    """In which of these seconds a sender that is called every second tried to reach the mail server, in vain."""
    sender, tried = sender_for(world.jobs), []
    for second in range(seconds):
        caplog.clear()
        with world.jobs.app_context():
            sender.send_due(lambda: world.now)
        if "can't be reached" in caplog.text:
            tried.append(second)
        world.pass_time(seconds=1)
    return tried


def misbehave(world: World, stage: str, reply: str, then: tuple[MailState, int]) -> None:
    """The mail server does this to the first mail of a new request, once, and then what it should."""
    world.book(ask=["Clearsign"])
    with ScriptedServer(world.post.port, **{stage: [reply]}) as server:
        world.tick()
        assert standing(world.outbox(MailKind.INVITE)[-1]) == then
        assert not server.waited_for_ever
        world.pass_time(minutes=2)
        world.tick()

    invite = world.outbox(MailKind.INVITE)[-1]
    assert invite.state is (MailState.BOUNCED if then is REFUSED else MailState.SENT)
    arrived = [str(m["Message-ID"]) for m in server.arrived if str(m["To"]) == CLEARSIGN]
    assert len(arrived) == (2 if stage == "END" and then is LATER else 0 if then is REFUSED and stage != "END" else 1)
    assert set(arrived) <= {f"<{invite.message_id}@interpreter-dispatch.example>"}


EACH_BEHAVIOUR = pytest.mark.parametrize(
    ("stage", "reply", "then"), BEHAVIOURS, ids=[f"{row[0]} {row[1]}" for row in BEHAVIOURS]
)


@EACH_BEHAVIOUR
def test_a_mail_is_sent_once_refused_or_kept_whatever_the_mail_server_does(
    impatient_world: World, stage: str, reply: str, then: tuple[MailState, int]
) -> None:
    misbehave(impatient_world, stage, reply, then)


@pytest.mark.soak
def test_whatever_the_mail_server_does_it_does_three_times(
    impatient_world: World, record_property: Callable[[str, object], None]
) -> None:
    for stage, reply, then in BEHAVIOURS * 3:
        misbehave(impatient_world, stage, reply, then)
        impatient_world.change(CompanyAddress, address_of(impatient_world, CLEARSIGN).id, refused_at=None)
        impatient_world.pass_time(minutes=10)
    record_property("figure", f"{len(BEHAVIOURS)} behaviours, three times each")


@pytest.mark.parametrize(
    ("stage", "reply"),
    [("MAIL", "451 Later"), ("RCPT", "550 No"), ("DATA", "451 Later"), ("DATA", "554 No"), ("END", "554 No")],
)
def test_what_befalls_one_mail_does_not_befall_the_next_on_the_same_connection(
    impatient_world: World, stage: str, reply: str
) -> None:
    world = impatient_world
    world.book(ask=["Clearsign", "Northlight"])
    with ScriptedServer(world.post.port, **{stage: [reply]}) as server:
        world.tick()

    assert mail_states(world, MailKind.INVITE)[NORTHLIGHT] is MailState.SENT
    assert str(server.arrived[-1]["To"]) == NORTHLIGHT


def test_a_refusal_counts_even_if_the_server_hangs_up_right_after_it(impatient_world: World) -> None:
    world = impatient_world
    visit = world.book(ask=["Clearsign"])
    with ScriptedServer(world.post.port, RCPT=["550 No such user"], RSET=[DROP]):
        world.tick()

    assert state_of(world, visit) is RequestState.UNDELIVERABLE
    assert address_of(world, CLEARSIGN).refused_at == world.now


@pytest.mark.parametrize(("stage", "filled"), [("RCPT", 0), ("END", 1)])
def test_an_invite_cut_off_after_its_last_dot_may_have_arrived_so_its_company_hears_of_the_winner(
    impatient_world: World, stage: str, filled: int
) -> None:
    world = impatient_world
    visit = world.book(ask=["Northlight", "Clearsign"])
    with ScriptedServer(world.post.port, **{stage: [DROP]}):
        world.tick()
    world.accept(visit, "Clearsign")

    assert mail_states(world, MailKind.INVITE)[NORTHLIGHT] is MailState.DROPPED
    assert [mail.recipient for mail in world.outbox(MailKind.FILLED)] == [NORTHLIGHT] * filled


def test_a_wrong_mail_password_alarms_once_a_minute_and_spends_no_tries(
    impatient_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = impatient_world
    world.book(ask=["Clearsign"])
    with ScriptedServer(world.post.port, AUTH=["535 Wrong password"] * 20), caplog.at_level(logging.ERROR):
        for _ in range(5):
            world.tick()
            world.pass_time(seconds=20)

    assert len([record for record in caplog.records if "MAIL_PASSWORD" in record.message]) == 2
    assert "a mail password" not in caplog.text
    assert standing(world.outbox()[0]) == WAITS


def test_while_the_mail_server_is_away_visits_are_made_and_say_so_and_mail_leaves_when_it_is_back(
    world_on_either: World,
) -> None:
    world = world_on_either
    world.post.close()
    visit = world.book(ask=["Clearsign"])
    for _ in range(10):
        world.tick()
        world.pass_time(minutes=12)
    assert world.badge(visit) == "Pending Request"
    assert "1 asked, mail queued" in world.badge_line(visit)
    assert standing(world.outbox()[0]) == WAITS

    world.post.open()
    world.tick()

    assert world.subjects(to=CLEARSIGN) == [f"Request for ASL Interpreter · {NAMED}"]
    assert "mail queued" not in world.badge_line(visit)


def test_after_a_day_without_a_mail_server_what_still_matters_leaves_once_and_nothing_else_does(
    world_on_either: World,
) -> None:
    world = world_on_either
    cancelled, won = world.book(ask=["Lumen"], day=SATURDAY), world.book(ask=["Clearsign", "Northlight"], day=SATURDAY)
    world.tick()
    world.accept(cancelled, "Lumen")
    world.tick()
    before = len(world.post.received)

    world.post.close()
    cancel(world, cancelled)
    world.accept(won, "Clearsign")
    world.pass_time(hours=1)
    still_open = world.book(ask=["Bridgeway"], day=SATURDAY)
    over = world.book(ask=["Bridgeway"], day=TOMORROW, wall=time(6))
    for _ in range(23 * 6):
        world.pass_time(minutes=10)
        world.tick()
    assert len(world.post.received) == before
    assert {mail.attempts for mail in world.outbox() if mail.state is MailState.QUEUED} == {0}
    assert (world.badge(still_open), world.badge(over)) == ("Pending Request", "Not Accepted")

    world.post.open()
    for _ in range(2):
        world.pass_time(minutes=1)
        world.tick()
    last = {
        to: world.subjects(to=to)[-1].partition(" · ")[0] for to in ("Lumen", "Clearsign", "Northlight", "Bridgeway")
    }
    assert last == {
        "Lumen": "Cancelled: ASL Interpreter",
        "Clearsign": "Confirmed: ASL Interpreter",
        "Northlight": "Filled, nothing to do",
        "Bridgeway": "Request for ASL Interpreter",
    }
    assert len(world.subjects(to="Bridgeway")) == 1, "a question that can't be answered any more"
    told = [subject.partition(" · ")[0] for subject in world.subjects(to="scheduler@demo.example")]
    assert sorted(told) == ["Interpreter accepted", "Interpreter accepted", "Request could not be delivered"]
    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert len(ids) == len(set(ids))
    world.accept(still_open, "Bridgeway")
    assert world.badge(still_open) == "Accepted"


def test_a_server_that_is_away_is_asked_less_and_less_often_but_at_least_once_a_minute(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.post.close()
    world.book(ask=["Clearsign"])
    asked = seconds_of_tries(world, caplog, 300)

    assert [after - before for before, after in pairwise(asked)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_clock_that_is_set_back_does_not_make_mail_wait_for_it_to_catch_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.post.close()
    world.book(ask=["Clearsign"])
    world.tick()
    world.pass_time(hours=-1)
    world.book(ask=["Northlight"])
    world.post.open()
    world.tick()

    assert len(world.subjects(to=NORTHLIGHT)) == 1
    assert len(caplog.records) == 1


def test_a_greylisted_recipient_gets_the_mail_at_a_later_try_and_nobody_gets_it_twice(world: World) -> None:
    world.post.replies[CLEARSIGN] = "450 Greylisted, come back in five minutes"
    visit = world.book(ask=["Clearsign", "Northlight"])
    for _ in range(6):
        world.tick()
        world.pass_time(minutes=1)
    assert world.subjects(to=CLEARSIGN) == []
    assert state_of(world, visit) is RequestState.PENDING
    assert "450 Greylisted" in world.outbox()[0].last_error

    del world.post.replies[CLEARSIGN]
    for _ in range(20):
        world.pass_time(minutes=1)
        world.tick()

    assert [len(world.subjects(to=to)) for to in (CLEARSIGN, NORTHLIGHT)] == [1, 1]


@pytest.fixture
def poison(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a company whose mail breaks whoever renders it."""
    render = MailRenderer.render

    def fails_for_one(renderer: MailRenderer, letter: Letter) -> EmailMessage:
        if letter.recipient == POISON:
            raise RuntimeError("a bug in a template")
        return render(renderer, letter)

    monkeypatch.setattr(MailRenderer, "render", fails_for_one)
    world.add_company("Poison", emails=[POISON])
    return "Poison"


def test_a_mail_that_can_not_be_rendered_does_not_keep_the_others_from_leaving(world: World, poison: str) -> None:
    world.book(ask=[poison, "Clearsign", "Northlight"])
    runner, jobs = JobRunner(world.jobs), job_list(sender_for(world.jobs))

    ran = [[runner.run(job) for job in jobs] for _ in range(2)]
    assert ran == [[False, True, True], [True, True, True]]
    assert [len(world.subjects(to=to)) for to in (CLEARSIGN, NORTHLIGHT)] == [1, 1]

    world.pass_time(minutes=5)  # its lease is over; it stands in front again
    world.book(ask=["Lumen"])
    for _ in range(2):
        for job in jobs:
            runner.run(job)
    assert len(world.subjects(to="Lumen")) == 1

    world.pass_time(days=4)
    for _ in range(2):
        for job in jobs:
            assert runner.run(job)
    assert mail_states(world, MailKind.INVITE)[POISON] in {MailState.DEAD, MailState.DROPPED}


def test_a_long_queue_is_sent_in_cycles_of_half_a_minute_so_that_the_job_shows_that_it_lives(world: World) -> None:
    for _ in range(3):
        world.book(ask=["Clearsign", "Northlight", "Bridgeway", "Lumen"])

    def passing() -> datetime:
        world.pass_time(seconds=2)
        return world.now

    sender, sent = sender_for(world.jobs), []
    while any(mail.state is MailState.QUEUED for mail in world.outbox()):
        began = world.now
        with world.jobs.app_context():
            sent.append(sender.send_due(passing))
        assert world.now - began < timedelta(seconds=45)

    assert len(sent) > 2
    assert sum(sent) == len(world.post.received) == 12


def test_four_senders_at_once_send_each_mail_once(world_on_either: World) -> None:
    world = world_on_either
    for _ in range(6):
        world.book(ask=["Clearsign", "Northlight", "Bridgeway", "Lumen"])

    def send() -> int:
        return sender_for(world.jobs).send_due(lambda: world.now)

    with racers(world, 4) as group:
        while any(mail.state is MailState.QUEUED for mail in world.outbox()):
            group.race([send] * 4)

    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert len(ids) == len(set(ids)) == 24
    assert {standing(mail) for mail in world.outbox()} == {TAKEN}


@pytest.mark.soak
def test_one_mail_in_a_hundred_that_can_not_be_rendered_holds_up_none_of_the_others(
    world: World, poison: str, record_property: Callable[[str, object], None]
) -> None:
    for number in range(25):
        world.book(ask=[poison] if number == 12 else ["Clearsign", "Northlight", "Bridgeway", "Lumen"])
    world.book(ask=["Clearsign", "Northlight", "Bridgeway"])
    runner, jobs = JobRunner(world.jobs), job_list(sender_for(world.jobs))
    failed = [[job.name for job in jobs if not runner.run(job)] for _ in range(2)]

    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert failed == [["send_mail"], []]
    assert len(ids) == len(set(ids)) == 99
    assert [mail.recipient for mail in world.outbox() if mail.state is not MailState.SENT] == [POISON]
    record_property("figure", "99 of 100 left, in two cycles")


@pytest.mark.soak
def test_after_two_hours_without_a_mail_server_five_hundred_mails_leave_once_each(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    world.post.close()
    for _ in range(125):
        world.book(ask=["Clearsign", "Northlight", "Bridgeway", "Lumen"])
    for _ in range(120):
        world.tick()
        world.pass_time(minutes=1)
    world.post.open()
    world.tick()

    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert len(ids) == len(set(ids)) == 500
    assert {standing(mail) for mail in world.outbox()} == {TAKEN}
    record_property("figure", "500 mails")
