"""SIGTERM and SIGKILL to real processes: what they hold is finished in time, or due again when its lease ends."""

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPException, HTTPMessage
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, select

from shared import clock
from shared.actions.deliveries import LEASE
from shared.db import db
from shared.models import Mail, Request
from shared.states import MailState, RequestState
from tests.actions.desk import state_of
from tests.databases import PostgresTemplate
from tests.faults.smtp_script import ScriptedServer
from tests.faults.supervised import JOBS, SUPERVISOR_KILLS_AFTER, ask, gunicorn, running, wait_for
from tests.postoffice import free_port
from tests.processes.patience import PATIENCE_SECONDS
from tests.world import World, build_world

REAL_CLOCK = clock._source
"""What the processes read: the world's stands still."""


class SlowServer(ScriptedServer):
    """Takes so many seconds to say that it took a message."""

    def __init__(self, port: int, seconds: float) -> None:
        self._seconds, self._closed = seconds, threading.Event()
        super().__init__(port)

    def close(self) -> None:
        self._closed.set()
        super().close()

    def _answer(self, stage: str, line: bytes = b"") -> str:
        if stage == "END":
            self._closed.wait(self._seconds)
        return super()._answer(stage, line)


def ask_for_real(world: World, *, visits: int = 1) -> list[int]:
    """Visits of the real next week, each with mails to four companies that are due now."""
    world.now = REAL_CLOCK()
    day = (world.now + timedelta(days=7)).date()
    return [world.book(ask=["Clearsign", "Northlight", "Bridgeway", "Lumen"], day=day) for _ in range(visits)]


def held(world: World) -> list[Mail]:
    """The mails that a worker holds."""
    return [mail for mail in world.outbox() if mail.lease_owner is not None]


def settled(world: World) -> list[tuple[MailState, int]]:
    """What became of each mail so far, and by how many tries."""
    return [(mail.state, mail.attempts) for mail in world.outbox()]


def test_after_sigterm_the_mail_in_hand_is_finished_and_no_other_is_claimed(world_on_either: World) -> None:
    world, port = world_on_either, free_port()
    ask_for_real(world, visits=3)
    watched = free_port()
    settings = {"MAIL_PORT": str(port), "JOBS_PORT": str(watched)}
    with SlowServer(port, seconds=1) as server, running(world, JOBS, **settings) as jobs:
        wait_for(lambda: len(server.arrived) == 2)
        assert ask(watched, "/readyz")[0] in {200, 503}
        assert ask(watched, "/metrics")[0] == 200
        seconds = jobs.stop()
        arrived = len(server.arrived)

        assert "given up" not in jobs.log.read_text()

    assert seconds < SUPERVISOR_KILLS_AFTER
    assert arrived in {2, 3}  # one more, if it was claimed before the signal came
    assert settled(world) == [(MailState.SENT, 1)] * arrived + [(MailState.QUEUED, 0)] * (12 - arrived)
    assert held(world) == []


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_a_mail_given_up_because_its_server_hangs_is_sent_by_the_next_worker_once_its_lease_is_over(
    world_on_either: World, end: str
) -> None:
    world, port = world_on_either, free_port()
    ask_for_real(world)
    with SlowServer(port, seconds=60) as server, running(world, JOBS, MAIL_PORT=str(port)) as jobs:
        wait_for(lambda: len(server.arrived) == 1)
        if end == "SIGTERM":
            assert jobs.stop() < SUPERVISOR_KILLS_AFTER
            assert "given up" in jobs.log.read_text()
        else:
            jobs.kill()

    [mail] = held(world)
    assert mail.lease_until is not None
    assert mail.lease_until - REAL_CLOCK() <= LEASE
    for now, sent in ((mail.lease_until - timedelta(seconds=1), 3), (mail.lease_until, 4)):
        world.now = now
        world.tick()
        assert len(world.post.received) == sent
    assert str(world.post.received[-1]["Message-ID"]) == str(server.arrived[0]["Message-ID"])
    assert sorted(settled(world)) == [(MailState.SENT, 1)] * 3 + [(MailState.SENT, 2)]


