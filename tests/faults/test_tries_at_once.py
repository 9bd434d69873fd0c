"""Tries at the same moment: none of them gets past the count, whichever process it comes to."""

import multiprocessing
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from shared.actions import Login, Slowed, Visitor, admit_login, log_in
from shared.actions import sessions as login_module
from shared.actions import tries as tries_module
from shared.audit import AuditEvent
from shared.db import db, reading, transaction
from shared.rules import NETWORK, PERSON_AT_NETWORK
from shared.settings import Settings
from shared.throttle import Bucket, forget, give_back, room_from, take
from shared.tokens import Tokens
from shared.web import create_base
from tests.actions.desk import snapshot, tokens_of
from tests.faults.racing import racers
from tests.world import PASSWORD, World

SCHEDULER, NOBODY = "scheduler@demo.example", "nobody@demo.example"
EVIL, HOME = Visitor("203.0.113.66"), Visitor("198.51.100.7")
AT_ONCE = 20


def enter(world: World, password: str, *, email: str = SCHEDULER, visitor: Visitor = EVIL) -> str:
    admission = admit_login(tokens_of(world), visitor, email=email, now=world.now)
    if isinstance(admission, Slowed):
        return "slowed"
    opened = log_in(email=email, password=password, admission=admission, replaces=None, now=world.now)
    return "in" if isinstance(opened, Login) else "wrong"


def guess_at_once(world: World, count: int = AT_ONCE, *, email: str = SCHEDULER) -> Counter[str]:
    with racers(world, count) as group:
        return Counter(group.race([partial(enter, world, "wrong", email=email)] * count))


@pytest.mark.parametrize("email", [SCHEDULER, NOBODY])
def test_of_many_guesses_at_once_five_are_checked(world_on_either: World, email: str) -> None:
    assert guess_at_once(world_on_either, email=email) == {"wrong": 5, "slowed": AT_ONCE - 5}


def test_many_refusals_at_once_are_one_line_of_the_trail(world_on_either: World) -> None:
    guess_at_once(world_on_either)

    lines = Counter(entry.what for entry in world_on_either.trail())
    assert lines == {AuditEvent.LOGIN_FAILED: 5, AuditEvent.LOGIN_SLOWED: 1}


def count_late(session: object, buckets: object, *, now: object) -> object:
    """How it must not be done: look whether there is room, and count only when the password was wrong."""
    return room_from(session, buckets, now=now)  # type: ignore[arg-type]


def test_counting_after_the_check_would_let_more_through(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries_module, "take", count_late)
    monkeypatch.setattr(login_module, "_count_failure", lambda session, admission, now: take(
        session, admission.taken, now=now
    ))  # fmt: skip

    assert guess_at_once(world_on_either)["wrong"] > 5


def test_who_logs_in_while_others_guess_everywhere_gets_in(world_on_either: World) -> None:
    world = world_on_either
    deeds = [partial(enter, world, "wrong", visitor=Visitor(f"203.0.113.{number}")) for number in range(AT_ONCE - 1)]
    with racers(world, AT_ONCE) as group:
        for _ in range(4):
            outcomes = group.race([*deeds, partial(enter, world, PASSWORD, visitor=HOME)])
            assert outcomes[-1] == "in"


def test_a_whole_clinic_that_logs_in_at_once_gets_in(world_on_either: World) -> None:
    world = world_on_either
    with racers(world, AT_ONCE) as group:
        outcomes = Counter(group.race([partial(enter, world, PASSWORD, email=f"{role}@demo.example", visitor=HOME)
            for role in ("scheduler", "provider", "staff", "admin") * 5]))  # fmt: skip

    assert outcomes == {"in": AT_ONCE}


def test_buckets_that_are_taken_given_back_and_forgotten_at_once_end_as_they_began(world_on_either: World) -> None:
    world = world_on_either
    shared = [Bucket(f"{number:064x}", NETWORK) for number in range(3)]

    def take_and_give_back(number: int) -> bool:
        own = Bucket(f"{number + 100:064x}", PERSON_AT_NETWORK)
        buckets = [own, *shared] if number % 2 else [*reversed(shared), own]
        with transaction() as session:
            taken = take(session, buckets, now=world.now) <= world.now
            forget(session, now=world.now)
        with transaction() as session:
            give_back(session, buckets, now=world.now)
        return taken

    with racers(world, 12) as group:
        for _ in range(10):
            assert all(group.race([partial(take_and_give_back, number) for number in range(12)]))
    with world.jobs.app_context(), reading() as session:
        assert room_from(session, shared, now=world.now) == world.now
    assert all(row[1] <= world.now for row in snapshot(world)["throttle"])  # type: ignore[operator]


def guess_in_rounds(settings: Settings, start: Barrier, emails: list[str], now: datetime, outcomes: Any) -> None:
    """One process: in each round, wait for the others, then guess as often as one can at this round's person."""
    app = create_base("guesser", settings)
    tokens = Tokens(settings.secret_keys)
    with app.app_context():
        for email in emails:
            start.wait(60)
            for _ in range(10):
                admission = admit_login(tokens, EVIL, email=email, now=now)
                if not isinstance(admission, Slowed):
                    log_in(email=email, password="wrong", admission=admission, replaces=None, now=now)
                outcomes.put((email, isinstance(admission, Slowed)))
        db.engine.dispose()


@pytest.mark.soak
def test_of_a_thousand_guesses_by_eight_processes_five_at_each_person_are_checked(
    world_on_either: World, record_property: Callable[[str, object], None]
) -> None:
    world = world_on_either
    emails = [SCHEDULER, *(f"person{number}@demo.example" for number in range(11))]
    spawn = multiprocessing.get_context("spawn")
    start, outcomes = spawn.Barrier(8), spawn.Queue()
    workers = [
        spawn.Process(target=guess_in_rounds, args=(world.settings, start, emails, world.now, outcomes))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    counted = Counter(outcomes.get(timeout=120) for _ in range(8 * 10 * len(emails)))
    for worker in workers:
        worker.join(60)

    record_property("figure", f"{counted.total()} guesses at {len(emails)} people")
    assert counted == {(email, slowed): 75 if slowed else 5 for email in emails for slowed in (True, False)}
