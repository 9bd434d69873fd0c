"""The trail can only grow: the database itself refuses everything else, whoever asks."""

from collections.abc import Callable
from operator import methodcaller

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.audit import SYSTEM, AuditEvent, record
from shared.db import db, transaction
from shared.models import AuditEntry
from tests.actions.desk import snapshot
from tests.world import World

TRIGGERS = {
    "sqlite": {"audit_entry_no_update", "audit_entry_no_delete", "audit_entry_no_replace"},
    "postgresql": {"audit_entry_no_update", "audit_entry_no_delete", "audit_entry_no_truncate"},
}

_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'",
    "postgresql": (
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit_entry'::regclass AND NOT tgisinternal AND tgenabled = 'O'"
    ),
}

REFUSED = "audit_entry is append-only"


def with_a_line(world: World) -> int:
    """A world whose trail holds something; the first line's id."""
    world.book(ask=["Clearsign"])
    return world.trail()[0].id


def refused(world: World, act: Callable[[Session], object]) -> str:
    """What the database says to an act, which has to leave everything as it was."""
    rows = snapshot(world)
    with world.jobs.app_context(), pytest.raises(DBAPIError) as error, transaction() as session:
        act(session)
    assert snapshot(world) == rows
    return str(error.value)


def test_the_triggers_exist_at_the_newest_migration(world_on_either: World) -> None:
    with world_on_either.jobs.app_context(), db.engine.connect() as connection:
        kind = connection.dialect.name
        assert set(connection.scalars(text(_NAMES[kind]))) == TRIGGERS[kind]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET what = 'nothing'",
        "UPDATE audit_entry SET actor_user_id = NULL WHERE id = :id",
        "UPDATE audit_entry SET at = at WHERE id = :id",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_entry WHERE id = :id",
    ],
)
def test_no_statement_changes_or_removes_a_line(world_on_either: World, statement: str) -> None:
    first = with_a_line(world_on_either)

    values = {"id": first} if ":id" in statement else {}
    assert REFUSED in refused(world_on_either, lambda session: session.execute(text(statement), values))


def test_no_object_changes_or_removes_a_line(world_on_either: World) -> None:
    first = with_a_line(world_on_either)

    def change(session: Session) -> None:
        session.get_one(AuditEntry, first).what = "nothing"

    def remove(session: Session) -> None:
        session.delete(session.get_one(AuditEntry, first))

    assert REFUSED in refused(world_on_either, change)
    assert REFUSED in refused(world_on_either, remove)


def test_postgresql_does_not_empty_the_table_at_once(world_on_either: World) -> None:
    with_a_line(world_on_either)
    if world_on_either.settings.database_url.startswith("sqlite"):
        return  # SQLite knows no TRUNCATE: a DELETE without WHERE is what it has

    for statement in ("TRUNCATE audit_entry", "TRUNCATE audit_entry CASCADE", "TRUNCATE clinic CASCADE"):
        assert REFUSED in refused(world_on_either, methodcaller("execute", text(statement)))


@pytest.mark.parametrize("verb", ["REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_sqlite_does_not_put_a_line_in_the_place_of_another(world: World, verb: str) -> None:
    first = with_a_line(world)
    statement = f"{verb} INTO audit_entry (id, clinic_id, at, what, fields) VALUES (:id, :clinic, :at, 'x', '[]')"
    values = {"id": first, "clinic": world.clinic.id, "at": "2026-11-23 20:00:00.000000"}

    assert REFUSED in refused(world, lambda session: session.execute(text(statement), values))


def test_postgresql_does_not_upsert_over_a_line(world_on_either: World) -> None:
    first = with_a_line(world_on_either)
    if world_on_either.settings.database_url.startswith("sqlite"):
        return  # its upsert is told by the test above
    statement = (
        "INSERT INTO audit_entry (id, clinic_id, at, what, fields) VALUES (:id, :clinic, now(), 'x', '[]') "
        "ON CONFLICT (id) DO UPDATE SET what = 'x'"
    )
    values = {"id": first, "clinic": world_on_either.clinic.id}

    assert REFUSED in refused(world_on_either, lambda session: session.execute(text(statement), values))


def test_new_lines_are_written_as_ever(world_on_either: World) -> None:
    world = world_on_either
    with_a_line(world)
    before = world.trail()

    with world.jobs.app_context(), transaction() as session:
        record(session, AuditEvent.SETTINGS_CHANGED, clinic_id=world.clinic.id, by=SYSTEM, now=world.now)

    assert [entry.id for entry in world.trail()][:-1] == [entry.id for entry in before]
    assert world.trail()[-1].what == "settings_changed"
