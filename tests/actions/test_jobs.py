"""The jobs: their heartbeat, and what a failing cycle does."""

import logging
from datetime import datetime, timedelta

import pytest

from shared.db import reading
from shared.jobs import HEARTBEAT_EVERY, Job, JobRunner
from shared.models import JobRun
from shared.queries import due_request_ids
from tests.world import START, TOMORROW, World


def beats(world: World) -> dict[str, tuple[datetime, datetime | None]]:
    """When each job last began and ended."""
    with world.jobs.app_context(), reading() as session:
        return {run.name: (run.started_at, run.completed_at) for run in session.query(JobRun)}


def test_every_job_leaves_a_heartbeat(world_on_either: World) -> None:
    world = world_on_either
    world.tick()

    assert beats(world) == dict.fromkeys(("send_mail", "expire_requests", "remove_old_data"), (START, START))


def test_a_heartbeat_is_written_every_ten_seconds_not_at_every_cycle(world: World) -> None:
    runner, job = JobRunner(world.jobs), Job("idle", 1, lambda: None)
    runner.run(job)
    world.now += HEARTBEAT_EVERY - timedelta(seconds=1)
    runner.run(job)
    assert beats(world)["idle"][0] == START

    world.pass_time(seconds=1)
    runner.run(job)
    assert beats(world)["idle"] == (world.now, world.now)


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_jumps_does_not_stop_the_heartbeat(world: World, step: timedelta) -> None:
    runner, job = JobRunner(world.jobs), Job("idle", 1, lambda: None)
    runner.run(job)
    world.now += step
    runner.run(job)

    assert beats(world)["idle"] == (world.now, world.now)


def test_a_failing_cycle_is_logged_leaves_its_heartbeat_unfinished_and_is_run_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    cycles = iter([ZeroDivisionError("no luck"), None])

    def cycle() -> None:
        if error := next(cycles):
            raise error

    runner, job = JobRunner(world.jobs), Job("unlucky", 1, cycle)
    with caplog.at_level(logging.ERROR):
        assert not runner.run(job)
    assert "Job unlucky failed" in caplog.text
    assert beats(world)["unlucky"] == (START, None)

    world.pass_time(seconds=1)
    assert runner.run(job)
    assert beats(world)["unlucky"] == (world.now, world.now)


def test_the_longest_overdue_request_is_closed_first_and_a_sweep_takes_no_more_than_its_share(
    world_on_either: World,
) -> None:
    world = world_on_either
    requests = []
    for hours in (3, 1, 2):
        world.now = START + timedelta(hours=hours)
        requests.append(world.request_of(world.book(ask=["Clearsign"], day=TOMORROW + timedelta(days=3))).id)
    later = START + timedelta(days=5)

    with world.jobs.app_context():
        assert due_request_ids(limit=10, now=world.now) == []
        assert due_request_ids(limit=10, now=later) == [requests[1], requests[2], requests[0]]
        assert due_request_ids(limit=2, now=later) == [requests[1], requests[2]]
