"""The audit trail: one line for each move, in the move's own transaction, and no patient in it or anywhere near it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared import outbox
from shared.actions import AnswerOutcome
from shared.actions import _moves as moves
from shared.audit import AuditEvent
from shared.models import AuditEntry
from shared.states import RequestState
from tests.actions.desk import snapshot, state_of
from tests.world import World

PATIENT_TABLES = {"visit"}
"""The only tables that may hold a patient's name, contact or reason."""


class BrokenError(Exception):
    """Something went wrong in the middle."""


def fail(*_args: object, **_values: object) -> None:
    """Stands where something should have been written."""
    raise BrokenError


def line_of(entry: AuditEntry) -> tuple[str, str | None, str | None]:
    return entry.what, entry.from_state, entry.to_state


def test_each_move_has_its_line(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.decline(visit, "Northlight")
    world.accept(visit, "Clearsign")

    trail = world.trail()
    assert [line_of(entry) for entry in trail] == [
        ("visit_created", None, "scheduled"),
        ("request_made", None, "pending"),
        ("invite_declined", None, "declined"),
        ("invite_accepted", None, "accepted"),
        ("request_moved", "pending", "accepted"),
    ]
    assert {entry.clinic_id for entry in trail} == {world.clinic.id}
    assert [entry.actor_user_id for entry in trail[:2]] == [world.clinic.users["scheduler"]] * 2
    answered = [invite.id for invite in world.invites_of(visit)]
    assert [entry.actor_invite_id for entry in trail[2:]] == [answered[1], answered[0], answered[0]]
    assert {entry.at for entry in trail} == {world.now}


@pytest.mark.parametrize(
    ("replies", "ends", "state"),
    [
        ({}, "expire", RequestState.EXPIRED),
        ({}, "decline", RequestState.ALL_DECLINED),
        ({"dispatch@clearsign.example": "550 No such user"}, "bounce", RequestState.UNDELIVERABLE),
    ],
)
def test_a_closing_is_the_products_own_act(
    world_on_either: World, replies: dict[str, str], ends: str, state: RequestState
) -> None:
    world = world_on_either
    world.post.replies = replies
    visit = world.book(ask=["Clearsign"])
    world.tick()
    if ends == "decline":
        world.decline(visit, "Clearsign")
    if ends == "expire":
        world.pass_time(days=2)
        world.tick()

    [moved] = [entry for entry in world.trail() if entry.what == AuditEvent.REQUEST_MOVED]
    assert line_of(moved) == ("request_moved", "pending", state)
    assert (moved.actor_user_id, moved.actor_invite_id) == (None, None)


def test_what_became_of_each_mail_is_told(world_on_either: World) -> None:
    world = world_on_either
    world.post.replies["dispatch@northlight.example"] = "550 No such user"
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()

    told = {(entry.what, entry.mail_id is not None) for entry in world.trail() if entry.what.startswith("mail_")}
    assert told == {("mail_sent", True), ("mail_bounced", True)}


@pytest.mark.parametrize("breaks", ["queue_to_clinic", "queue_to_company"])
def test_an_acceptance_that_fails_half_way_leaves_nothing_behind(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    rows = snapshot(world)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, breaks, fail)
        with pytest.raises(BrokenError):
            world.accept(visit, "Clearsign")

    assert snapshot(world) == rows
    assert world.accept(visit, "Clearsign") is AnswerOutcome.TAKEN


@pytest.mark.parametrize("ends", ["decline", "expire"])
def test_a_closing_whose_line_can_not_be_written_does_not_happen(
    world_on_either: World, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    rows = snapshot(world)
    if ends == "expire":
        world.now = world.request_of(visit).deadline  # whoever answers now closes the request first
    monkeypatch.setattr(moves, "record_move", fail)
    with pytest.raises(BrokenError):
        world.decline(visit, "Clearsign")

    assert snapshot(world) == rows
    assert state_of(world, visit) is RequestState.PENDING


def test_no_patient_stands_outside_the_visits_own_row_nor_in_any_mail(world_on_either: World) -> None:
    world = world_on_either
    patient: dict[str, Any] = {
        "patient_name": "Zyxomma Marker",
        "patient_contact": "+1 555 987654",
        "reason": "Quenchless cough",
    }
    marks = [mark for value in patient.values() for mark in (value, value.split()[-1])]
    winning = world.book(ask=["Clearsign", "Northlight"], **patient)
    losing = world.book(ask=["Bridgeway"], **patient)
    expiring = world.book(ask=["Lumen"], **patient)
    world.tick()
    world.accept(winning, "Clearsign")
    world.decline(losing, "Bridgeway")
    world.tick()
    world.now = world.request_of(expiring).deadline + timedelta(minutes=1)
    world.tick()
    world.tick()

    for table, rows in snapshot(world).items():
        if table not in PATIENT_TABLES:
            assert not [mark for mark in marks if mark in json.dumps(rows, default=str, ensure_ascii=False)], table
    assert len(world.post.received) >= 4 + 1 + 1 + 3 * 2
    for message in world.post.received:
        texts = [str(message)] + [str(part.get_content()) for part in message.walk() if not part.is_multipart()]
        assert not [mark for mark in marks if any(mark in text for text in texts)], message["Subject"]
