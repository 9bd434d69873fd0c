"""/healthz and /readyz: of both apps and of the jobs, on both databases."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, text

from portal import create_portal
from shared import revisions
from shared.db import db, transaction
from shared.jobs import sender_for
from shared.models import UserSession
from shared.settings import from_environ
from shared.watching import Answer, jobs_pages
from tests.actions.desk import claim
from tests.databases import PostgresTemplate, SqliteTemplate, environ_for
from tests.web.checks import PATIENT, dump
from tests.web.outside import outside_world
from tests.world import World, build_world
from vendor_portal import create_vendor_portal


def asked(client: FlaskClient, path: str = "/readyz", **headers: str) -> tuple[int, dict[str, Any]]:
    """What a probe is answered."""
    answer = client.get(path, headers=headers)
    assert answer.mimetype == "application/json"
    assert answer.json is not None
    return answer.status_code, answer.json


def jobs_asked(world: World) -> tuple[int, dict[str, Any]]:
    """What a probe of the jobs is answered."""
    answer: Answer = jobs_pages(world.jobs, sender_for(world.jobs))["/readyz"]()
    return answer.status, json.loads(answer.body)


def unwell(told: dict[str, Any]) -> set[tuple[str, ...]]:
    """What is told as not ok."""
    return {
        tuple(finding[name] for name in ("about", "job", "state") if name in finding)
        for finding in told["findings"]
        if finding["state"] != "ok"
    }


def both(world: World) -> tuple[FlaskClient, FlaskClient]:
    return world.portal.test_client(), world.vendor


def put_at(world: World, revision: str) -> None:
    """Write another migration into the database's own record."""
    with world.jobs.app_context(), transaction() as session:
        session.execute(text("update alembic_version set version_num = :revision"), {"revision": revision})


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Every statement that the two apps send."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engines = []
    for app in (world.portal, world.vendor_portal):
        with app.app_context():
            engines.append(db.engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield sent
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def test_a_process_that_answers_says_so_without_asking_the_database(world: World) -> None:
    browser = world.login()
    with statements(world) as sent:
        for client in (*both(world), browser):
            assert asked(client, "/healthz") == (200, {"status": "alive"})

        assert sent == []
        asked(browser)
        assert len(sent) > 5


def test_an_installation_in_order_is_ready_everywhere(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    world.tick()

    for code, told in (*map(asked, both(world)), jobs_asked(world)):
        assert (code, told["status"], unwell(told)) == (200, "ready", set())
    assert {finding["about"] for finding in told["findings"]} == {
        "database", "migration", "job", "due_mail", "due_request", "mail_server",
    }  # fmt: skip


def test_jobs_that_are_away_leave_the_portals_ready_and_are_red_themselves(world_on_either: World) -> None:
    world = world_on_either
    jobs = ("send_mail", "expire_requests", "remove_old_data")
    never = {("job", name, "never_ran") for name in jobs}
    for client in both(world):
        code, told = asked(client)
        assert (code, told["status"], unwell(told)) == (200, "degraded", never)
    assert jobs_asked(world)[0] == 503

    world.tick()
    world.pass_time(minutes=2, seconds=1)
    late = {("job", name, "late") for name in jobs}
    assert unwell(asked(world.vendor)[1]) == late
    code, told = jobs_asked(world)
    assert (code, told["status"], unwell(told)) == (503, "unready", late)


def test_mail_and_requests_that_wait_for_more_than_two_minutes_are_told(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.pass_time(minutes=2)
    assert not {("due_mail", "overdue")} & unwell(asked(world.vendor)[1])

    world.pass_time(seconds=1)
    code, told = asked(world.vendor)
    assert (code, told["status"]) == (200, "degraded")
    assert ("due_mail", "overdue") in unwell(told)
    [mail] = [finding for finding in told["findings"] if finding["about"] == "due_mail"]
    assert (mail["since"], mail["age_seconds"]) == ("2026-11-23T20:00:00+00:00", 121)

    world.now = world.request_of(visit).deadline
    assert ("due_request", "overdue") not in unwell(asked(world.vendor)[1])
    world.pass_time(minutes=2, seconds=1)
    assert ("due_request", "overdue") in unwell(asked(world.vendor)[1])
    assert jobs_asked(world)[0] == 503


def test_a_mail_that_a_worker_holds_is_not_due_until_its_lease_ends(world_on_either: World) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"])
    claim(world)
    world.pass_time(minutes=5)
    assert ("due_mail", "overdue") not in unwell(asked(world.vendor)[1])

    world.pass_time(minutes=2, seconds=1)
    assert ("due_mail", "overdue") in unwell(asked(world.vendor)[1])


def test_a_mail_server_that_is_away_is_told_by_the_jobs_which_stay_ready_while_nothing_waits_too_long(
    world: World,
) -> None:
    world.tick()
    world.book(ask=["Clearsign"])
    world.post.close()
    sender = sender_for(world.jobs)
    with world.jobs.app_context():
        sender.send_due(lambda: world.now)
    answer = jobs_pages(world.jobs, sender)["/readyz"]()

    told = json.loads(answer.body)
    assert (answer.status, told["status"], unwell(told)) == (200, "degraded", {("mail_server", "paused")})

    world.pass_time(minutes=2)
    world.post.open()
    other = sender_for(world.jobs)
    with world.jobs.app_context():
        assert other.send_due(lambda: world.now) == 1
        sender.send_due(lambda: world.now)  # finds nothing that waits any more
    assert not sender.waits


def test_the_newest_migration_and_the_one_before_are_served_and_so_is_a_newer_one(world_on_either: World) -> None:
    world = world_on_either
    world.tick()
    newest = revisions.head()
    before = revisions._scripts().get_revision(newest).down_revision
    assert isinstance(before, str)
    for revision, code, state in ((before, 200, "one_behind"), ("9999", 200, "unknown"), ("0001", 503, "too_old")):
        put_at(world, revision)
        for client in both(world):
            answer, told = asked(client)
            assert (answer, unwell(told)) == (code, {("migration", state)}), revision
        assert jobs_asked(world)[0] == code
    put_at(world, newest)
    assert asked(world.vendor)[1]["status"] == "ready"


def test_a_database_without_tables_or_without_a_file_is_not_ready(tmp_path: Path) -> None:
    settings = from_environ(environ_for(f"sqlite:///{tmp_path}/dispatch.sqlite3", tmp_path))
    for app in (create_portal(settings), create_vendor_portal(settings)):
        code, told = asked(app.test_client())
        assert (code, told["status"], unwell(told)) == (503, "unready", {("migration", "empty")})
    assert not (tmp_path / "dispatch.sqlite3").exists()


def test_a_database_that_is_broken_is_not_ready_and_nothing_it_says_is_told(world: World) -> None:
    world.tick()
    file = Path(world.settings.database_url.removeprefix("sqlite:///"))
    world.close()
    for extra in file.parent.glob(f"{file.name}-*"):
        extra.unlink()
    file.write_bytes(b"minutes of a meeting with " + PATIENT[0].encode() * 500)

    for client in both(world):
        code, told = asked(client)
        assert (code, told) == (503, {"status": "unready", "findings": [{"about": "database", "state": "unusable"}]})
        assert asked(client, "/healthz")[0] == 200
    world.close()


def test_a_database_that_does_not_answer_is_told_in_time_and_is_well_again_by_itself(
    postgres_template: PostgresTemplate,
) -> None:
    with postgres_template.database() as url, build_world(url) as world, ThreadPoolExecutor(1) as threads:
        world.tick()
        with world.jobs.app_context(), db.engine.connect() as holder, holder.begin() as held:
            holder.execute(text("lock table alembic_version in access exclusive mode"))
            for _ in range(3):
                began = time.monotonic()
                code, told = threads.submit(asked, world.vendor).result(20)
                assert time.monotonic() - began < 4
                assert (code, unwell(told)) == (503, {("database", "unusable")})
            held.rollback()

        until = time.monotonic() + 20
        while asked(world.vendor)[0] != 200:
            assert time.monotonic() < until
        assert asked(world.vendor)[1]["status"] == "ready"


def test_a_probe_is_no_activity_and_needs_no_login(world: World) -> None:
    client = world.login()
    world.pass_time(minutes=5)
    before = dump(world)
    for path in ("/healthz", "/readyz"):
        for asking in (client, world.portal.test_client()):
            answer = asking.get(path)
            assert "Set-Cookie" not in answer.headers
    assert dump(world) == before
    assert dump(world)[UserSession.__tablename__]


def test_who_comes_through_a_proxy_finds_no_probe_and_who_asks_from_nearby_may_use_any_name(
    sqlite_template: SqliteTemplate,
) -> None:
    with outside_world(sqlite_template, PROXY_COUNT="1") as world:
        for client in both(world):
            for path in ("/healthz", "/readyz"):
                assert client.get(path, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
                for host in ("127.0.0.1:8000", "10.1.2.3", "localhost", ""):
                    assert client.get(path, headers={"Host": host}).status_code == 200
                assert client.post(path).status_code == 405


def test_no_answer_holds_a_name_an_address_or_a_link(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.pass_time(days=3)
    told = json.dumps([asked(world.vendor), jobs_asked(world)])

    assert [word for word in (*PATIENT, "@", "://", "Clearsign", "Riverside", str(Path.cwd())) if word in told] == []