def test_jobs_that_have_nothing_in_hand_end_at_once_and_so_do_those_whose_mail_server_does_not_pick_up(
    world: World,
) -> None:
    ask_for_real(world)
    mute = socket.create_server(("127.0.0.1", 0))  # takes the connection and says nothing
    with mute, running(world, JOBS, MAIL_PORT=str(mute.getsockname()[1])) as jobs:
        talk, _peer = mute.accept()
        assert jobs.stop() < SUPERVISOR_KILLS_AFTER
        talk.close()
    assert settled(world) == [(MailState.QUEUED, 0)] * 4

    with running(world, JOBS, MAIL_PORT=str(free_port())) as jobs:
        wait_for(lambda: "can't be reached" in jobs.log.read_text())
        assert jobs.stop() < SUPERVISOR_KILLS_AFTER
        assert "given up" not in jobs.log.read_text()


class Answering:
    """A company that opens its mail's link on a real port, and presses Accept in a thread of its own."""

    def __init__(self, world: World, port: int) -> None:
        self._port, self._thread = port, ThreadPoolExecutor(1)
        self._link = world.open_mail(to="Clearsign").link("accept")
        found = re.search(r'name="nonce"[^>]*?value="([^"]*)"', ask(port, self._link)[1])
        assert found
        self._nonce = found[1]

    def press(self) -> Future[tuple[int, str, HTTPMessage]]:
        """The answer, once there is one."""
        form = {"responder": "T. Boyle", "answer": "accept", "nonce": self._nonce}
        return self._thread.submit(ask, self._port, self._link, method="POST", body=urlencode(form))


def lock(connection: Connection, visit_request: int) -> None:
    """Keep everybody from answering: SQLite's one write lock, or the request's row."""
    connection.execute(select(Request.id).where(Request.id == visit_request).with_for_update())


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction that writes, and takes it back."""
    with db.engine.execution_options(write=True).connect() as connection:
        yield connection


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_after_sigterm_an_answer_that_is_being_written_is_finished_and_told(world_on_either: World) -> None:
    world, port = world_on_either, free_port()
    [visit] = ask_for_real(world)
    world.tick()
    request = world.request_of(visit).id
    with running(world, gunicorn("vendor_portal", port)) as web, ThreadPoolExecutor(1) as threads:
        wait_for(lambda: is_listening(port))
        company = Answering(world, port)
        threading.Event().wait(2)  # nobody answers within the first second
        with world.jobs.app_context(), writing() as holder:
            lock(holder, request)
            status = company.press()
            threading.Event().wait(1)
            ending = threads.submit(web.stop)
            threading.Event().wait(1)
            assert not status.done()
        assert status.result(PATIENCE_SECONDS)[0] == 303
        assert ending.result(PATIENCE_SECONDS) < SUPERVISOR_KILLS_AFTER

    assert state_of(world, visit) is RequestState.ACCEPTED


def test_an_answer_that_takes_longer_than_a_supervisor_waits_is_cut_off_and_nothing_half_written(
    postgres_template: PostgresTemplate,
) -> None:
    with postgres_template.database() as url, build_world(url) as world:
        port = free_port()
        [visit] = ask_for_real(world)
        world.tick()
        with running(world, gunicorn("vendor_portal", port)) as web:
            wait_for(lambda: is_listening(port))
            company = Answering(world, port)
            threading.Event().wait(2)
            with world.jobs.app_context(), writing() as holder:
                lock(holder, world.request_of(visit).id)
                status = company.press()
                threading.Event().wait(1)
                assert web.stop() < SUPERVISOR_KILLS_AFTER
                with pytest.raises((HTTPException, ConnectionError)):
                    status.result(PATIENCE_SECONDS)

        assert state_of(world, visit) is RequestState.PENDING
        assert {invite.answer for invite in world.invites_of(visit)} == {None}
