"""The portals are killed while they answer: whoever saw an answer has it, whoever saw none may or may not, and nothing
is half done. Then somebody presses again, or nobody does."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.kills.trial import COMPANIES, TIMES, Deed, Trial, one_in_two, report


@dataclass(frozen=True)
class Point:
    """A place to die at: whether the deed is done by then, and whether its answer was seen."""

    name: str
    app: str
    prepare: Callable[[Trial, int], Deed]
    where: str
    is_done: bool
    is_seen: bool = False
    passages: int = 1
    """How often it is passed; each is taken in turn."""


def accept(trial: Trial, number: int) -> Deed:
    """By the company with one address, or by that with two."""
    visit, story = trial.book(*COMPANIES)
    trial.site.settle()
    winner = COMPANIES[number % 2]
    return Deed(trial.answering(visit, winner, "accept"), lambda: story.accept(winner), repeated=200)


def decline(trial: Trial, number: int) -> Deed:
    """The last decline, which closes the request, or one before."""
    visit, story = trial.book(*COMPANIES)
    trial.site.settle()
    is_last = number % 2 == 0
    if is_last:
        trial.world.decline(visit, "Handwave")
        story.decline("Handwave")
    press = trial.answering(visit, "Clearsign", "decline")
    return Deed(press, lambda: story.decline("Clearsign"), repeated=410 if is_last else 200)


def create(trial: Trial, _number: int) -> Deed:
    """A visit, and a request."""
    return Deed(trial.creating(*COMPANIES), lambda: trial.begin().ask(COMPANIES, now=trial.world.now))


def edit(trial: Trial, number: int) -> Deed:
    """Of a visit that a company has accepted, or that is open."""
    visit, story = trial.booked(is_accepted=number % 2 == 0)
    return Deed(
        trial.changing(visit, "edit", start_time="10:30"), lambda: story.ask_anew(COMPANIES, now=trial.world.now)
    )


def ask_again(trial: Trial, number: int) -> Deed:
    """Likewise."""
    visit, story = trial.booked(is_accepted=number % 2 == 0)
    press = trial.changing(visit, "ask", interpreter=trial.picks(*COMPANIES))
    return Deed(press, lambda: story.ask_anew(COMPANIES, now=trial.world.now))


def cancel(trial: Trial, number: int) -> Deed:
    """Likewise."""
    visit, story = trial.booked(is_accepted=number % 2 == 0)
    return Deed(trial.cancelling(visit), story.cancel)


def points(name: str, app: str, prepare: Callable[[Trial, int], Deed], action: str, *, writes: int) -> list[Point]:
    """Before, in, and after a deed's transaction."""
    writing = Point(f"{name}: in mid-transaction", app, prepare, f"{action} has written", False, passages=writes)
    before = Point(f"{name}: before the commit", app, prepare, f"{action} before commit", False)
    after = Point(f"{name}: after the commit, before the answer", app, prepare, f"{action} after commit", True)
    seen = Point(f"{name}: right after the answer", app, prepare, "POST answered", True, is_seen=True)
    return [writing, before, after, seen]


POINTS = [
    *points("accept", "vendor", accept, "accept_invite", writes=5),
    *points("decline", "vendor", decline, "decline_invite", writes=2),
    *points("create", "portal", create, "confirm_visit", writes=10),
    *points("edit", "portal", edit, "change_visit", writes=10),
    *points("ask again", "portal", ask_again, "change_visit", writes=10),
    *points("cancel", "portal", cancel, "change_visit", writes=5),
]


def start(trial: Trial, app: str) -> None:
    trial.start(app, "jobs")
    if app == "portal":
        trial.site.log_in()


def kill(trial: Trial, point: Point, number: int) -> None:
    """Die at the point, the worker alone or with its parent; then somebody presses again, or not."""
    deed = point.prepare(trial, number)
    alone, again = number // 2 % 2 == 0, number // 4 % 2 == 0
    trial.site.fuse.light(point.where, passage=1 + number % point.passages, alone=alone)
    seen = deed.press()
    trial.wait_for_death(point.app, alone=alone)
    assert (seen is not None) == point.is_seen
    if again:
        answer = deed.press()
        assert answer is not None
        assert answer.status_code == (deed.repeated if point.is_done else 303), answer.text
    if point.is_done or again:
        deed.happens()
    assert trial.check() == 0, "no mail was being sent"


@pytest.mark.parametrize("app", ["vendor", "portal"])
def test_a_portal_that_is_killed_while_it_answers_loses_no_answer_and_does_nothing_by_halves(
    trial: Trial, app: str
) -> None:
    start(trial, app)
    for number, point in one_in_two(trial, [point for point in POINTS if point.app == app]):
        kill(trial, point, number)


@pytest.mark.soak
@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_a_portal_is_killed(trial: Trial, point: Point, record_property: Callable[[str, object], None]) -> None:
    start(trial, point.app)
    for number in range(TIMES):
        kill(trial, point, number)
    report(record_property, point.name, repeats=0)
