"""A database that is locked, full, read-only, gone or hung up in mid-request: the reader is told, nothing is half
done, nothing typed is lost, and work goes on by itself."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.test import TestResponse

from shared.db import database_fault, db, transaction
from shared.errors import CommitInDoubtError
from shared.jobs import JobRunner, job_list, sender_for
from shared.states import MailState
from tests.actions.desk import path_of
from tests.databases import PostgresTemplate, SqliteTemplate, quick_disk
from tests.faults import database_faults as faults
from tests.faults.presses import FEW, PRESSES, Press, accept, create_series, rows
from tests.faults.wire import wire_to
from tests.web.checks import csrf_of, words
from tests.web.conftest import checked
from tests.web.displays import new_screen
from tests.world import PASSWORD, World, build_world, hidden

NOTHING_CHANGED = "The database can't be reached. Nothing was changed. Try again shortly."
IN_DOUBT = "We can't tell whether that was saved"

each_press = pytest.mark.parametrize("press", PRESSES, ids=[press.__name__ for press in PRESSES])
few_presses = pytest.mark.parametrize(
    "press",
    [pytest.param(press, id=press.__name__, marks=() if press in FEW else pytest.mark.soak) for press in PRESSES],
)
"""All of them in the long run; what befalls them has little to do with which it is."""

Maker = Callable[[World], Press]
Fault = Callable[[World], AbstractContextManager[object]]


@pytest.fixture
def world_on_either(either_database: str) -> Iterator[World]:
    """A world whose pages are checked."""
    with build_world(either_database) as built:
        yield checked(built)


@pytest.fixture
def world_on_postgresql(postgres_template: PostgresTemplate) -> Iterator[World]:
    with postgres_template.database() as url, build_world(url) as built:
        yield checked(built)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections made from here on wait a moment for a lock instead of seconds."""
    monkeypatch.setattr("shared.db.SQLITE_WAIT_SECONDS", 0.2)
    monkeypatch.setattr("shared.db.POSTGRESQL_LIMITS", ("lock_timeout = '200ms'",))


def new_rows(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, int]:
    return {table: len(after[table]) - len(before[table]) for table in after}


@cache
def usual(press: Maker, template: SqliteTemplate) -> dict[str, int]:
    """How many rows each table gains when nothing goes wrong."""
    with template.database() as url, build_world(url) as built:
        going = press(checked(built))
        before = rows(built)
        assert going.go().status_code == 303
        return new_rows(before, rows(built))


def check_refused(answer: TestResponse, said: str = NOTHING_CHANGED) -> None:
    assert answer.status_code == 503, words(answer)
    assert answer.headers["Retry-After"] == "10"
    assert said in words(answer)


def check_done_once(world: World, before: dict[str, list[Any]], press: Maker, template: SqliteTemplate) -> None:
    assert new_rows(before, rows(world)) == usual(press, template)


def meets(world: World, press: Maker, fault: Fault, template: SqliteTemplate) -> None:
    """A press that meets a fault changes nothing and says so; once more, from that page, it does all, once."""
    going = press(world)
    before = rows(world)
    with fault(world):
        answer = going.go()
        check_refused(answer)
    assert rows(world) == before

    assert going.go_on(answer).status_code == 303
    check_done_once(world, before, press, template)


@few_presses
@pytest.mark.usefixtures("impatient")
def test_a_press_on_a_locked_database(world_on_either: World, sqlite_template: SqliteTemplate, press: Maker) -> None:
    world = world_on_either
    world.close()  # impatient from here on
    meets(world, press, faults.locked if faults.is_sqlite(world) else faults.row_locked, sqlite_template)


def test_a_lock_is_waited_for_five_seconds_on_sqlite(world: World, sqlite_template: SqliteTemplate) -> None:
    meets(checked(world), accept, faults.locked, sqlite_template)


@few_presses
def test_a_press_on_a_read_only_database(world_on_either: World, sqlite_template: SqliteTemplate, press: Maker) -> None:
    meets(world_on_either, press, faults.read_only, sqlite_template)


@pytest.mark.parametrize("path", ["/", "/board", "/schedule", "/visits/1", "/visits/new"])
def test_pages_are_shown_while_nothing_can_be_written(world_on_either: World, path: str) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    client = world.login()
    with faults.read_only(world):
        assert client.get(path).status_code == 200


