"""The jobs from the command line: listed, run once, and served by a process of their own."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.console import Console, console_of
from tests.databases import environ_for
from tests.postoffice import free_port
from tests.world import World

ROOT = Path(__file__).parents[2]


def row_of(said: str, job: str) -> str:
    """A job's row of the list, blanks made one."""
    return next(" ".join(line.split()) for line in said.splitlines() if line.startswith(job))


def test_the_list_names_every_job_how_often_it_runs_and_when_it_last_ran(world_on_either: World) -> None:
    world = world_on_either
    console = console_of(world)
    said = console.does("jobs", "list")
    assert row_of(said, "send_mail") == "send_mail 1 s never never"

    world.tick()
    world.pass_time(hours=1)
    said = console.does("jobs", "list")
    for job in ("send_mail 1 s", "expire_requests 2 s", "remove_old_data 60 s"):
        assert row_of(said, job.split()[0]) == f"{job} 2026-11-23 20:00:00 UTC 2026-11-23 20:00:00 UTC"


def test_one_job_runs_once_and_no_other(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    console = console_of(world)
    assert "expire_requests: done" in console.does("jobs", "run", "expire_requests")
    assert world.post.received == []

    assert "send_mail: done" in console.does("jobs", "run", "send_mail")
    assert len(world.post.received) == 1

    world.now = world.request_of(visit).deadline + timedelta(seconds=1)
    console.does("jobs", "run", "expire_requests")
    assert world.badge(visit) == "Not Accepted"
    assert "2026-11-24" in row_of(console.does("jobs", "list"), "expire_requests")


def test_a_failing_cycle_ends_with_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("shared.jobs.due_request_ids", broken)
    assert "expire_requests failed" in console_of(world).refuses("jobs", "run", "expire_requests")


@pytest.mark.parametrize("words", [("jobs", "run", "send_mail"), ("tick",)])
def test_mail_that_waits_for_a_mail_server_that_is_away_ends_with_one(world: World, words: tuple[str, ...]) -> None:
    console = console_of(world)
    world.post.close()
    assert "send_mail: done" in console.does(*words)  # nothing is due

    world.book(ask=["Clearsign"])
    said = console.refuses(*words)
    assert "send_mail waits: the mail server can't be reached" in said
    assert ("expire_requests: done" in said) == (words == ("tick",))
    assert "send_mail: done" not in said
    assert "expire_requests: done" in console.does("jobs", "run", "expire_requests")

    world.post.open()
    assert "send_mail: done" in console.does(*words)
    assert len(world.post.received) == 1


def test_an_unknown_job_is_answered_with_the_names(console: Console) -> None:
    said = console.refuses("jobs", "run", "send_males", code=2)

    assert "There is no job send_males. There are send_mail, expire_requests, remove_old_data" in said


@pytest.mark.parametrize("words", [("list",), ("run", "send_mail")])
def test_without_tables_there_is_nothing_to_list_or_run(bare_console: Console, words: tuple[str, ...]) -> None:
    assert "Run: python -m shared.cli migrate" in bare_console.refuses("jobs", *words)


def test_every_command_that_make_and_the_procfile_call_exists(bare_console: Console) -> None:
    called = re.findall(r"-m shared\.cli (.+)", (ROOT / "Procfile").read_text() + (ROOT / "Makefile").read_text())
    assert len(called) >= 3

    for words in called:
        assert "Usage:" in bare_console.does(*shlex.split(words), "--help")
    for words in re.findall(r"python -m shared\.cli ([a-z-]+)", (ROOT / "docs" / "operations.md").read_text()):
        assert "Usage:" in bare_console.does(words, "--help")


@contextmanager
def served(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The jobs in a process of their own, ended at the end whatever happens."""
    environ = environ_for(f"sqlite:///{folder}/dispatch.sqlite3", folder, MAIL_PORT=str(free_port()))
    command = [sys.executable, "-m", "shared.cli", "jobs", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_served_jobs_run_until_they_are_told_to_stop(bare_console: Console, tmp_path: Path) -> None:
    bare_console.does("migrate")
    with served(tmp_path) as process:
        until = time.monotonic() + 20
        while "never" in bare_console.does("jobs", "list"):
            assert time.monotonic() < until
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize("words", [("tick",), ("jobs", "serve")])
def test_without_tables_jobs_say_what_to_run(bare_console: Console, words: tuple[str, ...]) -> None:
    said = bare_console.refuses(*words)

    assert "The database has no tables yet. Run: python -m shared.cli migrate" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("migrate",), ("tick",), ("prepare",), ("jobs", "list")])
def test_a_database_out_of_reach_is_a_sentence(bare_console: Console, words: tuple[str, ...]) -> None:
    nowhere = bare_console.setting(DATABASE_URL="postgresql://x@127.0.0.1:1/x")

    assert "The database can't be used" in nowhere.refuses(*words)


def test_a_port_for_the_jobs_that_another_has_is_a_sentence(bare_console: Console) -> None:
    bare_console.does("migrate")
    with socket.create_server(("127.0.0.1", 0)) as other:
        environ = bare_console.setting(JOBS_PORT=str(other.getsockname()[1])).environ
        command = [sys.executable, "-m", "shared.cli", "jobs", "serve"]
        said = subprocess.run(command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=60)

    assert (said.returncode, said.stderr) == (1, "Error: JOBS_PORT can't be used: Address already in use.\n")
