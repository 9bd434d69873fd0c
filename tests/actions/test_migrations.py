"""Migrations: up, down and up again, with data and without, and nothing left between them and the models."""

from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from shared.db import Base, db
from shared.settings import from_environ
from shared.web import create_base
from tests.actions.desk import snapshot
from tests.databases import environ_for
from tests.world import World


@pytest.fixture
def installation(either_database: str, tmp_path: Path) -> Iterator[Flask]:
    """An app on a migrated database without data."""
    app = create_base("jobs", from_environ(environ_for(either_database, tmp_path)))
    with app.app_context():
        yield app
        db.engine.dispose()


def tables() -> set[str]:
    """The tables of the database, but for Alembic's own."""
    db.engine.dispose()
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def differences() -> list[object]:
    """What a newly written migration would change."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))


def index_text(index: ReflectedIndex) -> str:
    options = sorted((name, str(value)) for name, value in index.get("dialect_options", {}).items())
    return f"{index['name']} {index['column_names']} {bool(index['unique'])} {options}"


def shape() -> dict[str, object]:
    """Columns, constraints and indexes of every table, in an order that does not depend on how they were made."""
    looked = inspect(db.engine)
    return {
        table: [
            sorted((c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns(table)),
            sorted(index_text(index) for index in looked.get_indexes(table)),
            sorted(str(unique["column_names"]) for unique in looked.get_unique_constraints(table)),
            sorted(str(check["sqltext"]) for check in looked.get_check_constraints(table)),
            sorted(str((key["constrained_columns"], key["referred_table"])) for key in looked.get_foreign_keys(table)),
        ]
        for table in tables()
    }


@pytest.mark.usefixtures("installation")
def test_the_models_and_the_newest_migration_are_the_same() -> None:
    assert tables() == set(Base.metadata.tables)
    assert differences() == []


@pytest.mark.usefixtures("installation")
def test_every_migration_leads_down_to_nothing_and_up_again_to_the_same() -> None:
    flask_migrate.upgrade()  # a run may begin one behind the newest
    before = shape()
    flask_migrate.downgrade(revision="base")
    assert tables() == set()

    flask_migrate.upgrade()
    assert shape() == before
    assert differences() == []


def checks() -> dict[str, list[str]]:
    """Every CHECK of every table, as the database understands it."""
    looked = inspect(db.engine)
    return {
        table: sorted(f"{check['name']} {check['sqltext']}" for check in looked.get_check_constraints(table))
        for table in tables()
    }


@pytest.mark.usefixtures("installation")
def test_a_migrated_database_checks_and_finds_what_the_models_say() -> None:
    migrated = shape(), checks()
    with db.engine.begin() as connection:
        Base.metadata.drop_all(connection)
    with db.engine.begin() as connection:
        Base.metadata.create_all(connection)

    assert (shape(), checks()) == migrated


def test_migrating_a_migrated_database_changes_nothing_and_loses_nothing(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.decline(visit, "Clearsign")
    rows = snapshot(world)
    with world.jobs.app_context():
        flask_migrate.upgrade()

    assert snapshot(world) == rows


def test_a_database_with_data_can_be_taken_down_and_used_again(world_on_either: World) -> None:
    world = world_on_either
    world.accept(world.book(ask=["Clearsign"]), "Clearsign")
    with world.jobs.app_context():
        flask_migrate.downgrade(revision="base")
        assert tables() == set()
        flask_migrate.upgrade()
    world.clinic = world.add_clinic()

    assert world.book(ask=["Clearsign"])


def revision_called(word: str) -> str:
    """The migration whose title begins so."""
    scripts = ScriptDirectory(str(Path(__file__).parents[2] / "shared" / "migrations"))
    [found] = [script.revision for script in scripts.walk_revisions() if script.doc.startswith(word)]
    return found


def test_an_update_alone_removes_nothing_clinics_that_were_there_keep_all_for_ten_years(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(patient_name="Zoë Quill")
    kept = text("SELECT keep_patients_days, keep_contacts_days FROM clinic")
    with world.jobs.app_context():
        flask_migrate.downgrade(revision=f"{revision_called('retention')}-1")
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert connection.execute(kept).all() == [(3650, 3650)]
    world.pass_time(days=3000)
    world.tick()
    assert snapshot(world)["visit"][0][0] == visit
    assert "Zoë Quill" in repr(snapshot(world))

    world.add_clinic("Harbor Family Health", domain="harbor")
    with world.jobs.app_context(), db.engine.connect() as connection:
        assert connection.execute(kept).all()[1] == (365, 730)
