"""backup while processes book and companies answer: each copy is one instant, and serves when it is restored."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing.synchronize import Event, Semaphore
from pathlib import Path

from shared.actions import AnswerOutcome
from shared.settings import Settings, from_environ
from shared.states import Role
from tests.cli.console import console_of
from tests.cli.invariants import Counted, check_invariants
from tests.postoffice import PostOffice
from tests.world import ClinicInWorld, World

ASKED = ("Clearsign", "Northlight", "Bridgeway")
COPIES = 4
PATIENCE = 60.0


def book_and_answer(
    settings: Settings, clinic: ClinicInWorld, company: str, visits: list[int], ready: Semaphore, stop: Event
) -> None:
    """One process: races the other for the visits that both know, then books and answers until it is stopped."""
    world = World(settings, PostOffice(), with_clinic=False)
    world.clinic = clinic
    ready.release()
    for visit in visits:
        world.accept(visit, company)
    for number in count():
        if stop.is_set():
            break
        booked = world.confirm(world.draft(ask=ASKED), key=f"{company}-{number}").visit_id
        assert booked is not None
        world.decline(booked, "Bridgeway")
        world.accept(booked, company)
    world.close()


@contextmanager
def everybody_at_work(world: World) -> Iterator[None]:
    """Two processes that write without a pause."""
    visits = [world.book(ask=ASKED) for _ in range(10)]
    spawn = multiprocessing.get_context("spawn")
    ready, stop = spawn.Semaphore(0), spawn.Event()
    workers = [
        spawn.Process(target=book_and_answer, args=(world.settings, world.clinic, company, visits, ready, stop))
        for company in ASKED[:2]
    ]
    for worker in workers:
        worker.start()
    try:
        for _worker in workers:
            assert ready.acquire(timeout=PATIENCE)
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(PATIENCE)
    assert [worker.exitcode for worker in workers] == [0, 0]


def wait_for_more(file: Path, than: Counted) -> None:
    """Until more was booked and answered than that."""
    until = time.monotonic() + PATIENCE
    while True:
        now = check_invariants(file)
        if now.visits > than.visits and now.answers > than.answers:
            return
        assert time.monotonic() < until, "nobody writes"
        time.sleep(0.02)


def test_copies_made_while_everybody_writes_are_each_one_instant_and_serve(world: World, tmp_path: Path) -> None:
    live, console = Path(world.settings.database_url.removeprefix("sqlite:///")), console_of(world)
    copies = [tmp_path / f"copy-{number}.sqlite3" for number in range(COPIES)]
    held: list[Counted] = []
    with everybody_at_work(world):
        for copy in copies:
            assert "was read back and is whole" in console.does("backup", copy)
            held.append(check_invariants(copy))
            wait_for_more(live, held[-1])
    assert held == sorted(held, key=lambda counted: (counted.visits, counted.answers, counted.trail))
    assert len({counted.trail for counted in held}) == COPIES
    assert check_invariants(live).trail > held[-1].trail

    elsewhere = f"sqlite:///{tmp_path}/elsewhere.sqlite3"
    console.setting(DATABASE_URL=elsewhere).does("restore", copies[-1])
    serves(world, from_environ(console.setting(DATABASE_URL=elsewhere).environ))


def serves(world: World, settings: Settings) -> None:
    """On the restored copy people log in, see what was booked, book, and companies answer."""
    there = World(settings, world.post, with_clinic=False)
    there.clinic = world.clinic
    assert "Accepted" in there.login(Role.STAFF).get("/board").text
    visit = there.confirm(there.draft(ask=ASKED), key="after the restore").visit_id
    assert visit is not None
    there.tick()
    assert there.open_mail(to="Northlight").open().status_code == 200
    assert there.accept(visit, "Northlight") is AnswerOutcome.TAKEN
    assert there.badge(visit) == "Accepted"
    there.close()
