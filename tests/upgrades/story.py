"""A clinic in the middle of its day: everything that can be under way when an administrator migrates."""

from dataclasses import dataclass
from datetime import timedelta

from flask.testing import FlaskClient

from shared.actions import put_off_mail, remove_old_patients
from shared.actions.deliveries import LEASE
from shared.db import reading
from shared.models import Clinic, Visit
from shared.states import MailKind, MailState, Role
from tests.actions.changing import book_series, cancel, edit, family
from tests.actions.desk import claim_to, mail_states
from tests.actions.half_way import give_factor
from tests.phone import Phone
from tests.web.checks import words
from tests.web.displays import new_screen
from tests.web.factors import give_password, is_in, send_code
from tests.web.visitors import browser
from tests.world import TOMORROW, OpenMail, World

CLEARSIGN, NORTHLIGHT, BRIDGEWAY, LUMEN = (
    f"dispatch@{name}.example" for name in ("clearsign", "northlight", "bridgeway", "lumen")
)


@dataclass
class Story:
    """What is under way: visits by what they wait for, somebody who is logged in, and a mail that was opened."""

    asked: int
    leaving: int
    series: list[int]
    client: FlaskClient
    mail: OpenMail


def begin(world: World) -> Story:
    """Open requests, a mail that waits, one that a worker holds, one put off, a running series, logins, a trail."""
    series = book_series(world, ask=["Bridgeway"])
    world.tick()
    world.accept(series[0], "Bridgeway")
    world.tick()
    edit(world, series[2], wall=world.draft().wall.replace(hour=11))
    cancel(world, series[4])
    world.tick()
    bounced = world.book(ask=["Lumen"], day=TOMORROW + timedelta(days=2))
    world.post.replies[LUMEN] = "554 Looks like spam"
    world.tick()
    world.post.replies.clear()
    assert world.badge(bounced) == "Not Accepted"
    asked = world.book(ask=["Clearsign", "Northlight"], day=TOMORROW + timedelta(days=3))
    world.tick()
    client = world.login(Role.ADMIN)
    leaving = world.book(ask=["Clearsign", "Northlight", "Lumen"], day=TOMORROW + timedelta(days=4))
    put_off = claim_to(world, CLEARSIGN, owner="before the migration")
    with world.jobs.app_context():
        put_off_mail(put_off, error="RCPT: 451 Greylisted", jitter=1.0, now=world.now)
    claim_to(world, NORTHLIGHT, owner="before the migration")
    return Story(asked, leaving, series, client, world.open_mail(to="Northlight"))


@dataclass
class Guards:
    """What keeps people out and lets them in: an app with a second factor, a screen on the wall, a network from which
    somebody guessed, a visit whose patient was removed."""

    phone: Phone
    screen: FlaskClient
    guesser: FlaskClient
    removed: int


def put_up_guards(world: World) -> Guards:
    """A second factor, a display, a password that is guessed at, and a clinic that keeps patients for a day."""
    removed = world.book(patient_name="Jonah Pike")
    world.change(Clinic, world.clinic.id, keep_patients_days=1)
    world.pass_time(days=3)
    with world.jobs.app_context():
        assert remove_old_patients(world.clinic.id, limit=10, now=world.now) == 1
    screen = new_screen(world)
    phone = give_factor(world).phone
    guesser = browser(world.portal, "203.0.113.66")
    for _ in range(5):
        assert give_password(guesser, Role.STAFF, password="wrong").status_code == 422
    return Guards(phone, screen, guesser, removed)


def check_guards(world: World, guards: Guards) -> None:
    """Nobody comes in without what is asked of them, and who was let in still is."""
    assert "Too many tries" in words(give_password(guards.guesser, Role.STAFF))
    assert guards.screen.get("/display/board").status_code == 200
    client = world.portal.test_client()
    asked = give_password(client)
    assert not is_in(client)
    assert send_code(client, asked, guards.phone.code(world.now)).status_code == 303
    assert is_in(client)
    details = client.get(f"/visits/{guards.removed}")
    assert details.status_code == 200
    assert "Jonah Pike" not in words(details)
    with world.jobs.app_context(), reading() as session:
        assert session.get_one(Clinic, world.clinic.id).keep_patients_days == 1
        assert session.get_one(Visit, guards.removed).patient_removed_at is not None


def finish(world: World, story: Story) -> None:
    """Everything that was under way comes to its end as if nothing had been."""
    assert story.client.get(f"/visits/{story.asked}").status_code == 200, "the login is lost"
    story.mail.press("Accept")
    assert world.badge(story.asked) == "Accepted"
    world.now += LEASE + timedelta(minutes=1)
    world.tick()
    for mail in world.outbox():
        assert mail.state is not MailState.QUEUED, f"{mail.kind} to {mail.recipient} never leaves"
    assert mail_states(world, MailKind.FILLED) == {CLEARSIGN: MailState.SENT}
    assert len([subject for subject in world.subjects(to=NORTHLIGHT) if subject.startswith("Request")]) == 2
    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert len(ids) == len(set(ids)), "something left twice"

    world.accept(story.leaving, "Lumen")
    edit(world, story.series[1], wall=world.draft().wall.replace(hour=13))
    visits = family(world, story.series[0])
    assert len(visits) == 6
    world.tick()
    world.tick()
    assert world.badge(story.leaving) == "Accepted"
    assert "/meet/" in world.open_mail(to=LUMEN).text
    assert world.book(ask=["Clearsign"]) > story.leaving
