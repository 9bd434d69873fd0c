"""From the filled-in form to the meeting, on the pages that people see."""

from datetime import timedelta
from urllib.parse import urlsplit

from shared.states import Role
from tests.web.booking import confirm, filled, preview
from tests.web.checks import words
from tests.world import START, World


def test_a_scheduler_asks_a_company_accepts_and_both_sides_meet_in_the_room(world: World) -> None:
    scheduler = world.login()
    page = preview(scheduler, filled(world, ask=["ASL daytime"]))
    details = confirm(scheduler, page).location
    assert details is not None
    assert "Pending Request" in words(scheduler.get(details))
    world.tick()

    world.open_mail(to="Northlight").press("Decline", name="S. Okoro")
    assert "1 of 3 declined" in words(scheduler.get(details))
    won = world.open_mail(to="Clearsign").press("Accept", name="R. Medina")
    world.tick()

    assert "You have accepted the request to join the meeting" in words(won)
    assert "Accepted" in words(scheduler.get(details))
    assert "R. Medina" in words(scheduler.get(details))
    assert "Sorry! The meeting has been assigned to someone else." in words(world.mails(to="Bridgeway")[0].open())
    assert [mail.message["Subject"] for mail in world.mails(to="scheduler@demo.example")] == [
        "Interpreter accepted · Tue 24 Nov 2026 · A-10001"
    ]
    assert len(world.mails(to="provider@demo.example")) == 1
    assert len(world.mails(to="Bridgeway")) == 2
    assert len(world.mails(to="Northlight")) == 1

    world.now = START.replace(day=24, hour=17, minute=15)
    meet = world.open_mail(to="Clearsign").link("meet")
    door = world.vendor.get(f"{meet}/join").location
    assert door == world.login(Role.PROVIDER).get(f"{details}/join").location
    assert urlsplit(door).path.startswith("/dev/room/visit-")
    world.now += timedelta(days=1)
    assert world.vendor.get(f"{meet}/join").location == meet


def test_nobody_accepts_and_the_clinic_is_told_once(world: World) -> None:
    scheduler = world.login()
    details = confirm(scheduler, preview(scheduler, filled(world, ask=["Clearsign", "Northlight"]))).location
    assert details is not None
    world.tick()
    world.open_mail(to="Clearsign").press("Decline")

    world.pass_time(days=1)
    world.tick()
    world.tick()

    assert "Not Accepted" in words(world.login().get(details))
    for person in ("scheduler@demo.example", "provider@demo.example"):
        assert [mail.message["Subject"] for mail in world.mails(to=person)] == [
            "Request expired, nobody accepted · Tue 24 Nov 2026 · A-10001"
        ]
    late = world.open_mail(to="Northlight").open()
    assert late.status_code == 410
