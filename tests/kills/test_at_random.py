"""Processes are killed whenever it happens, while hundreds of mails leave and while companies answer."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Event

import pytest

from shared.states import Answer
from tests.kills.story import rows_of
from tests.kills.trial import COMPANIES, Trial

MAILS_EACH = 3


def kill_while_mails_leave(trial: Trial, dice: Random, *, visits: int, kills: int) -> None:
    """All invites leave, and each life of the jobs process but the last ends a moment after some of them."""
    for _ in range(visits):
        trial.book(*COMPANIES)
    share = visits * MAILS_EACH // (kills + 1)
    for life in range(1, kills + 1):
        trial.start("jobs")
        trial.site.wait_for_mail(min(len(trial.site.sink.arrived) + dice.randrange(2 * share), share * life))
        time.sleep(dice.uniform(0, 0.05))
        trial.kill("jobs")
    trial.start("jobs")
    trial.site.settle()


@contextmanager
def killing_at_random(trial: Trial, dice: Random) -> Iterator[Event]:
    """Until the block ends, the vendor portal and the jobs are killed and started again, one or the other. Each life
    lasts until a page was opened, as the event says, and a moment longer."""
    stop, opened = Event(), Event()

    def go_on() -> None:
        while not stop.is_set():
            opened.wait()
            opened.clear()
            time.sleep(dice.uniform(0, 0.2))
            name = dice.choice(["vendor", "vendor", "jobs"])
            trial.kill(name)
            trial.start(name)

    trial.start("vendor", "jobs")
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(go_on)
        try:
            yield opened
        finally:
            stop.set()
            opened.set()
        killing.result()


def answer_everything(trial: Trial, dice: Random, opened: Event) -> None:
    """A company answers each request. Whoever saw that it was taken stands in the rows; whoever saw nothing may."""
    for visit, story in enumerate(trial.stories, start=1):
        company, said = dice.choice(COMPANIES), dice.choice(list(Answer))
        word = "accept" if said is Answer.ACCEPTED else "decline"
        press = trial.answering(visit, company, word)
        opened.set()
        seen = press()
        [(_state, answers)] = rows_of(trial.world)[story.number][1]
        assert seen is None or seen.status_code == 303
        assert answers[company] in ({None, said} if seen is None else {said})
        if answers[company] is not None:
            (story.accept if said is Answer.ACCEPTED else story.decline)(company)


def test_twenty_mails_leave_and_companies_answer_while_processes_are_killed(trial: Trial) -> None:
    kill_while_mails_leave(trial, Random(), visits=7, kills=3)
    assert trial.check() <= 3
    with killing_at_random(trial, Random()) as opened:
        answer_everything(trial, Random(), opened)

    assert trial.check() <= trial.kills


@pytest.mark.soak
def test_of_three_hundred_mails_none_is_lost_while_processes_are_killed_at_random(
    trial: Trial, record_property: Callable[[str, object], None]
) -> None:
    kill_while_mails_leave(trial, Random(), visits=100, kills=20)
    repeats = trial.check()

    assert repeats <= trial.kills == 20
    record_property("figure", f"{trial.kills} kills, {repeats} mails came twice, none was lost")


@pytest.mark.soak
def test_of_a_hundred_answers_none_is_lost_while_processes_are_killed_at_random(
    trial: Trial, record_property: Callable[[str, object], None]
) -> None:
    trial.start("jobs")
    for _ in range(100):
        trial.book(*COMPANIES)
    trial.site.settle()
    with killing_at_random(trial, Random()) as opened:
        answer_everything(trial, Random(), opened)
    repeats = trial.check()

    assert repeats <= trial.kills
    assert trial.kills >= 15
    record_property("figure", f"{trial.kills} kills, {repeats} mails came twice, no answer and no mail was lost")