def test_a_company_reads_its_request_while_its_opening_can_not_be_noted(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    link = world.link(visit, "Clearsign")
    with faults.read_only(world):
        answer = world.vendor.get(path_of(world, link, "accept"))
    assert (answer.status_code, hidden(answer, "nonce") != "") == (200, True)
    assert not rows(world)["invite_opening"]

    assert world.vendor.get(path_of(world, link, "accept")).status_code == 200
    assert len(rows(world)["invite_opening"]) == 1


# ---- connections that are cut


@each_press
def test_a_press_whose_connection_is_cut_at_any_statement(
    world_on_postgresql: World, sqlite_template: SqliteTemplate, press: Maker
) -> None:
    world = world_on_postgresql
    going = press(world)
    before = rows(world)
    for number in count():
        with faults.cut_at(world, number) as cut:
            answer = going.go()
        if not cut.happened:
            break
        check_refused(answer)
        assert rows(world) == before, f"something is half done after statement {number}"

    assert number > 5
    assert answer.status_code == 303
    check_done_once(world, before, press, sqlite_template)


@each_press
def test_a_press_whose_connection_is_cut_before_commit_is_in_doubt_and_can_be_repeated(
    world_on_postgresql: World, sqlite_template: SqliteTemplate, press: Maker
) -> None:
    world = world_on_postgresql
    going = press(world)
    before = rows(world)
    with faults.cut_at(world, 0, moment="commit") as cut:
        answer = going.go()
    assert cut.happened
    check_refused(answer, IN_DOUBT)
    assert rows(world) == before

    assert going.go_on(answer).status_code == 303
    check_done_once(world, before, press, sqlite_template)


@each_press
def test_a_press_whose_answer_to_commit_is_lost_is_in_doubt_and_repeated_does_nothing_twice(
    postgres_template: PostgresTemplate, sqlite_template: SqliteTemplate, press: Maker
) -> None:
    with postgres_template.database() as url, wire_to(url.partition("host=")[2]) as wire:
        name = urlsplit(url).path
        with build_world(f"postgresql://postgres@127.0.0.1:{wire.port}{name}") as world:
            going = press(checked(world))
            before = rows(world)
            with wire.losing_answers_to_commit():
                answer = going.go()
            assert wire.lost == 1
            check_refused(answer, IN_DOUBT)
            check_done_once(world, before, press, sqlite_template)

            assert going.go_on(answer).status_code in {200, 303, 410}  # a company reads how things stand
            check_done_once(world, before, press, sqlite_template)


def test_words_after_something_was_saved_claim_nothing_about_it(world_on_postgresql: World) -> None:
    world = world_on_postgresql
    client = world.portal.test_client()
    sent = {"csrf_token": csrf_of(client.get("/login")), "email": "admin@demo.example", "password": PASSWORD}
    with faults.cut_after_commit(world):
        check_refused(client.post("/login", data=sent), IN_DOUBT)


def test_that_somebody_was_seen_is_nothing_that_was_saved(world_on_postgresql: World) -> None:
    world = world_on_postgresql
    client = world.login()
    world.pass_time(minutes=1)
    with faults.cut_after_commit(world):
        check_refused(client.get("/"))


def test_that_a_screen_was_seen_is_nothing_that_was_saved_either(world_on_postgresql: World) -> None:
    world = world_on_postgresql
    screen = new_screen(world)
    world.pass_time(minutes=2)
    with faults.cut_after_commit(world):
        check_refused(screen.get("/display/board"))


def test_connections_that_the_server_closed_while_they_were_idle_are_not_used(world_on_postgresql: World) -> None:
    world = world_on_postgresql
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    for _ in range(3):
        with psycopg.connect(faults.address_of(world), autocommit=True) as connection:
            faults.hang_up(connection)
        assert client.get(f"/visits/{visit}").status_code == 200
        world.tick()


def test_when_no_connection_is_free_the_reader_is_told_and_the_next_one_gets_one(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_either
    client = world.login()
    with world.portal.app_context():
        engine = db.engine
    monkeypatch.setattr(engine.pool, "_timeout", 0.1)
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(engine.connect())
        check_refused(client.get("/"))

    assert client.get("/").status_code == 200


# ---- a disk that is full


@pytest.fixture
def world_on_small_disk(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[tuple[World, Fault]]:
    """A world whose SQLite file is alone on a small disk, and how that gets full."""
    with ExitStack() as stack:
        if os.geteuid() == 0:
            folder = stack.enter_context(faults.mounted(tmp_path / "disk", megabytes=8))
            full: Fault = full_after_checkpoint
        else:
            folder, full = tmp_path, faults.sqlite_full
        file = shutil.copy(file_in(stack.enter_context(sqlite_template.database())), folder)
        yield checked(stack.enter_context(build_world(f"sqlite:///{file}"))), full


def file_in(url: str) -> str:
    return url.removeprefix("sqlite:///")


@contextmanager
def full_after_checkpoint(world: World) -> Iterator[None]:
    """Nothing is left, not even what SQLite keeps for its next writes."""
    world.close()
    with closing(sqlite3.connect(faults.file_of(world))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with faults.disk_full(faults.file_of(world).parent):
        yield


@few_presses
def test_a_press_on_a_full_disk(
    world_on_small_disk: tuple[World, Fault], sqlite_template: SqliteTemplate, press: Maker
) -> None:
    world, full = world_on_small_disk
    meets(world, press, full, sqlite_template)


def test_a_press_while_the_disk_of_postgresqls_tables_is_full(
    postgres_template: PostgresTemplate, sqlite_template: SqliteTemplate
) -> None:
    with ExitStack() as stack:
        above = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dispatch-disk-", dir=quick_disk())))
        above.chmod(0o711)
        user = "pgserver" if os.geteuid() == 0 else None
        folder = stack.enter_context(faults.mounted(above / "disk", megabytes=32, user=user))
        world = checked(stack.enter_context(build_world(stack.enter_context(postgres_template.database_in(folder)))))
        meets(world, create_series, lambda _world: faults.disk_full(folder), sqlite_template)


# ---- the jobs


@pytest.mark.usefixtures("impatient")
def test_a_mail_that_the_server_took_while_the_database_went_away_is_marked_when_it_is_back_and_sent_once(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_either
    world.close()
    world.book(ask=["Clearsign"])
    monkeypatch.setattr("shared.sender.MARK_PAUSES_SECONDS", (0.5,) * 20)
    fault = ExitStack()

    def go_away(_message: object) -> str:
        """The database goes away between the last dot and the mark, and is back after a second."""
        fault.enter_context(faults.locked(world) if faults.is_sqlite(world) else faults.row_locked(world))
        Timer(1, fault.close).start()
        return "250 OK"

    world.post.data_reply = go_away
    world.tick()

    [mail] = world.outbox()
    assert (mail.state, mail.attempts, mail.in_doubt) == (MailState.SENT, 1, False)
    assert len(world.post.received) == 1


@pytest.mark.parametrize("fault", [faults.read_only, faults.away], ids=["read-only", "away"])
def test_jobs_wait_and_go_on_by_themselves(world: World, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    world.book(ask=["Clearsign"])
    runner, jobs = JobRunner(world.jobs), job_list(sender_for(world.jobs))
    with fault(world):
        assert not any(runner.run(job) for job in jobs)
    assert "Traceback" not in caplog.text

    assert all(runner.run(job) for job in jobs)
    assert world.outbox()[0].state is MailState.SENT


def test_an_error_tells_no_values_of_its_statement(world_on_either: World) -> None:
    with world_on_either.jobs.app_context(), pytest.raises(DBAPIError) as error, transaction() as session:
        session.execute(text("SELECT nothing FROM nowhere WHERE name = :name"), {"name": "Jonah Pike"})

    assert "Jonah Pike" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "is_fault"),
    [
        (PoolTimeoutError(), True),
        (CommitInDoubtError(), True),
        (PendingRollbackError(code="8s2b"), True),
        (PendingRollbackError(code="7s2a"), False),
        (ZeroDivisionError(), False),
        (IntegrityError("", {}, psycopg.errors.UniqueViolation()), False),
        (ProgrammingError("", {}, psycopg.errors.SyntaxError()), False),
        (ProgrammingError("", {}, psycopg.errors.UndefinedColumn()), True),
        (InternalError("", {}, psycopg.errors.ReadOnlySqlTransaction()), True),
        (InternalError("", {}, psycopg.errors.IdleInTransactionSessionTimeout()), True),
        (InternalError("", {}, psycopg.errors.InvalidTransactionState()), False),
        (OperationalError("", {}, psycopg.errors.DiskFull()), True),
        (OperationalError("", {}, psycopg.errors.LockNotAvailable()), True),
        (OperationalError("", {}, psycopg.errors.DeadlockDetected()), True),
        (OperationalError("", {}, psycopg.errors.CannotConnectNow()), True),
        (OperationalError("", {}, psycopg.OperationalError("server closed the connection")), True),
        (ProgrammingError("", {}, psycopg.ProgrammingError(), connection_invalidated=True), True),
    ],
    ids=lambda value: type(getattr(value, "orig", None) or value).__name__,
)
def test_troubles_of_the_database_are_told_from_bugs(error: Exception, is_fault: bool) -> None:
    assert bool(database_fault(error)) is is_fault


def test_a_wrong_statement_is_a_bug_on_sqlite_too(world: World) -> None:
    with world.jobs.app_context(), pytest.raises(OperationalError) as error, transaction() as session:
        session.execute(text("SELEKT 1"))

    assert database_fault(error.value) == ""
