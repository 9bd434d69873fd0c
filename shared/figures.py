"""The figures that stand in the database, read when Prometheus asks. One process tells them, so that nobody counts them
twice."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from flask import Flask
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from shared import clock
from shared.queries import first_answers, heartbeats, outbox_depth, requests_by_state, requests_due_since

DAY = timedelta(days=1)

WAITS_SECONDS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""The steps in which waits for a first answer are counted: a minute to a day."""


class RowFigures(Collector):
    """What the rows say now. While the database is away, that alone is told."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: being registered must not ask the database."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily | GaugeHistogramMetricFamily]:
        """Every figure, each by one statement."""
        up = GaugeMetricFamily("dispatch_database_up", "Whether the figures of the rows could be read.")
        found: list[GaugeMetricFamily | GaugeHistogramMetricFamily] = []
        with self._app.app_context():
            try:
                found += _figures(clock.utc_now())
            except SQLAlchemyError:
                found.clear()
        up.add_metric((), float(bool(found)))
        return [up, *found]


def _figures(now: datetime) -> Iterator[GaugeMetricFamily | GaugeHistogramMetricFamily]:
    requests = GaugeMetricFamily("dispatch_requests", "Requests by the state they are in.", labels=("state",))
    for state, number in requests_by_state().items():
        requests.add_metric((state,), number)
    yield requests
    mails = outbox_depth(now=now)
    yield _gauge("dispatch_outbox_mails", "Mails that have not left.", mails.queued)
    yield _gauge("dispatch_outbox_due_mails", "Mails that could leave now.", mails.due)
    yield _gauge("dispatch_outbox_oldest_due_seconds", "How long the first of them waits.", _age(mails.due_since, now))
    since = requests_due_since(now=now)
    yield _gauge("dispatch_requests_oldest_due_seconds", "How long the first waits to be closed.", _age(since, now))
    completed = GaugeMetricFamily(
        "dispatch_job_last_completed_timestamp_seconds", "When a job last came to its end.", labels=("job",)
    )
    for name, beat in heartbeats().items():
        if beat.completed_at is not None:
            completed.add_metric((name,), beat.completed_at.timestamp())
    yield completed
    yield _waits(first_answers(within=DAY, now=now))


def _waits(waits: Sequence[timedelta]) -> GaugeHistogramMetricFamily:
    """The waits as a histogram of the last day: a gauge, which rises and falls."""
    seconds = [wait.total_seconds() for wait in waits]
    steps = [bisect_left(WAITS_SECONDS, second) for second in seconds]
    buckets = [(str(float(limit)), sum(step <= place for step in steps)) for place, limit in enumerate(WAITS_SECONDS)]
    family = GaugeHistogramMetricFamily(
        "dispatch_first_answer_seconds", "How long requests waited for their first answer, of those of the last day."
    )
    family.add_metric((), [*buckets, ("+Inf", len(seconds))], gsum_value=sum(seconds))
    return family


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _age(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since else 0.0
