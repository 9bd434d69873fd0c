"""Starts deeds at the same moment, each with connections of its own, as if each were another process."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy import text as sql

from shared.actions import AnswerOutcome
from shared.db import db, reading, transaction
from shared.models import Mail, Request
from shared.settings import Settings
from shared.states import MailState
from shared.tokens import VerifiedLink
from shared.web import create_base
from tests.world import World

T = TypeVar("T")
PATIENCE = 20.0
"""Seconds after which racers that have not met are given up."""


@lru_cache(maxsize=64)
def _racer(settings: Settings, _number: int) -> Flask:
    """An app with an engine of its own, kept for the next race of these settings."""
    return create_base("racer", settings)


class Racers:
    """As many apps as there are deeds to do at once, kept from round to round."""

    def __init__(self, world: World, count: int) -> None:
        self._world = world
        self._apps = [_racer(world.settings, number) for number in range(count)]
        self._threads = ThreadPoolExecutor(count)

    def race(self, deeds: Sequence[Callable[[], T]], *, gate: int = 0) -> list[T]:
        """Do all deeds at once and return what they came to, in the order given. An error in one rises.

        ``gate``: the id of a request whose row is held until all deeds wait for it, so that the race is as close as
        it can be.
        """
        barrier = Barrier(len(deeds) + 1)

        def run(app: Flask, deed: Callable[[], T]) -> T:
            with app.app_context():
                with reading() as session:
                    session.execute(select(1))  # connected before the start
                barrier.wait(PATIENCE)
                return deed()

        with ExitStack() as stack:
            running = [self._threads.submit(run, app, deed) for app, deed in zip(self._apps, deeds, strict=False)]
            if gate:
                stack.enter_context(held(self._world, gate))
            barrier.wait(PATIENCE)
            if gate:
                wait_for_waiters(self._world, len(deeds))
        return [deed.result(PATIENCE) for deed in running]

    def start(self, deed: Callable[[], T]) -> Future[T]:
        """Start one deed that brings its own connections, and don't wait for it."""
        return self._threads.submit(deed)

    def close(self) -> None:
        """Let go of all threads and connections."""
        self._threads.shutdown()
        for app in self._apps:
            with app.app_context():
                db.engine.dispose()


@contextmanager
def racers(world: World, count: int) -> Iterator[Racers]:
    """Racers for one test."""
    group = Racers(world, count)
    try:
        yield group
    finally:
        group.close()


@contextmanager
def held(world: World, request_id: int) -> Iterator[None]:
    """Hold a request's row (on SQLite: the database) as a slow writer would."""
    with world.jobs.app_context(), transaction() as session:
        session.execute(select(Request.id).where(Request.id == request_id).with_for_update())
        yield


def wait_for_waiters(world: World, count: int, *, at_most_seconds: float = 1.0) -> None:
    """Until so many connections wait for a lock. SQLite can't tell: a moment's sleep."""
    waiting = sql(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    until = time.monotonic() + at_most_seconds
    with world.portal.app_context():
        if db.engine.dialect.name == "sqlite":
            time.sleep(0.05)
            return
        while time.monotonic() < until:
            with reading() as session:
                if session.scalars(waiting).one() >= count:
                    return
            time.sleep(0.005)


def deliver_all(world: World) -> None:
    """Every queued mail has left, without the trouble of sending it."""
    with world.jobs.app_context(), transaction() as session:
        session.execute(update(Mail).where(Mail.state == MailState.QUEUED).values(state=MailState.SENT))


def ask_many(world: World, count: int) -> tuple[int, list[VerifiedLink]]:
    """A visit for which so many companies were asked, and their links; all mails have left."""
    names = [f"Company{number}" for number in range(count)]
    for name in names:
        if name not in world.clinic.companies:
            world.add_company(name)
    visit = world.book(ask=names)
    deliver_all(world)
    return visit, [world.link(visit, name) for name in names]


def check_one_winner(outcomes: Sequence[AnswerOutcome]) -> None:
    """One answer was taken and every other refused."""
    assert Counter(outcomes) == {AnswerOutcome.TAKEN: 1, AnswerOutcome.REFUSED: len(outcomes) - 1}
