"""Two deeds about one visit, in both orders and at once: the first commit wins, and the second says so.

Each pair is first done one deed after the other, in both orders. Started together it must end in exactly what one of
these orders ends in: both outcomes, every state, every mail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import count

import pytest
from sqlalchemy import select

from shared.actions import (
    ClaimedMail,
    accept_invite,
    claim_mail,
    decline_invite,
    drop_mail,
    expire_request,
    mark_mail_refused,
    mark_mail_sent,
)
from shared.actions.changes import change_visit
from shared.changes import ChangeKind
from shared.db import reading
from shared.errors import DomainError
from shared.models import Mail, Request, RequestVisit, Visit
from shared.queries import letter_of
from shared.repeat import Repeat
from shared.states import Frequency
from tests.actions.changing import check_order, family, promise, wish
from tests.databases import PostgresTemplate, SqliteTemplate
from tests.faults.racing import deliver_all, racers
from tests.world import World, build_world

CLEARSIGN, NORTHLIGHT = "dispatch@clearsign.example", "dispatch@northlight.example"
MILLISECOND = timedelta(milliseconds=1)
ROUNDS = 4
"""Each way to begin once: either deed first on its way, with and without a gate. `make soak` runs 500."""
_keys = count(1)

Deed = Callable[[], str]


@dataclass
class Scene:
    """A visit with a request that two deeds are about. ``bouncing`` is the mail to Northlight, held by a worker."""

    world: World
    visit: int
    other: int
    bouncing: ClaimedMail | None


def said(deed: Callable[[], object]) -> str:
    """What a deed came to, in a word."""
    try:
        result = deed()
    except DomainError as error:
        return type(error).__name__
    return str(getattr(result, "outcome", result))


def answer(action: Callable[..., object], company: str, scene: Scene, *, now: datetime | None = None) -> Deed:
    link = scene.world.link(scene.visit, company)
    return partial(said, partial(action, link, responder="T. Boyle", now=now or scene.world.now))


def accept(scene: Scene) -> Deed:
    return answer(accept_invite, "Clearsign", scene)


def accept_in_time(scene: Scene) -> Deed:
    deadline = scene.world.request_of(scene.visit).deadline
    return answer(accept_invite, "Clearsign", scene, now=deadline - MILLISECOND)


def decline(scene: Scene) -> Deed:
    return answer(decline_invite, "Clearsign", scene)


def expire(scene: Scene) -> Deed:
    request = scene.world.request_of(scene.visit)
    return partial(said, partial(expire_request, request.id, now=request.deadline))


def changing(kind: ChangeKind, scene: Scene, *, visit: int = 0, now: datetime | None = None, **changes: object) -> Deed:
    world = scene.world
    wanted = wish(world, visit or scene.visit, kind, **changes)  # type: ignore[arg-type]
    promised = promise(world, wanted, key=f"pair-{next(_keys)}")
    return partial(said, partial(change_visit, world.clinic.scope(), wanted, promised, now=now or world.now))


def edit(scene: Scene) -> Deed:
    return changing(ChangeKind.EDIT, scene, wall=time(10, 0))


def edit_otherwise(scene: Scene) -> Deed:
    return changing(ChangeKind.EDIT, scene, wall=time(11, 0), ask=["Clearsign"])


def edit_the_other_date(scene: Scene) -> Deed:
    return changing(ChangeKind.EDIT, scene, visit=scene.other, notes="Side door")


def edit_at_the_deadline(scene: Scene) -> Deed:
    return changing(ChangeKind.EDIT, scene, wall=time(10, 0), now=scene.world.request_of(scene.visit).deadline)


def ask(scene: Scene) -> Deed:
    return changing(ChangeKind.ASK, scene)


def cancel(scene: Scene) -> Deed:
    return changing(ChangeKind.CANCEL, scene)


def bounce(scene: Scene) -> Deed:
    assert scene.bouncing is not None
    deed = partial(mark_mail_refused, scene.bouncing, error="550", nobody_there=False, now=scene.world.now)
    return partial(said, deed)


def leave(scene: Scene) -> Deed:
    assert scene.bouncing is not None
    return partial(said, partial(mark_mail_sent, scene.bouncing, now=scene.world.now))


@dataclass(frozen=True)
class Pair:
    """Two deeds; what the first and the second say when they come in this order, and when they come in the other."""

    first: Callable[[Scene], Deed]
    second: Callable[[Scene], Deed]
    in_order: tuple[str, str]
    turned: tuple[str, str]
    companies: tuple[str, ...] = ("Clearsign", "Northlight")
    dates: int = 1


ALONE = ("Clearsign",)
PAIRS = {
    "accept and edit": Pair(accept, edit, ("taken", "won_meanwhile"), ("refused", "changed")),
    "accept and cancel": Pair(accept, cancel, ("taken", "won_meanwhile"), ("refused", "changed")),
    "accept and ask again": Pair(accept, ask, ("taken", "won_meanwhile"), ("refused", "changed")),
    "accept and expiry": Pair(accept_in_time, expire, ("taken", "False"), ("refused", "True")),
    "accept and bounce": Pair(accept, bounce, ("taken", "True"), ("taken", "True")),
    "decline and edit": Pair(decline, edit, ("taken", "changed"), ("refused", "changed")),
    "decline and cancel": Pair(decline, cancel, ("taken", "changed"), ("refused", "changed")),
    "the last decline and edit": Pair(decline, edit, ("taken", "changed"), ("refused", "changed"), ALONE),
    "expiry and edit": Pair(expire, edit, ("True", "changed"), ("False", "changed")),
    "expiry and an edit that comes as late": Pair(
        expire, edit_at_the_deadline, ("True", "changed"), ("False", "changed")
    ),
    "expiry and cancel": Pair(expire, cancel, ("True", "changed"), ("False", "changed")),
    "expiry and bounce": Pair(expire, bounce, ("True", "True"), ("True", "True")),
    "edit and edit": Pair(edit, edit_otherwise, ("changed", "stale"), ("stale", "changed")),
    "edit and cancel": Pair(edit, cancel, ("changed", "stale"), ("UnchangeableError", "changed")),
    "ask again and edit": Pair(ask, edit, ("changed", "stale"), ("stale", "changed")),
    "cancel and cancel": Pair(cancel, cancel, ("changed", "UnchangeableError"), ("UnchangeableError", "changed")),
    "edit and bounce": Pair(edit, bounce, ("changed", "True"), ("changed", "True")),
    "cancel and bounce": Pair(cancel, bounce, ("changed", "True"), ("changed", "True")),
    "edit and an invite that leaves": Pair(edit, leave, ("changed", "True"), ("changed", "True")),
    "cancel and an invite that leaves": Pair(cancel, leave, ("changed", "True"), ("changed", "True")),
    "accept and edit of one date of a series": Pair(
        accept, edit_the_other_date, ("taken", "won_meanwhile"), ("refused", "changed"), dates=2
    ),
    "edits of two dates of a series": Pair(
        edit, edit_the_other_date, ("changed", "stale"), ("stale", "changed"), dates=2
    ),
}
HOLDING = {bounce, leave}


def deliver(world: World) -> None:
    """A worker sends what is due, or drops what has become pointless, without the trouble of a mail server."""
    with world.jobs.app_context():
        while (mail := claim_mail(owner="worker", now=world.now)) is not None:
            due = letter_of(mail.id, now=world.now)
            assert due is not None
            settle = drop_mail if due.pointless else mark_mail_sent
            assert settle(mail, now=world.now)


def set_up(world: World, pair: Pair) -> Scene:
    """A fresh visit, or series. All invites have left, but the one to Northlight if a deed is about that mail."""
    repeat = Repeat(Frequency.WEEKLY, (1,), None, None, pair.dates) if pair.dates > 1 else None
    visit = world.book(ask=pair.companies, repeat=repeat, day=date(2026, 12, 1))
    bouncing = None
    if not HOLDING & {pair.first, pair.second}:
        deliver_all(world)
    else:
        with world.jobs.app_context():
            while (mail := claim_mail(owner="bouncing", now=world.now)) is not None:
                if any(row.id == mail.id and row.recipient == NORTHLIGHT for row in world.outbox()):
                    bouncing = mail
                else:
                    mark_mail_sent(mail, now=world.now)
    return Scene(world, visit, family(world, visit)[-1].id, bouncing)


def outcome(scene: Scene) -> object:
    """How things are after the deeds, and after all mail has left: whatever tells one order from the other."""
    deliver(scene.world)
    with scene.world.jobs.app_context(), reading() as session:
        appointment = session.get_one(Visit, scene.visit).appointment_id
        visits = session.execute(
            select(Visit.starts_at, Visit.status, Visit.version, Request.state)
            .outerjoin(Request, Request.id == Visit.request_id)
            .where(Visit.appointment_id == appointment)
            .order_by(Visit.id)
        )
        requests = session.execute(
            select(Request.state, Request.notes, RequestVisit.starts_at)
            .join(RequestVisit, RequestVisit.request_id == Request.id)
            .where(Request.appointment_id == appointment)
            .order_by(Request.id, RequestVisit.visit_id)
        )
        mails = session.execute(
            select(Mail.kind, Mail.recipient, Mail.state)
            .join(Request, Request.id == Mail.request_id)
            .where(Request.appointment_id == appointment)
        )
        return [*map(tuple, visits)], [*map(tuple, requests)], sorted(map(tuple, mails))


def one_after_the_other(world: World, pair: Pair, *, turned: bool) -> tuple[tuple[str, str], object]:
    scene = set_up(world, pair)
    first, second = pair.first(scene), pair.second(scene)
    with world.jobs.app_context():
        if turned:
            late, early = second(), first()
            return (early, late), outcome(scene)
        return (first(), second()), outcome(scene)


@pytest.mark.parametrize("name", PAIRS)
def test_the_first_wins_in_both_orders_and_the_second_says_so(world_on_either: World, name: str) -> None:
    pair = PAIRS[name]
    assert one_after_the_other(world_on_either, pair, turned=False)[0] == pair.in_order
    assert one_after_the_other(world_on_either, pair, turned=True)[0] == pair.turned
    check_order(world_on_either)


def race(world: World, pair: Pair, *, rounds: int) -> None:
    """Start both deeds together, in every second round from where both wait for the request's row."""
    possible = [one_after_the_other(world, pair, turned=turned) for turned in (False, True)]
    with racers(world, 2) as group:
        for number in range(rounds):
            scene = set_up(world, pair)
            deeds = [pair.first(scene), pair.second(scene)]
            gate = world.request_of(scene.visit).id if number % 2 else 0
            turned = number % 4 > 1
            said = group.race(deeds[::-1] if turned else deeds, gate=gate)
            ended = (said[1], said[0]) if turned else (said[0], said[1])
            assert (ended, outcome(scene)) in possible, f"round {number}"
    check_order(world)


@pytest.mark.parametrize("name", PAIRS)
def test_at_once_they_end_as_one_of_the_two_orders_does(world_on_either: World, name: str) -> None:
    race(world_on_either, PAIRS[name], rounds=ROUNDS)


@pytest.mark.soak
@pytest.mark.parametrize("name", PAIRS)
def test_at_once_they_end_as_one_of_the_two_orders_does_500_times(
    either_template: SqliteTemplate | PostgresTemplate, name: str, record_property: Callable[[str, object], None]
) -> None:
    """On twenty databases, since what a round costs grows with the visits in it."""
    for _ in range(20):
        with either_template.database() as url, build_world(url) as world:
            race(world, PAIRS[name], rounds=25)
    record_property("figure", "500 rounds")
