"""The same races between real processes, on both databases."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from shared.actions import AnswerOutcome, accept_invite, decline_invite
from shared.db import db
from shared.settings import Settings
from shared.states import MailKind, RequestState
from shared.tokens import VerifiedLink
from shared.web import create_base
from tests.actions.desk import state_of
from tests.faults.racing import ask_many, check_one_winner
from tests.world import World

PROCESSES = 8
Deed = tuple[str, VerifiedLink]


def answer_in_rounds(
    settings: Settings, start: Barrier, rounds: list[list[Deed]], now: datetime, outcomes: Any
) -> None:
    """One process: in each round, wait for the others, then answer with the links of this round."""
    app = create_base("racer", settings)
    actions = {"accept": accept_invite, "decline": decline_invite}
    said: list[tuple[int, str]] = []
    with app.app_context():
        for number, deeds in enumerate(rounds):
            start.wait(60)
            said += [(number, actions[word](link, responder="R", now=now)) for word, link in deeds]
        db.engine.dispose()
    outcomes.put(said)


@contextmanager
def answering(world: World, rounds: list[list[list[Deed]]]) -> Iterator[Counter[tuple[int, str]]]:
    """Let each process do its part of every round: ``rounds[number][process]``. Gives how often each outcome came."""
    count = len(rounds[0])
    spawn = multiprocessing.get_context("spawn")
    start, outcomes = spawn.Barrier(count), spawn.Queue()
    parts = [[deeds[process] for deeds in rounds] for process in range(count)]
    workers = [
        spawn.Process(target=answer_in_rounds, args=(world.settings, start, part, world.now, outcomes))
        for part in parts
    ]
    for worker in workers:
        worker.start()
    try:
        yield Counter(said for _ in workers for said in outcomes.get(timeout=120))
    finally:
        for worker in workers:
            worker.join(60)


@pytest.mark.soak
def test_of_a_thousand_accepts_by_eight_processes_one_wins_each_request(
    world_on_either: World, record_property: Callable[[str, object], None]
) -> None:
    world = world_on_either
    asked = [ask_many(world, 125) for _ in range(8)]
    rounds: list[list[list[Deed]]] = [
        [[("accept", link) for link in links[process::PROCESSES]] for process in range(PROCESSES)]
        for _visit, links in asked
    ]
    with answering(world, rounds) as outcomes:
        for number, (visit, links) in enumerate(asked):
            counted = {outcome: outcomes[number, outcome] for outcome in AnswerOutcome}
            check_one_winner([outcome for outcome, times in counted.items() for _ in range(times)])
            assert sum(counted.values()) == len(links)
            assert state_of(world, visit) is RequestState.ACCEPTED
    record_property("figure", "1,000 accepts, 8 winners of 8 requests")


@pytest.mark.soak
def test_the_last_two_declines_by_two_processes_close_every_request(
    world_on_either: World, record_property: Callable[[str, object], None]
) -> None:
    world = world_on_either
    visits = [world.book(ask=["Clearsign", "Northlight"]) for _ in range(200)]
    rounds: list[list[list[Deed]]] = [
        [[("decline", world.link(visit, company))] for company in ("Clearsign", "Northlight")] for visit in visits
    ]
    with answering(world, rounds) as outcomes:
        assert Counter(outcome for _number, outcome in outcomes.elements()) == {AnswerOutcome.TAKEN: 400}
    assert {state_of(world, visit) for visit in visits} == {RequestState.ALL_DECLINED}
    assert len(world.outbox(MailKind.CLINIC_ALL_DECLINED)) == 400
    record_property("figure", "200 rounds")
