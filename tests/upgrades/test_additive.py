"""Every migration since the last release only adds: what an older program writes is taken as before."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import BatchOperations, Operations
from flask import Flask

from shared.db import db
from tests.upgrades.migrating import RELEASED, go_down, go_up, revisions_since_release
from tests.upgrades.schema import demands, read_schema


def test_every_migration_since_the_release_is_additive(installation: Flask) -> None:
    revisions = revisions_since_release(installation)
    assert revisions
    go_down(RELEASED)
    before = read_schema(db.engine)
    for revision in revisions:
        go_up(revision)
        after = read_schema(db.engine)
        assert list(demands(before, after)) == [], f"migration {revision}"
        before = after


def test_taken_together_they_are_additive_as_well(installation: Flask) -> None:
    after = read_schema(db.engine)
    go_down(RELEASED)
    before = read_schema(db.engine)

    assert installation
    assert before != after
    assert list(demands(before, after)) == []


Change = Callable[[BatchOperations], object]


def check(values: str) -> Change:
    """Another list of values for a visit's type."""

    def change(batch: BatchOperations) -> None:
        batch.drop_constraint(batch.f("ck_visit_visit_type"), type_="check")
        batch.create_check_constraint(batch.f("ck_visit_visit_type"), sa.text(f"visit_type IN ({values})"))

    return change


NARROWER: dict[str, tuple[str, Change, str]] = {
    "a column dropped": ("visit", lambda to: to.drop_column("cancel_reason"), "column cancel_reason is gone"),
    "a column renamed": ("visit", lambda to: to.alter_column("reason", new_column_name="why"), "column reason is gone"),
    "a column retyped": ("company", lambda to: to.alter_column("phone", type_=sa.String(20)), "was VARCHAR(40)"),
    "a value to be given": (
        "visit",
        lambda to: to.alter_column("cancelled_at", nullable=False),
        "must have a value now",
    ),
    "a default dropped": (
        "visit",
        lambda to: to.alter_column("patient_search", server_default=None),
        "column patient_search has no default any more",
    ),
    "a new column to be given": (
        "job_run",
        lambda to: to.add_column(sa.Column("pid", sa.Integer(), nullable=False)),
        "and an older program gives it none",
    ),
    "a check narrowed": ("visit", check("'video'"), "check ck_visit_visit_type was"),
    "a check dropped": ("visit", lambda to: to.drop_constraint("ck_visit_visit_type", type_="check"), "is gone"),
    "a check on an old column": (
        "visit",
        lambda to: to.create_check_constraint("short", sa.text("duration_minutes < 60")),
        "is new and about an old column",
    ),
    "a value that must be unique": (
        "company",
        lambda to: to.create_unique_constraint("one_name", ["name"]),
        "('name',) must be unique now",
    ),
    "a guard dropped": ("invite", lambda to: to.drop_index("uq_invite_one_accepted"), "is gone"),
    "an index dropped": ("mail", lambda to: to.drop_index("ix_mail_due"), "ix_mail_due is gone"),
    "a reference of an old column": (
        "audit_entry",
        lambda to: to.create_foreign_key("known", "company", ["about_id"], ["id"]),
        "('about_id',) must exist in company now",
    ),
}
"""What no migration may do: on which table, how, and what is said of it."""

WIDER: dict[str, tuple[str, Change]] = {
    "a longer text": ("company", lambda to: to.alter_column("phone", type_=sa.String(60))),
    "a value that may lack": ("visit", lambda to: to.alter_column("reason", nullable=True)),
    "a check for more values": ("visit", check("'video', 'phone', 'room'")),
    "a new column": ("visit", lambda to: to.add_column(sa.Column("floor", sa.Integer()))),
    "a new column with a default": (
        "visit",
        lambda to: to.add_column(sa.Column("floor", sa.Integer(), server_default="0", nullable=False)),
    ),
    "an index": ("visit", lambda to: to.create_index("ix_visit_floor", ["duration_minutes"])),
}

STATEMENTS = {
    "a table dropped": ("DROP TABLE invite_opening", "is gone"),
    "a table renamed": ("ALTER TABLE invite_opening RENAME TO opening", "is gone"),
    "a row that can't go": (
        "CREATE TABLE favourite (id INTEGER, hunt_group_id INTEGER REFERENCES hunt_group (id))",
        "keeps rows of hunt_group from being deleted",
    ),
}


def demands_of(change: Callable[[sa.Connection], object]) -> list[str]:
    """What stands against a change of the newest tables."""
    before = read_schema(db.engine)
    with db.engine.begin() as connection:
        change(connection)
    db.engine.dispose()
    return list(demands(before, read_schema(db.engine)))


def altering(table: str, change: Change) -> Callable[[sa.Connection], None]:
    """The change as a migration makes it; SQLite may have to build the table anew."""

    def alter(connection: sa.Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table(table) as batch:
            change(batch)

    return alter


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("name", NARROWER)
def test_what_takes_something_away_is_found(name: str) -> None:
    table, change, words = NARROWER[name]
    said = demands_of(altering(table, change))

    assert any(one.startswith(f"table {table}: ") and words in one for one in said), said


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_table_that_goes_or_holds_on_to_another_is_found(name: str) -> None:
    statement, words = STATEMENTS[name]

    assert any(words in one for one in demands_of(lambda connection: connection.exec_driver_sql(statement)))


def test_triggers_that_come_or_go_are_found(installation: Flask) -> None:
    is_sqlite = installation.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    body = "BEGIN SELECT 1; END" if is_sqlite else "FOR EACH ROW EXECUTE FUNCTION refuse_trail_change()"
    comes, goes = f"CREATE TRIGGER late BEFORE INSERT ON visit {body}", "DROP TRIGGER audit_entry_no_update"
    goes += "" if is_sqlite else " ON audit_entry"

    assert demands_of(lambda connection: connection.exec_driver_sql(comes)) == [
        "table visit: trigger late may refuse what was fine"
    ]
    assert demands_of(lambda connection: connection.exec_driver_sql(goes)) == [
        "table audit_entry: triggers: audit_entry_no_update is gone"
    ]


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("name", WIDER)
def test_what_only_adds_is_fine(name: str) -> None:
    table, change = WIDER[name]

    assert demands_of(altering(table, change)) == []
