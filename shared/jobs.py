"""The jobs: one readable list, run by APScheduler in a process of their own.

Each is harmless if two processes run it, or none for a day: rows say what is due, actions do each once.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.job import Job as ScheduledJob
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask

from shared import clock
from shared.actions import (
    expire_request,
    mark_job_completed,
    mark_job_started,
    remove_old_contacts,
    remove_old_logins,
    remove_old_notes,
    remove_old_patients,
)
from shared.db import database_fault, db, empty_log
from shared.mails import MailRenderer
from shared.metrics import JOB_FAILURES, JOB_SECONDS
from shared.queries import clinic_ids, due_request_ids
from shared.sender import Sender
from shared.web import Services, services

log = logging.getLogger(__name__)

SWEEP_LIMIT = 500
REMOVAL_SHARE = 100
"""Rows that one transaction of a removal empties: others wait for it no longer than for a large visit."""
REMOVAL_SHARES = 10
"""Shares of a kind in one cycle; the rest waits for the next."""
HEARTBEAT_EVERY = timedelta(seconds=10)
COMPLAIN_EVERY = timedelta(minutes=1)

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
STOP_WITHIN_SECONDS = 8
"""How long a cycle may go on after a stop: supervisors kill after ten."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its name, how often, what one cycle does, and whether the last one had to leave undone what was due."""

    name: str
    every_seconds: int
    cycle: Callable[[], object]
    waits: Callable[[], bool] = lambda: False


def job_list(sender: Sender) -> tuple[Job, ...]:
    """Everything that happens by itself."""
    return (
        Job("send_mail", 1, lambda: sender.send_due(clock.utc_now), lambda: sender.waits),
        Job("expire_requests", 2, expire_due_requests),
        Job("remove_old_data", 60, remove_old_data),
    )


def expire_due_requests() -> None:
    """Close the requests whose deadline has come, one transaction each."""
    now = clock.utc_now()
    for request_id in due_request_ids(limit=SWEEP_LIMIT, now=now):
        expire_request(request_id, now=now)


def remove_old_data() -> None:
    """Remove what names people and has been kept long enough, a share after the other."""
    now, settings = clock.utc_now(), services().settings
    for clinic_id in clinic_ids():
        for remove in (remove_old_patients, remove_old_notes, remove_old_contacts):
            _in_shares(partial(remove, clinic_id, limit=REMOVAL_SHARE, now=now))
    keep, longest = timedelta(days=settings.keep_logins_days), timedelta(hours=settings.session_absolute_hours)
    _in_shares(partial(remove_old_logins, keep=keep, longest_login=longest, limit=REMOVAL_SHARE, now=now))
    empty_log(db.engine)


def _in_shares(remove: Callable[[], int]) -> None:
    for _share in range(REMOVAL_SHARES):
        if remove() < REMOVAL_SHARE:
            return


def sender_for(app: Flask) -> Sender:
    """An outbox worker with the app's settings."""
    parts: Services = app.extensions["services"]
    settings = parts.settings
    return Sender(
        app.extensions["mail"],
        MailRenderer(settings, parts.tokens),
        sender=settings.mail_sender,
        timeout_seconds=settings.mail_timeout_seconds,
        ca_file=settings.mail_ca_file,
    )


class JobRunner:
    """Runs cycles inside the app's context, keeps the heartbeat, and survives a failing cycle.

    While the database is away it says so once a minute for each job.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._beats: dict[str, datetime] = {}
        self._complaints: dict[str, datetime] = {}

    def run(self, job: Job) -> bool:
        """One cycle. An error is logged and False returned: the next cycle tries again what is still due."""
        with self._app.app_context():
            try:
                beat = self._beat_is_due(job)
                if beat:
                    mark_job_started(job.name, now=clock.utc_now())
                with JOB_SECONDS.labels(job.name).time():
                    job.cycle()
                if beat:
                    mark_job_completed(job.name, now=clock.utc_now())
            except Exception as error:
                self._beats.pop(job.name, None)
                JOB_FAILURES.labels(job.name).inc()
                fault = database_fault(error)
                if not fault:
                    log.exception("Job %s failed; it runs again in %s s.", job.name, job.every_seconds)
                elif _is_time(self._complaints, job, COMPLAIN_EVERY):
                    log.error("Job %s waits: the database can't be used (%s).", job.name, fault)
                return False
        if self._complaints.pop(job.name, None):
            log.info("Job %s goes on.", job.name)
        return True

    def _beat_is_due(self, job: Job) -> bool:
        return _is_time(self._beats, job, HEARTBEAT_EVERY)


def _is_time(last: dict[str, datetime], job: Job, every: timedelta) -> bool:
    """Whether it was long enough ago, or is yet to come by a clock that was set back; then it counts anew from now."""
    now = clock.utc_now()
    if job.name in last and abs(now - last[job.name]) < every:
        return False
    last[job.name] = now
    return True


class SteadyStore(MemoryJobStore):  # type: ignore[misc]  # without types of its own
    """Jobs in memory that a step of the clock does not stop: set back by hours, APScheduler alone would wait for
    hours; set forward, it would count every run that it missed. A job off by more than its interval runs now."""

    def get_due_jobs(self, now: datetime) -> list[ScheduledJob]:
        """The jobs to run now; APScheduler asks at least once per interval, by a clock that nobody sets."""
        for job in self.get_all_jobs():
            if abs(job.next_run_time - now) > job.trigger.interval:
                job.modify(next_run_time=now)
        found: list[ScheduledJob] = super().get_due_jobs(now)
        return found


def hold_stop_signals() -> None:
    """Let SIGTERM and SIGINT wait for ``serve``. Before any other thread begins: one that does not hold them would take
    them, and the process would end at once."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def serve(app: Flask, sender: Sender) -> None:
    """Run all jobs until SIGTERM or SIGINT. Then no mail is claimed any more and cycles that have begun are finished; a
    cycle that hangs is given up in time, as by a crash: what it held is due again when its lease ends. Call
    ``hold_stop_signals`` first.

    In memory, because a database store kills its own thread on one "database is locked"; coalesced and without a
    misfire limit, because a late cycle is better than none.
    """
    scheduler = BlockingScheduler(
        timezone=UTC,
        jobstores={"default": SteadyStore()},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    runner = JobRunner(app)
    for job in job_list(sender):
        scheduler.add_job(
            runner.run,
            "interval",
            args=[job],
            id=job.name,
            seconds=job.every_seconds,
            next_run_time=clock.utc_now(),
        )

    def stop() -> None:
        signal.sigwait(STOP_SIGNALS)
        sender.stop()
        scheduler.shutdown(wait=False)
        time.sleep(STOP_WITHIN_SECONDS)  # a daemon's sleep: it ends with a process that ends before
        log.warning("A cycle did not come to its end within %s s: given up", STOP_WITHIN_SECONDS)
        logging.shutdown()
        os._exit(0)

    stopper = threading.Thread(target=stop, daemon=True)
    scheduler.add_listener(lambda _event: stopper.start(), EVENT_SCHEDULER_STARTED)
    scheduler.start()
