"""Dispatch addresses that bounce, are corrected or removed while something is under way: who knows what, and whether
the clinic learns that nobody does."""

from datetime import time, timedelta
from typing import Any

import pytest

from shared.actions import put_off_mail
from shared.queries import badges
from shared.states import MailKind, MailState
from tests.actions.changing import WEEKLY, cancel, edit, family, visit_of
from tests.actions.companies import GONE, NEW, OLD, save
from tests.actions.desk import claim_to
from tests.actions.test_administration_settings import save as save_settings
from tests.world import World

LATER = "451 greylisted"
NOT_DELIVERED = MailKind.CLINIC_CONFIRMATION_BOUNCED


def accepted(world: World, **more: Any) -> list[int]:
    """One visit, or those of a rule, that Clearsign has accepted; its confirmation still waits."""
    first = world.book(ask=["Clearsign"], **more)
    world.tick()
    world.accept(first, "Clearsign", email=OLD)
    return [visit.id for visit in family(world, first)]


def alarm(world: World, visit: int) -> str:
    with world.jobs.app_context():
        return badges(world.clinic.scope(), [visit], now=world.now)[0].badge.alarm


def test_each_correction_that_bounces_as_well_is_told_to_the_clinic(world_on_either: World) -> None:
    world = world_on_either
    accepted(world)
    world.post.replies |= {OLD: GONE, NEW: GONE}
    world.tick()
    told = len(world.outbox(NOT_DELIVERED))
    save(world, addresses=(NEW,))
    world.tick()

    assert [mail.state for mail in world.outbox(MailKind.CONFIRMATION)] == [MailState.BOUNCED] * 2
    assert len(world.outbox(NOT_DELIVERED)) == 2 * told > 0


def test_a_confirmation_that_arrives_after_all_ends_the_alarm_and_the_news_that_waits(world: World) -> None:
    visit = accepted(world)[0]
    world.post.replies |= {OLD: GONE, "scheduler@demo.example": "451 later"}
    world.tick()
    assert "could not be delivered" in alarm(world, visit)
    save(world, addresses=(NEW,))
    world.tick()
    world.post.replies.clear()
    world.pass_time(minutes=10)
    world.tick()

    assert "/meet/" in world.open_mail(to=NEW).text
    assert alarm(world, visit) == ""
    assert [mail.state for mail in world.outbox(NOT_DELIVERED) if mail.recipient == "scheduler@demo.example"] == [
        MailState.DROPPED
    ]


def test_an_alarm_is_raised_when_the_address_that_was_still_to_be_told_is_removed(world: World) -> None:
    save(world, addresses=(OLD, NEW))
    visit = accepted(world)[0]
    world.post.replies |= {OLD: GONE, NEW: LATER}
    world.tick()
    assert alarm(world, visit) == ""
    save(world, addresses=(OLD,))

    assert world.outbox(NOT_DELIVERED)
    assert "could not be delivered" in alarm(world, visit)


def test_an_address_that_missed_the_loss_of_a_date_learns_it_once_it_works_again(world_on_either: World) -> None:
    world = world_on_either
    series = accepted(world, repeat=WEEKLY)
    world.tick()
    world.post.replies[OLD] = GONE
    cancel(world, series[2])
    world.tick()
    world.post.replies.clear()
    save(world, again=(OLD,))
    world.tick()

    assert "8 Dec" not in world.open_mail(to=OLD).text


def test_an_address_that_was_away_when_a_date_was_lost_learns_it_when_it_is_back(world: World) -> None:
    save(world, addresses=(OLD, NEW))
    series = accepted(world, repeat=WEEKLY)
    world.tick()
    save(world, addresses=(OLD,))
    cancel(world, series[2])
    world.tick()
    save(world, addresses=(OLD, NEW))
    world.tick()

    assert "8 Dec" not in world.open_mail(to=NEW).text


def test_an_address_that_missed_nothing_is_told_nothing_when_it_is_back(world: World) -> None:
    save(world, addresses=(OLD, NEW))
    accepted(world)
    world.tick()
    before = len(world.mails(to=NEW))
    world.pass_time(minutes=1)
    save(world, addresses=(OLD,))
    save(world, addresses=(OLD, NEW))
    world.tick()

    assert len(world.mails(to=NEW)) == before


@pytest.mark.parametrize("in_doubt", [False, True])
def test_no_way_into_a_meeting_goes_to_an_address_that_was_removed_while_a_worker_held_its_mail(
    world: World, in_doubt: bool
) -> None:
    save(world, addresses=(OLD, NEW))
    accepted(world)
    held = claim_to(world, NEW)
    save(world, addresses=(OLD,))
    with world.jobs.app_context():
        put_off_mail(held, error=LATER, jitter=1.0, in_doubt=in_doubt, now=world.now)
    world.pass_time(minutes=10)
    world.tick()

    assert not [mail for mail in world.mails(to=NEW) if "/meet/" in mail.text]
    assert "/meet/" in world.open_mail(to=OLD).text


def test_a_request_closes_when_the_only_links_left_are_dead(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies[NEW] = GONE
    save(world, addresses=(OLD, NEW))
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    save(world, addresses=(NEW,))
    assert world.badge(visit) == "Pending Request"
    world.decline(visit, "Northlight")

    assert world.badge(visit) == "Not Accepted"


def test_a_request_closes_when_the_last_link_dies_with_its_address(world: World) -> None:
    world.post.replies[NEW] = GONE
    save(world, addresses=(OLD, NEW))
    visit = world.book(ask=["Clearsign"])
    world.tick()
    save(world, addresses=(NEW,))

    assert world.badge(visit) == "Not Accepted"
    assert world.outbox(MailKind.CLINIC_UNDELIVERABLE)


def test_who_was_to_be_asked_anew_hears_that_it_is_over_when_the_waiting_invite_goes_with_its_address(
    world: World,
) -> None:
    save(world, addresses=(OLD, NEW))
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.post.replies |= {OLD: LATER, NEW: "554 no"}
    edit(world, visit, wall=time(10, 0))
    world.tick()
    world.post.replies.clear()
    save(world, addresses=(NEW,))
    world.pass_time(minutes=10)
    world.tick()

    assert "Withdrawn, nothing to do" in world.subjects(to="Clearsign")[-1]


def test_a_company_whose_visits_are_over_is_told_nothing_though_a_cancelled_one_lies_ahead(world: World) -> None:
    series = accepted(world, repeat=WEEKLY)
    world.tick()
    cancel(world, series[5])
    world.tick()
    world.now = visit_of(world, series[4]).ends_at + timedelta(hours=1)
    before = len(world.mails(to=OLD))
    save_settings(world, contact_phone="+1 555 0999")
    save(world, addresses=(OLD, NEW))
    world.tick()

    assert (len(world.mails(to=OLD)), world.mails(to=NEW)) == (before, [])
