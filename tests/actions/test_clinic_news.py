"""News to people of the clinic that leaves late, or to several providers: it names what is still so, and opens."""

from datetime import date, timedelta

import pytest

from shared.models import User
from shared.states import Role
from tests.actions.changing import ask_again, book_series, cancel, edit
from tests.actions.desk import PROVIDER, SCHEDULER
from tests.actions.people import deactivate
from tests.world import World


def test_a_provider_of_some_dates_gets_a_link_to_one_of_them(world_on_either: World) -> None:
    world = world_on_either
    second = world.add_user(Role.PROVIDER, "Dr Two")
    series = book_series(world, ask=["Clearsign"], provider_id=second)
    edit(world, series[1], provider_id=world.clinic.users["provider"])
    world.tick()
    world.accept(series[0], "Clearsign")
    world.tick()
    path = "/visits/" + world.open_mail(to=PROVIDER).text.partition("/visits/")[2].split()[0]

    assert path == f"/visits/{series[1]}"
    assert world.login(Role.PROVIDER).get(path).status_code == 200
    assert f"/visits/{series[0]}" in world.open_mail(to=SCHEDULER).text


def test_late_news_names_the_dates_that_were_neither_asked_again_nor_cancelled_since(world: World) -> None:
    series = book_series(world, ask=["Clearsign"], day=date(2026, 12, 1))
    world.tick()
    world.pass_time(hours=25)
    world.post.close()
    world.tick()
    ask_again(world, series[0])
    cancel(world, series[1])
    world.post.open()
    world.pass_time(minutes=2)
    world.tick()
    mail = world.open_mail(to=SCHEDULER)

    assert "Request expired" in str(mail.message["Subject"])
    assert "Tue 15 Dec 2026" in str(mail.message["Subject"])
    assert "Tue 1 Dec 2026" not in mail.text
    assert "Tue 8 Dec 2026" not in mail.text


def test_a_cancellation_waits_out_a_mail_server_that_is_away_for_days(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"], day=date(2026, 12, 10))
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    world.post.close()
    cancel(world, visit)
    world.pass_time(hours=timedelta(days=4).total_seconds() / 3600)
    world.post.open()
    for _try in range(2):
        world.pass_time(minutes=5)
        world.tick()

    assert world.subjects(to="Clearsign")[-1].startswith("Cancelled")


@pytest.mark.parametrize("provider_left", [False, True])
def test_news_that_waits_for_somebody_who_leaves_goes_to_the_others_or_to_the_clinic(
    world_on_either: World, provider_left: bool
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.change(User, world.clinic.users["provider"], active=not provider_left)
    world.accept(visit, "Clearsign")
    deactivate(world, world.clinic.users["scheduler"])
    world.tick()

    assert world.mails(to=SCHEDULER) == []
    assert len(world.mails(to="scheduling@demo.example" if provider_left else PROVIDER)) == 1
