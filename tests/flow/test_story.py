"""The product's main job, told as stories."""

from tests.world import World


def test_when_one_company_accepts_the_others_are_told_and_the_badge_turns_green(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    assert world.badge(visit) == "Pending Request"

    world.open_mail(to="Clearsign").press("Accept")
    world.tick()

    assert world.badge(visit) == "Accepted"
    assert world.subjects(to="Northlight") == [
        "Request for ASL Interpreter · Tue 24 Nov 2026 · A-10001",
        "Filled, nothing to do · Tue 24 Nov 2026 · A-10001",
    ]
