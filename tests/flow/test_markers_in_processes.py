"""The same life in real processes, started as the Procfile starts them: what they write names nobody and no secret."""

import http.client
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import Client

from shared import clock
from tests.databases import SqliteTemplate, environ_for
from tests.flow.life import Life, live, live_a_little
from tests.flow.markers import Watch
from tests.flow.places import PLACES
from tests.flow.test_markers import SECRETS, SETTINGS, note_rest, run_commands
from tests.postoffice import free_port
from tests.world import World, build_world

ROOT = Path(__file__).parents[2]
PROCESSES = ("portal", "vendor", "jobs")
PATIENCE = 90.0


def commands() -> dict[str, str]:
    """What the Procfile starts."""
    return dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))


def wait_for(done: Callable[[], bool], what: str) -> None:
    """Wait until it is so."""
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, f"{what} took too long"
        time.sleep(0.05)


def site_at(port: int) -> Callable[..., Iterable[bytes]]:
    """A site in another process, as an app that a test client can call."""

    def forward(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers |= {"CONTENT-TYPE": environ.get("CONTENT_TYPE", ""), "HOST": f"127.0.0.1:{port}"}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # what is too long is not read to its end
                connection.request(environ["REQUEST_METHOD"], environ["REQUEST_URI"], body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        start_response(f"{answer.status} {answer.reason}", answer.getheaders())
        return [content]

    return forward


@contextmanager
def running(environ: dict[str, str], folder: Path) -> Iterator[None]:
    """The processes, each writing into a file of its own, until the block ends."""
    started = []
    try:
        for name in PROCESSES:
            with (folder / f"{name}.log").open("wb") as file:
                command = ["sh", "-c", commands()[name]]
                started.append(
                    subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, stdout=file, stderr=subprocess.STDOUT)
                )
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


@contextmanager
def living(url: str, folder: Path) -> Iterator[tuple[World, Life, Watch]]:
    """The story in processes of their own, over one database and one mail server."""
    began, start = clock.utc_now(), time.monotonic()
    ports = {name: free_port() for name in ("PORTAL", "VENDOR")}
    addresses = {
        "PORTAL_URL": f"http://127.0.0.1:{ports['PORTAL']}",
        "VENDOR_PORTAL_URL": f"http://127.0.0.1:{ports['VENDOR']}",
        **{name: value for name, value in SETTINGS.items() if name != "MAIL_PASSWORD"},
    }
    with ExitStack() as stack:
        world = stack.enter_context(build_world(url, **addresses))
        world.now = began
        world.add_clinic("Harbor Family Health", domain="harbor")
        mail = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(world.post.port), "WITH_PARENT": ""}
        mail |= {f"{name}_PORT": str(port) for name, port in ports.items()}
        stack.enter_context(running(environ_for(url, folder, **addresses, **mail), folder))
        watch = Watch()
        for name, value in SECRETS.items():
            watch.mark(name, value)
        life = Life(
            world,
            watch,
            now=lambda: began + timedelta(seconds=time.monotonic() - start),
            new_portal_client=lambda: Client(site_at(ports["PORTAL"])),
            new_vendor_client=lambda: Client(site_at(ports["VENDOR"])),
            catch_up=lambda: wait_for(lambda: not queued(life), "sending mail"),
            stumble=lambda: wait_for(lambda: b"send_mail failed" in (folder / "jobs.log").read_bytes(), "failing"),
            wait=time.sleep,
        )
        for name in ports:
            wait_for(lambda port=ports[name]: answers(port), f"starting {name}")  # type: ignore[misc]
        yield world, life, watch


def answers(port: int) -> bool:
    """Whether a site has begun to listen."""
    try:
        return Client(site_at(port)).get("/favicon.ico").status_code == 200
    except OSError:
        return False


def queued(life: Life) -> int:
    """How many mails wait."""
    with life.engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM mail WHERE state = 'queued'")).scalar_one()


def written(folder: Path) -> str:
    """What the processes wrote."""
    return "\n".join((folder / f"{name}.log").read_text() for name in PROCESSES)


def test_processes_write_of_what_fails_and_of_nobody(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    with sqlite_template.database() as url, living(url, tmp_path) as (world, life, watch):
        live_a_little(life)
        note_rest(world, watch, written(tmp_path))

    said = written(tmp_path)
    assert "Unexpected error in POST visits.create" in said
    assert "Job send_mail failed" in said
    found = watch.places()
    assert {kind: places - PLACES[kind] for kind, places in found.items()} == {kind: set() for kind in found}
    assert found["patient's name"] >= {"database visit.patient_name", "page of the clinic"}


@pytest.mark.soak
def test_after_a_whole_life_in_processes_everything_is_where_it_belongs(either_database: str, tmp_path: Path) -> None:
    with living(either_database, tmp_path) as (world, life, watch):
        live(life)
        run_commands(world, watch, tmp_path)
        note_rest(world, watch, written(tmp_path))

    assert watch.places() == PLACES
