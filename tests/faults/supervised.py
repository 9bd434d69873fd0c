"""The product's processes as a supervisor runs them: started, told to stop, and waited for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path

from tests.databases import environ_for
from tests.postoffice import free_port
from tests.processes.patience import PATIENCE_SECONDS, attempts
from tests.world import World

ROOT = Path(__file__).parents[2]
JOBS = (sys.executable, "-m", "shared.cli", "jobs", "serve")
SUPERVISOR_KILLS_AFTER = 10.0
"""Seconds after SIGTERM."""


class Process:
    """A process whose lines can be read."""

    def __init__(self, command: tuple[str, ...], environ: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as file:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | environ, stdout=file, stderr=subprocess.STDOUT
            )

    def stop(self) -> float:
        """SIGTERM; gives the seconds until it ended, with 0, less what a busy machine is late by."""
        began = time.monotonic()
        self.popen.send_signal(signal.SIGTERM)
        assert self.popen.wait(PATIENCE_SECONDS) == 0, self.log.read_text()
        return time.monotonic() - began - lateness()

    def kill(self) -> None:
        """SIGKILL."""
        self.popen.kill()
        self.popen.wait()


def lateness() -> float:
    """What this machine is late by at the moment: ten times what it takes to do nothing in a new process."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", ""], check=True)
    return 10 * (time.monotonic() - began)


@contextmanager
def running(world: World, command: tuple[str, ...], **more: str) -> Iterator[Process]:
    """One process over the world's database, ended at the end whatever happens. It has a clock of its own."""
    folder = world.settings.instance_path
    environ = environ_for(world.settings.database_url, folder, **{"MAIL_PORT": str(free_port()), **more})
    process = Process(command, environ, folder / "process.log")
    try:
        yield process
    finally:
        process.kill()


def gunicorn(app: str, port: int, *, workers: int = 2) -> tuple[str, ...]:
    """The command that serves one of the two apps."""
    bind = ("--bind", f"127.0.0.1:{port}", "--workers", str(workers))
    return (sys.executable, "-m", "gunicorn", *bind, f"wsgi:{app}")


def wait_for(what: Callable[[], object]) -> None:
    """Wait until something is so. A busy machine takes its time to start a process."""
    for _ in attempts("it does not come about"):
        if what():
            return


def ask(port: int, path: str, *, method: str = "GET", body: str = "", **headers: str) -> tuple[int, str, HTTPMessage]:
    """One request on a connection of its own: status, text and headers of its answer."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as talk:
        talk.request(method, path, body or None, kind | headers)
        answer = talk.getresponse()
        return answer.status, answer.read().decode(), answer.headers
