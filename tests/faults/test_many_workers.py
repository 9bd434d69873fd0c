"""Ten outbox workers in processes of their own, on one outbox."""

import multiprocessing
from datetime import datetime
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from shared.db import db
from shared.jobs import sender_for
from shared.queries import mail_is_due
from shared.settings import Settings
from shared.states import MailState
from shared.web import create_base
from tests.world import World

WORKERS = 10
PATIENCE = 120.0
"""Seconds: ten processes start slowly on a busy machine."""


def work(settings: Settings, start: Barrier, now: datetime, counts: Any) -> None:
    """One worker: wait for the others, then send until nothing is due."""
    app, sent = create_base("worker", settings), 0
    with app.app_context():
        sender = sender_for(app)
        start.wait(PATIENCE)
        while mail_is_due(now=now):
            sent += sender.send_due(lambda: now)
        db.engine.dispose()
    counts.put(sent)


def send_with_ten(world: World) -> list[int]:
    """How many mails each of ten workers has sent when nothing is left to send."""
    server = multiprocessing.get_context("forkserver")  # imports once for all of them
    server.set_forkserver_preload(["shared.jobs"])
    start, counts = server.Barrier(WORKERS), server.Queue()
    arguments = (world.settings, start, world.now, counts)
    workers = [server.Process(target=work, args=arguments) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        return [counts.get(timeout=PATIENCE) for _ in workers]  # each has ended its work by then
    finally:
        for worker in workers:
            worker.join(1)
            worker.kill()
            worker.join()


def book_many(world: World, visits: int) -> None:
    for _ in range(visits):
        world.book(ask=["Clearsign", "Northlight", "Bridgeway", "Lumen"])


def check_each_sent_once(world: World, count: int) -> None:
    ids = [str(message["Message-ID"]) for message in world.post.received]
    assert len(ids) == len(set(ids)) == count
    assert {(mail.state, mail.attempts, mail.in_doubt) for mail in world.outbox()} == {(MailState.SENT, 1, False)}


def test_ten_workers_send_each_mail_once(world_on_either: World) -> None:
    world = world_on_either
    book_many(world, 25)
    counts = send_with_ten(world)

    assert sum(counts) == 100
    assert sum(count > 0 for count in counts) > 1, "one worker did all"
    check_each_sent_once(world, 100)


@pytest.mark.soak
def test_ten_workers_send_two_thousand_mails_once_each(world_on_either: World) -> None:
    world = world_on_either
    book_many(world, 500)
    assert sum(send_with_ten(world)) == 2000
    check_each_sent_once(world, 2000)
