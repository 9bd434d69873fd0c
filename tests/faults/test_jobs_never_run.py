"""No job ever runs: nothing that anybody is shown, and nothing that is written, waits for one."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.actions.desk import path_of, press
from tests.rules.answer_table import MILLISECOND
from tests.web.checks import words
from tests.web.test_vendor_table import GONE, TAKEN, WON
from tests.world import World

ASKED = ("Clearsign", "Northlight", "Bridgeway")


def let_deadlines_pass(world: World, count: int) -> list[tuple[int, str]]:
    """So many requests, a minute apart. One in five was accepted in time, by its last millisecond; one in five declined
    by a company. Gives each visit and who holds it."""
    booked = []
    for number in range(count):
        visit = world.book(ask=ASKED, day=(world.now + timedelta(days=2)).date())
        booked.append((visit, "Clearsign" if number % 5 == 0 else ""))
        world.pass_time(minutes=1)
    for number, (visit, winner) in enumerate(booked):
        world.now = world.request_of(visit).deadline - MILLISECOND
        if winner:
            assert press(world, world.link(visit, winner), "accept").status_code == 303
        elif number % 5 == 1:
            assert press(world, world.link(visit, "Northlight"), "decline").status_code == 303
    world.pass_time(minutes=1)
    return booked


def check_companies(world: World, visit: int, winner: str) -> None:
    """Every company's page shows its row, and both buttons lead to no other."""
    for company in ASKED:
        link = world.link(visit, company)
        status, sentence = (410, GONE) if not winner else (200, WON) if company == winner else (409, TAKEN)
        shown = [world.vendor.get(path_of(world, link, word)) for word in ("accept", "decline")]
        pressed = [press(world, link, word) for word in ("accept", "decline")]
        for page in shown + pressed:
            assert page.status_code == status
            assert sentence in words(page)


def never_run(world: World, count: int) -> None:
    booked = let_deadlines_pass(world, count)
    client = world.login()
    for visit, winner in booked:
        check_companies(world, visit, winner)
        badge = "Accepted" if winner else "Not Accepted"
        assert world.badge(visit) == badge
        assert badge in words(client.get(f"/visits/{visit}"))
    board = words(client.get("/board"))
    assert "0 Pending Request" in board
    assert f"{sum(not winner for _visit, winner in booked)} Not Accepted" in board
    assert not world.post.received


def test_five_requests_are_refused_and_shown_as_they_are_though_no_job_ever_ran(world_on_either: World) -> None:
    never_run(world_on_either, 5)


@pytest.mark.soak
def test_fifty_requests_are_refused_and_shown_as_they_are_though_no_job_ever_ran(
    world_on_either: World, record_property: Callable[[str, object], None]
) -> None:
    never_run(world_on_either, 50)
    record_property("figure", "50 requests, 3 companies each")
