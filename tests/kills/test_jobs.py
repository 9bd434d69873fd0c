"""The jobs process is killed at each step of a mail's way and of a closing: nothing is lost, and a mail comes twice
only if its process died between the mail server's yes and the mark."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.kills.trial import COMPANIES, TIMES, Trial, one_in_two, report


@dataclass(frozen=True)
class Point:
    """A place to die at, and whether the mail in hand comes once more for it. Of a place that is passed more than once,
    the passages from ``first`` on are taken in turn."""

    name: str
    scene: Callable[[Trial, "Point", int], None]
    where: str
    repeats: int = 0
    first: int = 1
    passages: int = 1

    def light(self, trial: Trial, number: int) -> None:
        """The process that passes here next dies, or the one that passes here for the second time, and so on. With a
        talk still open, mails would leave by it, and nobody would connect."""
        trial.site.wait_for_quit()
        trial.site.fuse.light(self.where, passage=self.first + number % self.passages)


def sending(trial: Trial, point: Point, number: int) -> None:
    """Of the three invites of a request, or of the five mails that an acceptance calls for."""
    if number % 2 == 0:
        point.light(trial, number // 2)
        trial.book(*COMPANIES)
    else:
        visit, story = trial.book(*COMPANIES)
        trial.site.settle()
        point.light(trial, number // 2)
        trial.world.accept(visit, "Handwave")
        story.accept("Handwave")
    trial.wait_for_death("jobs")


def expiring(trial: Trial, point: Point, number: int) -> None:
    """The deadline of a request comes."""
    _visit, story = trial.book(*COMPANIES)
    trial.site.settle()
    point.light(trial, number)
    trial.site.set_time(story.askings[-1].deadline)
    trial.wait_for_death("jobs")


def bouncing(trial: Trial, point: Point, number: int) -> None:
    """The only invite is refused, and again if nobody lived to write that down."""
    trial.site.sink.script["DATA"] = ["554 No"] * (1 if "after" in point.where else 2)
    point.light(trial, number)
    _visit, story = trial.book("Northlight")
    story.bounce()
    trial.wait_for_death("jobs")


def waiting(trial: Trial, point: Point, number: int) -> None:
    """One of three invites is to come again later."""
    trial.site.sink.script["MAIL"] = ["451 Try later"]
    point.light(trial, number)
    trial.book(*COMPANIES)
    trial.wait_for_death("jobs")


def dropping(trial: Trial, point: Point, number: int) -> None:
    """An invite reached its company, nobody lived to write that down, and before it could be sent again another won."""
    trial.site.fuse.light("after the dot", passage=2)
    visit, story = trial.book("Clearsign", "Northlight")
    trial.wait_for_death("jobs")
    trial.world.accept(visit, "Clearsign")
    story.accept("Clearsign")
    trial.site.wait_until_idle()
    point.light(trial, number)
    trial.site.pass_time(minutes=6)
    trial.wait_for_death("jobs")


POINTS = (
    Point("send: connected", sending, "connected"),
    Point("send: before the claim's commit", sending, "claim_mail before commit", passages=3),
    Point("send: after the claim's commit", sending, "claim_mail after commit", passages=3),
    Point("send: before MAIL", sending, "before MAIL", passages=3),
    Point("send: after RCPT", sending, "after RCPT", passages=3),
    Point("send: in the middle of DATA", sending, "half of DATA", passages=3),
    Point("send: after the dot, before the 250", sending, "after the dot", repeats=1, passages=3),
    Point("send: after the 250, before the mark", sending, "after 250", repeats=1, passages=3),
    Point("send: in the mark's transaction", sending, "mark_mail_sent has written", repeats=1, passages=6),
    Point("send: before the mark's commit", sending, "mark_mail_sent before commit", repeats=1, passages=3),
    Point("send: after the mark's commit", sending, "mark_mail_sent after commit", passages=3),
    Point("send: between two mails", sending, "claim_mail begins", first=2, passages=2),
    Point("put off: before the commit", waiting, "put_off_mail before commit"),
    Point("put off: after the commit", waiting, "put_off_mail after commit"),
    Point("bounce: in mid-transaction", bouncing, "mark_mail_refused has written", passages=3),
    Point("bounce: before the commit", bouncing, "mark_mail_refused before commit"),
    Point("bounce: after the commit", bouncing, "mark_mail_refused after commit"),
    Point("drop: in mid-transaction", dropping, "drop_mail has written", passages=2),
    Point("drop: before the commit", dropping, "drop_mail before commit"),
    Point("drop: after the commit", dropping, "drop_mail after commit"),
    Point("expire: in mid-transaction", expiring, "expire_request has written", passages=3),
    Point("expire: before the commit", expiring, "expire_request before commit"),
    Point("expire: after the commit", expiring, "expire_request after commit"),
)


def kill(trial: Trial, point: Point, number: int) -> int:
    """Die at the point, and look at what came of it. Gives how many mails came once more."""
    before = trial.check()
    point.scene(trial, point, number)
    repeats = trial.check() - before
    assert repeats == point.repeats, point.name
    return repeats


def test_jobs_that_are_killed_at_any_step_lose_nothing_and_repeat_only_what_they_had_not_marked(trial: Trial) -> None:
    trial.start("jobs")
    for number, point in one_in_two(trial, POINTS):
        kill(trial, point, number)


@pytest.mark.soak
@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_the_jobs_are_killed(trial: Trial, point: Point, record_property: Callable[[str, object], None]) -> None:
    trial.start("jobs")
    repeats = sum(kill(trial, point, number) for number in range(TIMES))
    report(record_property, point.name, repeats=repeats)
