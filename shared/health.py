"""What is well with a running installation and what is not: one judgement, for the probes and for ``check``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from shared import revisions
from shared.db import db
from shared.jobs import Job
from shared.queries import Heartbeat, heartbeats, outbox_depth, requests_due_since
from shared.revisions import Standing

LATE_AFTER = timedelta(minutes=2)
"""Far more than the ten seconds between two heartbeats, and than what is due ever waits for its job."""


class About(StrEnum):
    """What was looked at. The words are for machines: rename none."""

    DATABASE = "database"
    MIGRATION = "migration"
    JOB = "job"
    DUE_MAIL = "due_mail"
    DUE_REQUEST = "due_request"
    MAIL_SERVER = "mail_server"


class State(StrEnum):
    """What was found. The words are for machines: rename none."""

    OK = "ok"
    UNUSABLE = "unusable"
    EMPTY = "empty"
    TOO_OLD = "too_old"
    ONE_BEHIND = "one_behind"
    UNKNOWN = "unknown"
    NEVER_RAN = "never_ran"
    LATE = "late"
    OVERDUE = "overdue"
    PAUSED = "paused"


WEB_STOPS = frozenset({State.UNUSABLE, State.EMPTY, State.TOO_OLD})
"""What keeps a web process from answering anybody. That the jobs are away does not: its pages are right without them,
and taking it out of service would help nobody."""

JOBS_STOP = WEB_STOPS | {State.NEVER_RAN, State.LATE, State.OVERDUE}
"""What makes the jobs red: they are there so that nothing waits."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``since``: when the job last completed, or what is due has been due from.
    ``words``: what the database's driver said, for whoever mends it and for nobody else."""

    about: About
    state: State
    job: str = ""
    started_at: datetime | None = None
    since: datetime | None = None
    words: str = ""


def look(jobs: Iterable[Job], *, now: datetime) -> tuple[Finding, ...]:
    """Look at the database, its migration, each job, and the oldest row that is due. What stands on something that is
    missing is left out."""
    try:
        return tuple(_findings(jobs, now))
    except SQLAlchemyError as error:
        return (unusable(str(getattr(error, "orig", None) or type(error).__name__)),)


def unusable(words: str) -> Finding:
    """The database can't be used."""
    return Finding(About.DATABASE, State.UNUSABLE, words=words.strip().partition("\n")[0])


def _findings(jobs: Iterable[Job], now: datetime) -> Iterator[Finding]:
    migration = _migration(revisions.heads_of(db.engine))
    yield Finding(About.DATABASE, State.OK)
    yield Finding(About.MIGRATION, migration)
    if migration in WEB_STOPS:
        return
    beats = heartbeats()
    yield from (_job(job, beats.get(job.name), now) for job in jobs)
    yield _due(About.DUE_MAIL, outbox_depth(now=now).due_since, now)
    yield _due(About.DUE_REQUEST, requests_due_since(now=now), now)


def _migration(heads: tuple[str, ...]) -> State:
    """A database that a newer program has migrated is no obstacle: migrations only add, so the old program goes on."""
    if not heads:
        return State.EMPTY
    known = {Standing.HEAD: State.OK, Standing.ONE_BEHIND: State.ONE_BEHIND, Standing.BEHIND: State.TOO_OLD}
    return known.get(revisions.standing_of(heads), State.UNKNOWN)


def _job(job: Job, beat: Heartbeat | None, now: datetime) -> Finding:
    """A time that is to come is as bad as one long past: it is left from before the clock was set back."""
    if beat is None:
        return Finding(About.JOB, State.NEVER_RAN, job.name)
    allowed = max(LATE_AFTER, 2 * timedelta(seconds=job.every_seconds))
    done = beat.completed_at
    state = State.OK if done is not None and abs(now - done) <= allowed else State.LATE
    return Finding(About.JOB, state, job.name, beat.started_at, done)


def _due(about: About, since: datetime | None, now: datetime) -> Finding:
    overdue = since is not None and now - since > LATE_AFTER
    return Finding(about, State.OVERDUE if overdue else State.OK, since=since)
