"""Starts the product's processes as the Procfile does, real gunicorn and real jobs, each in a process of its own.

What a test needs inside is put in from here, before the product runs: the clock that all of them share, jobs without
pauses, and whatever ``prepare`` does. The product knows nothing of it. Processes are forks of one that has imported
everything, since that takes longer than all else.
"""

import multiprocessing
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from string import Template
from typing import Any

from apscheduler.schedulers.base import BaseScheduler
from gunicorn.app import wsgiapp

import portal
import vendor_portal
from shared import clock, jobs
from shared.cli import main as command_line
from shared.web import ROOT
from tests.processes.clockwork import CommonClock
from tests.processes.patience import PATIENCE_SECONDS

FORKED_FROM = (portal, vendor_portal, jobs)
"""What every process needs, imported once."""

CYCLE_SECONDS = 0.05
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, "pytest"])


def procfile_line(name: str, environ: Mapping[str, str]) -> list[str]:
    """The words that start this process in development, from the program on."""
    for line in (ROOT / "Procfile").read_text().splitlines():
        process, _colon, command = line.partition(": ")
        if process == name:
            words = shlex.split(Template(command).substitute({"WITH_PARENT": ""} | dict(environ)))
            return words[words.index("exec") + 1 :]
    raise AssertionError(f"the Procfile has no {name}")


@dataclass
class Running:
    """A started process, and all that it has started itself."""

    process: BaseProcess
    log: Path

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive()

    def kill(self) -> None:
        """SIGKILL, to it and to its children at once."""
        if self.process.is_alive():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has just begun: no group, no children
                os.kill(self.pid, signal.SIGKILL)
        self.wait_for_death()

    def wait_for_death(self) -> None:
        """Until it was killed; anything else fails."""
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode == -signal.SIGKILL, f"{self.process.exitcode}: {self.log.read_text()}"


def nothing() -> None:
    """What a process is prepared with unless a test says otherwise."""


def start(
    name: str,
    environ: Mapping[str, str],
    common: CommonClock,
    *more: str,
    log: Path,
    prepare: Callable[[], None] = nothing,
) -> Running:
    """Start what the Procfile calls by this name; ``more`` are words that its line has not."""
    words = [*procfile_line(name, environ), *more]
    process = _forks.Process(target=_live, args=(words, dict(environ), common.file, log, prepare), name=name)
    process.start()
    return Running(process, log)


def _live(words: list[str], environ: dict[str, str], clock_file: Path, log: Path, prepare: Callable[[], None]) -> None:
    """The process itself, from here to its end."""
    os.setpgid(0, 0)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.update(environ)
    BaseScheduler.add_job = _without_pauses(BaseScheduler.add_job)
    prepare()
    with clock.stopped_at(CommonClock(clock_file).read):
        if words[0].endswith("gunicorn"):
            sys.argv = words
            wsgiapp.run()
        else:
            command_line(words[words.index("shared.cli") + 1 :])


def _without_pauses(add_job: Callable[..., Any]) -> Callable[..., Any]:
    """Jobs run one cycle after the other, by the machine's time: the product's may stand still, or be another."""

    def add(scheduler: BaseScheduler, job: Callable[..., Any], *args: Any, **options: Any) -> Any:
        options.pop("next_run_time", None)  # by the product's clock
        return add_job(scheduler, job, *args, **options | {"seconds": CYCLE_SECONDS})

    return add
