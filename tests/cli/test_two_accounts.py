"""docs/operations.md, "Two accounts": its SQL as it stands, and the product under the rights that are left."""

import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from shared.actions import add_language, ask_password_reset, remove_language
from shared.db import Base
from shared.models import AuditEntry
from shared.states import Role
from tests.actions.changing import ask_again, cancel, edit
from tests.actions.people import admin, deactivate
from tests.cli.console import Console, console_of
from tests.databases import POSTGRES_VARIABLE, environ_for
from tests.world import World, build_world

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
AS_ADMINISTRATOR, AS_OWNER = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


CLINIC = {
    "name": "Harbor Family Health",
    "time-zone": "America/New_York",
    "contact-phone": "+1 555 0150",
    "contact-email": "desk@harbor.example",
    "dial-in-number": "+1 555 0151",
    "admin-name": "Robin Castellanos",
    "admin-email": "robin@harbor.example",
}


@dataclass(frozen=True)
class Accounts:
    """A database made by the printed SQL: the addresses of its two accounts, whose names are this test's own."""

    name: str
    folder: Path

    def url(self, account: str) -> str:
        host = psycopg.conninfo.conninfo_to_dict(os.environ[POSTGRES_VARIABLE])["host"]
        return f"postgresql://{self.name}_{account}@/{self.name}?host={host}"

    def console(self, account: str) -> Console:
        return Console(environ_for(self.url(account), self.folder))

    def run(self, script: str, address: str) -> None:
        """Each statement by itself, under names that no other test uses."""
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in re.sub(r"\bdispatch(?=_owner|_user|\b)", self.name, script).split(";"):
                if statement.strip():
                    connection.execute(statement.encode())


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts(f"two_{uuid.uuid4().hex[:12]}", tmp_path)
    administrator = os.environ[POSTGRES_VARIABLE]
    made.run(AS_ADMINISTRATOR, administrator)
    try:
        made.console("owner").does("migrate")
        made.run(AS_OWNER, made.url("owner"))
        yield made
    finally:
        made.run(
            "DROP DATABASE dispatch WITH (FORCE); DROP ROLE dispatch_owner; DROP ROLE dispatch_user", administrator
        )


def test_the_product_runs_with_the_users_rights(accounts: Accounts) -> None:
    with build_world(accounts.url("user")) as world:
        live_through_a_day(world)
        world.tick()
        assert "MEND" not in console_of(world).does("check")


def live_through_a_day(world: World) -> None:
    """Everything that writes: answers, changes, the administrator's work, passwords, jobs, another clinic."""
    won, lost = (world.book(ask=["Clearsign", "Northlight"]) for _ in range(2))
    world.tick()
    world.mails(to="Clearsign")[0].press("Accept")
    world.open_mail(to="Northlight").press("Decline")
    assert world.badge(won) == "Accepted"
    edit(world, won, notes="Cardiology vocabulary.")
    ask_again(world, won)
    cancel(world, lost, why="The patient is away.")
    with world.jobs.app_context():
        assert add_language(admin(world), "fr", now=world.now)
        remove_language(admin(world), "fr", now=world.now)
        ask_password_reset("staff@demo.example", now=world.now)
    deactivate(world, world.clinic.users["staff"])
    assert "Cardiology" in world.login(Role.ADMIN).get(f"/visits/{won}").text
    words = [f"--{name}={value}" for name, value in CLINIC.items()]
    console_of(world).does("create-clinic", "--yes", "--password-stdin", *words, typed="maple quarry lantern ferry\n")


REFUSED = [
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "ALTER TABLE visit ADD COLUMN mine int",
    "DROP TABLE visit",
    "TRUNCATE mail",
    "UPDATE audit_entry SET what = 'nothing'",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_entry",
    "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    "DROP FUNCTION refuse_trail_change() CASCADE",
    "UPDATE alembic_version SET version_num = '0001'",
]


def test_what_the_user_has_no_need_of_is_refused(accounts: Accounts) -> None:
    with psycopg.connect(accounts.url("user"), autocommit=True) as connection:
        for statement in REFUSED:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_user_reads_and_writes_each_table_and_only_adds_to_the_trail(accounts: Accounts) -> None:
    with psycopg.connect(accounts.url("user")) as connection:
        for table in Base.metadata.tables:
            held = {
                right
                for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
                if connection.execute("SELECT has_table_privilege(%s, %s)", (table, right)).fetchone() == (True,)
            }
            adds = {"SELECT", "INSERT"}
            assert held == (adds if table == AuditEntry.__tablename__ else adds | {"UPDATE", "DELETE"}), table


def test_the_user_may_read_all_that_a_dump_holds(accounts: Accounts) -> None:
    found = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace"
    with psycopg.connect(accounts.url("user"), autocommit=True) as connection:
        names = [name for (name,) in connection.execute(found)]
        assert {"visit", "visit_id_seq"} <= set(names)
        for name in names:
            connection.execute(f"SELECT * FROM {name}".encode())


def test_what_a_later_migration_adds_is_the_users_too(accounts: Accounts) -> None:
    accounts.run("CREATE TABLE later (id bigserial PRIMARY KEY, word text)", accounts.url("owner"))

    accounts.run(
        "INSERT INTO later (word) VALUES ('new'); UPDATE later SET word = 'old'; DELETE FROM later",
        accounts.url("user"),
    )


def test_a_migration_under_the_wrong_account_says_which_is_the_right_one(accounts: Accounts) -> None:
    accounts.run("UPDATE alembic_version SET version_num = '0003'", accounts.url("owner"))

    said = accounts.console("user").refuses("migrate")
    assert "This needs the account that owns the tables in DATABASE_URL" in said
