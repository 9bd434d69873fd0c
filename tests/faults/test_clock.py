"""A clock that is set forward or back, days on which zones move theirs, and the 29th of February."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shared import times
from shared.models import Clinic
from shared.queries import heartbeats
from shared.repeat import Repeat
from shared.states import Frequency, MailState, RequestState
from tests.actions.changing import family
from tests.actions.desk import press, state_of
from tests.databases import environ_for
from tests.web.checks import values_of
from tests.web.conftest import checked
from tests.world import World

ROOT = Path(__file__).parents[2]
MILLISECOND, HOUR = timedelta(milliseconds=1), timedelta(hours=1)
NOON, MORNING = wall_time(12), wall_time(9, 30)

ZONES = (
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",  # at midnight
    "America/Santiago",  # its summer is in January
    "Europe/London",
    "Australia/Lord_Howe",  # by half an hour
)


def edges(zone: str) -> list[date]:
    """The days of 2027 whose noon does not come 24 hours after the noon before."""
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range(365)]
    noons = [times.place(day, NOON, zone).instant for day in days]
    return [day for day, (before, noon) in zip(days[1:], pairwise(noons), strict=True) if noon - before != 24 * HOUR]


EDGES = [(zone, day) for zone in ZONES for day in edges(zone)]


def at(day: date, wall: wall_time, zone: str) -> datetime:
    return times.place(day, wall, zone).instant


def tick_hourly(world: World, *, until: datetime) -> None:
    """The jobs run, hour by hour, and nothing holds them up."""
    while world.now < until:
        world.now = min(world.now + HOUR, until)
        world.tick()
        with world.jobs.app_context():
            assert {beat.completed_at for beat in heartbeats().values()} == {world.now}


def test_each_of_the_six_zones_moves_its_clock_twice_a_year() -> None:
    assert [zone for zone, _day in EDGES] == [zone for zone in ZONES for _ in range(2)]


@pytest.mark.parametrize(("zone", "day"), EDGES, ids=[f"{zone} {day}" for zone, day in EDGES])
def test_a_day_and_a_night_over_the_moving_of_a_clock(world: World, zone: str, day: date) -> None:
    checked(world)
    world.change(Clinic, world.clinic.id, time_zone=zone)
    world.now = begun = at(day - timedelta(days=1), NOON, zone)
    later, daily = day + timedelta(days=3), Repeat(Frequency.DAILY, count=4)
    in_time = world.book(ask=["Clearsign"], day=later)
    too_late = world.book(ask=["Northlight"], day=later)
    soon = world.book(ask=["Lumen"], day=day, wall=MORNING)
    series = world.book(ask=["Bridgeway"], day=day - timedelta(days=1), wall=wall_time(18), repeat=daily)
    world.tick()

    # A day of waiting is 24 hours, whatever a clock on the wall shows; the mail says what is enforced.
    deadline = world.request_of(in_time).deadline
    assert deadline == begun + timedelta(hours=24)
    assert deadline.astimezone(ZoneInfo(zone)).time() != NOON
    assert times.moment_text(deadline, zone) in world.open_mail(to="Clearsign").text
    assert times.moment_text(deadline, "America/Denver") not in world.open_mail(to="Clearsign").text

    # A visit's deadline is its start where that comes first, and its door opens a quarter of an hour before it.
    starts = at(day, MORNING, zone)
    assert world.request_of(soon).deadline == starts
    assert world.accept(soon, "Lumen") == "taken"
    world.tick()
    meet = world.open_mail(to="Lumen").link("meet")
    tick_hourly(world, until=starts - timedelta(minutes=15) - MILLISECOND)
    assert world.vendor.get(f"{meet}/join").location == meet
    world.now += MILLISECOND
    assert world.vendor.get(f"{meet}/join").location != meet

    # To the millisecond: the last moment counts, the next one does not.
    tick_hourly(world, until=deadline - MILLISECOND)
    assert press(world, world.link(in_time, "Clearsign"), "accept").status_code == 303
    world.now = deadline
    assert press(world, world.link(too_late, "Northlight"), "accept").status_code == 410
    world.tick()
    assert [state_of(world, visit) for visit in (in_time, too_late)] == [RequestState.ACCEPTED, RequestState.EXPIRED]

    # A series stays at its wall time.
    visits = family(world, series)
    assert {visit.starts_at.astimezone(ZoneInfo(zone)).time() for visit in visits} == {wall_time(18)}
    gaps = {after.starts_at - before.starts_at for before, after in pairwise(visits)}
    assert len(gaps) == 2
    world.tick()
    assert not [mail for mail in world.outbox() if mail.state is MailState.QUEUED]


def test_the_29th_of_february_is_a_day_like_others(world_on_either: World) -> None:
    world = checked(world_on_either)
    zone, leap = "America/Los_Angeles", date(2028, 2, 29)
    world.change(Clinic, world.clinic.id, invite_duration_seconds=30 * 24 * 3600)
    world.now = at(date(2028, 1, 30), NOON, zone)
    monthly = Repeat(Frequency.MONTHLY, month_day=31, count=4)
    series = world.book(ask=["Clearsign"], day=date(2028, 1, 31), repeat=monthly)
    visit = world.book(ask=["Northlight"], day=leap, wall=wall_time(23, 30), duration_minutes=60)
    waiting = world.book(ask=["Lumen"], day=date(2028, 3, 20))
    world.tick()

    assert [str(found.occurs_on) for found in family(world, series)] == [
        "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30",
    ]  # fmt: skip
    assert "Tue 29 Feb 2028, 23:30" in world.open_mail(to="Northlight").text
    assert "Wed 1 Mar 2028" in world.open_mail(to="Northlight").text  # where it ends
    assert world.request_of(waiting).deadline == at(leap, NOON, zone)
    assert "Tue 29 Feb 2028, 12:00" in world.open_mail(to="Lumen").text
    world.accept(visit, "Northlight")

    world.now = at(leap, NOON, zone)
    world.tick()
    assert state_of(world, waiting) is RequestState.EXPIRED
    client = world.login()
    for path in ("/", "/schedule?date=2028-02-29", "/schedule?date=2028-02-29&view=week", "/board"):
        assert f"/visits/{visit}" in client.get(path).text, path
    assert client.get("/schedule?date=2027-02-29").status_code < 500  # there is no such day
    world.now = at(date(2028, 3, 1), wall_time(0, 29), zone)
    meet = world.open_mail(to="Northlight").link("meet")
    assert world.vendor.get(f"{meet}/join").location != meet


STEPS = {
    "an hour forward": (HOUR,),
    "an hour back": (-HOUR,),
    "a minute back": (timedelta(seconds=-60),),
    "five hours forward": (5 * HOUR,),
    "five hours back": (-5 * HOUR,),
    "forward and back": (3 * HOUR, -3 * HOUR),
    "back and forward": (-3 * HOUR, 3 * HOUR),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_clock_that_is_set_loses_nothing_and_stops_nothing(world_on_either: World, steps: tuple[timedelta]) -> None:
    world = checked(world_on_either)
    world.post.replies["dispatch@lumen.example"] = "451 Later"
    answered = world.book(ask=["Clearsign", "Northlight"])
    put_off = world.book(ask=["Lumen"])
    world.tick()
    waiting = world.book(ask=["Bridgeway"])
    world.post.replies.clear()
    opened = world.open_mail(to="Clearsign").open()
    for step in steps:
        world.now += step
    world.tick()  # at the latest now, whatever the clock shows
    assert len(world.subjects(to="Bridgeway")) == 1
    with world.jobs.app_context():
        assert {beat.completed_at for beat in heartbeats().values()} == {world.now}

    # A page that was opened by the clock before is shown again, filled in, and works.
    path, sent = world.open_mail(to="Clearsign").link("accept"), {"responder": ["T. Boyle"], "answer": ["accept"]}
    page = world.vendor.post(path, data=values_of(opened, field="nonce") | sent)
    if page.status_code == 422:
        assert values_of(page, field="nonce")["responder"] == ["T. Boyle"]
        world.pass_time(seconds=2)
        page = world.vendor.post(path, data=values_of(page, field="nonce") | sent)
    assert page.status_code in {200, 303}
    assert state_of(world, answered) is RequestState.ACCEPTED

    world.now += HOUR
    world.tick()
    assert len(world.subjects(to="dispatch@lumen.example")) == 1
    assert {state_of(world, visit) for visit in (put_off, waiting)} == {RequestState.PENDING}
    assert not [mail for mail in world.outbox() if mail.state is not MailState.SENT and mail.invite_id is None]

    world.now = max(world.request_of(visit).deadline for visit in (put_off, waiting))
    world.tick()
    assert {state_of(world, visit) for visit in (put_off, waiting)} == {RequestState.EXPIRED}
    world.tick()
    assert not [mail for mail in world.outbox() if mail.state is MailState.QUEUED]


def test_whoever_is_logged_in_when_the_clock_is_set_back_stays_so_and_can_work(world: World) -> None:
    client = checked(world).login()
    world.now -= 5 * HOUR

    assert client.get("/").status_code == 200
    world.pass_time(minutes=10)
    assert client.get("/visits/new").status_code == 200


# ---- the jobs' own process


@contextmanager
def served_jobs(environ: dict[str, str], offset: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The jobs in a process of their own, by a clock that the file sets."""
    command = [sys.executable, "-m", "tests.faults.stepped_jobs", str(offset)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def machine_time(file: Path) -> datetime:
    """What the machine's clock shows, read off a file that is written now."""
    file.touch()
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def test_served_jobs_go_on_when_the_clock_is_set_back_and_forward_by_hours(world: World, tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    settings = world.settings
    environ = environ_for(settings.database_url, settings.instance_path, MAIL_PORT=str(world.post.port))
    with served_jobs(environ, offset):
        for number, hours in enumerate((0, -3, 6, -1), start=1):
            offset.write_text(str(hours * 3600))
            world.now = machine_time(tmp_path / "now") + hours * HOUR
            world.book(ask=["Clearsign"], day=world.now.date() + timedelta(days=3))
            until = time.monotonic() + 40
            while len(world.subjects(to="Clearsign")) < number:
                assert time.monotonic() < until, f"no mail leaves when the clock is at {hours} h"
                time.sleep(0.1)
