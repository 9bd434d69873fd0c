"""What row locks of PostgreSQL are used for, one by one: what was loaded before a lock is read anew under it, and who
only looks for something to do takes what is free. SQLite has one writer at a time."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from shared.actions import claim_mail
from shared.actions._moves import lock_invites, lock_request
from shared.db import transaction
from shared.models import Invite, Mail, Request
from shared.states import Answer, RequestState
from tests.databases import PostgresTemplate
from tests.faults.racing import racers
from tests.world import World, build_world


@pytest.fixture
def world(postgres_template: PostgresTemplate) -> Iterator[World]:
    with postgres_template.database() as url, build_world(url) as built:
        yield built


def test_a_request_that_moved_between_a_look_and_its_lock_is_seen_as_it_is_now(world: World) -> None:
    request = world.request_of(world.book(ask=["Clearsign"]))
    with world.jobs.app_context(), transaction() as session:
        loaded = session.get_one(Request, request.id)  # a session forgets what nobody holds
        assert loaded.state is RequestState.PENDING
        world.change(Request, request.id, state=RequestState.EXPIRED)

        assert lock_request(session, request.id).state is RequestState.EXPIRED


def test_an_answer_that_came_between_a_look_and_the_invites_lock_is_seen(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    [invite] = world.invites_of(visit)
    with world.jobs.app_context(), transaction() as session:
        loaded = session.get_one(Invite, invite.id)
        assert loaded.answer is None
        world.decline(visit, "Clearsign")

        assert [found.answer for found in lock_invites(session, invite.request_id)] == [Answer.DECLINED]


def test_a_worker_takes_the_next_mail_while_another_is_still_writing_that_it_took_the_first(world: World) -> None:
    world.book(ask=["Clearsign", "Northlight"])
    first, second = (mail.id for mail in world.outbox())
    with racers(world, 1) as group, world.jobs.app_context(), transaction() as session:
        session.execute(select(Mail.id).where(Mail.id == first).with_for_update())
        [claimed] = group.race([lambda: claim_mail(owner="another", now=world.now)])

    assert claimed is not None
    assert claimed.id == second
