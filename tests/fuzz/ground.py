"""Where it is fuzzed: two clinics on one database, which is put back as it was after whatever wrote into it.

What is sent begins as something right: each form as a page renders it, filled in (tests/web/sending.py), and each
address of the table of routes, as whoever may call it.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url

from shared.db import db
from shared.states import Role
from tests.web.clinics import TwoClinics, two_clinics
from tests.web.routes import GET, PORTAL, VENDOR, addresses, path_of
from tests.web.sending import FORMS, at_desk
from tests.world import World

Pairs = tuple[tuple[str, str], ...]

SENDERS = (Role.ADMIN, Role.PROVIDER)
"""Who fills in forms: the role that may do all, and the one that sees its own visits alone."""


@dataclass(frozen=True, slots=True)
class Right:
    """A request that would be taken, and the cookie of whoever sends it."""

    app: str
    endpoint: str
    method: str
    path: str
    query: Pairs
    body: Pairs
    cookie: str


class Kept(Protocol):
    """A database as it was at one moment."""

    def restore(self) -> None:
        """Put it back. Nobody may be connected."""


class KeptSqlite:
    """A copy of the file."""

    def __init__(self, file: Path) -> None:
        self._file, self._copy = file, file.with_suffix(".kept")
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copy(file, self._copy)

    def restore(self) -> None:
        """Copy it back, without what was written behind it."""
        for end in ("-wal", "-shm"):
            Path(f"{self._file}{end}").unlink(missing_ok=True)
        shutil.copy(self._copy, self._file)


class KeptPostgres:
    """A second database, as a template of the first."""

    def __init__(self, url: str) -> None:
        found = make_url(url)
        self._server = found.set(database="postgres").render_as_string(hide_password=False)
        self._name, self._copy = str(found.database), f"{found.database}_kept"
        self._execute(f'drop database if exists "{self._copy}"')
        self._execute(f'create database "{self._copy}" template "{self._name}"')

    def restore(self) -> None:
        """Make the first anew from the second."""
        self._execute(f'drop database "{self._name}" with (force)')
        self._execute(f'create database "{self._name}" template "{self._copy}"')

    def forget(self) -> None:
        """Remove the second."""
        self._execute(f'drop database "{self._copy}" with (force)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


class Ground:
    """The world that is thrown at, and what is right in it."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.clinics: TwoClinics = two_clinics(world)
        self.right = (*_forms(self.clinics), *_addresses(self.clinics))
        self._now, self._is_dirty = world.now, False
        self._engines = [self._engine(app) for app in (world.portal, world.vendor_portal, world.jobs)]
        self._let_go()
        self._kept = (
            KeptPostgres(url) if url.startswith("postgresql") else KeptSqlite(Path(make_url(url).database or ""))
        )
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._watch)

    @property
    def is_sqlite(self) -> bool:
        """Which of the two databases it is."""
        return self.url.startswith("sqlite")

    def client(self, app: str) -> FlaskClient:
        """A browser that keeps no cookies: each request brings its own."""
        found: Flask = self.world.portal if app == "portal" else self.world.vendor_portal
        return found.test_client(use_cookies=False)

    def renew(self) -> None:
        """As it was at the beginning."""
        self.world.now = self._now
        if self._is_dirty:
            self._let_go()
            self._kept.restore()
            self._is_dirty = False

    def close(self) -> None:
        """Listen no more, and leave nothing behind."""
        for engine in self._engines:
            event.remove(engine, "before_cursor_execute", self._watch)
        self._let_go()
        if isinstance(self._kept, KeptPostgres):
            self._kept.forget()

    def _watch(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        self._is_dirty = self._is_dirty or statement.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}

    def _let_go(self) -> None:
        for engine in self._engines:
            engine.dispose()

    @staticmethod
    def _engine(app: Flask) -> Engine:
        with app.app_context():
            return db.engine


@contextmanager
def fuzz_ground(world: World, url: str) -> Iterator[Ground]:
    """A ground that is tidied up afterwards."""
    ground = Ground(world, url)
    try:
        yield ground
    finally:
        ground.close()


def _forms(clinics: TwoClinics) -> Iterator[Right]:
    """Every form, filled in by each sender who may use it."""
    rows = {**PORTAL, **VENDOR}
    for role in SENDERS:
        desk = at_desk(clinics.world, clinics.mine, role)
        for endpoint, fill_in in FORMS.items():
            may = rows[endpoint].who
            if role is not Role.ADMIN and role not in may:
                continue
            sent = fill_in(desk)
            pairs = tuple((name, value) for name, values in sent.values.items() for value in values)
            is_get = sent.method == GET
            yield Right(
                app="vendor_portal" if sent.client.application is clinics.world.vendor_portal else "portal",
                endpoint=endpoint,
                method=sent.method,
                path=sent.path,
                query=pairs if is_get else (),
                body=() if is_get else pairs,
                cookie=_cookie(sent.client),
            )


def _addresses(clinics: TwoClinics) -> Iterator[Right]:
    """Every address that is read, as an administrator and as a stranger; Harbor's things among Riverside's."""
    world = clinics.world
    cookie = _cookie(world.login(Role.ADMIN))
    for name, app, table in (("portal", world.portal, PORTAL), ("vendor_portal", world.vendor_portal, VENDOR)):
        for address in addresses(app, table):
            for things in (clinics.mine, clinics.theirs) if address.is_owned else (clinics.mine,):
                path = path_of(app, address, things)
                row = table[address.endpoint]
                yield Right(name, address.endpoint, row.method, path, (), (), cookie if name == "portal" else "")


def _cookie(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    return f"session={found.value}" if found else ""
