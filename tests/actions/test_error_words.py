"""What an error of the database says: enough to mend it, and none of the values that were in the statement."""

import traceback

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from shared.db import transaction
from shared.models import Mail, User, Visit
from tests.world import START, World

MARKER = "Zyxwhistle"


def words_of(world: World, act: object) -> str:
    """The whole traceback of an act that the database refuses."""
    assert callable(act)
    with world.jobs.app_context(), pytest.raises(StatementError) as caught, transaction() as session:
        act(session)
    return "".join(traceback.format_exception(caught.value))


def a_name_without_a_provider(session: Session) -> None:
    visit = session.scalars(select(Visit)).one()
    visit.patient_name, visit.provider_id = MARKER, None  # type: ignore[assignment]


def an_address_twice(session: Session) -> None:
    first, second = session.scalars(select(User).order_by(User.id).limit(2)).all()
    first.email = second.email = f"{MARKER}@demo.example"


def a_state_that_is_none(session: Session) -> None:
    session.execute(text("UPDATE mail SET recipient = :who, state = 'nothing'"), {"who": f"{MARKER}@x.example"})


def a_time_without_a_zone(session: Session) -> None:
    mail = session.scalars(select(Mail).limit(1)).one()
    mail.recipient, mail.created_at = MARKER, START.replace(tzinfo=None)


def a_statement_that_is_none(session: Session) -> None:
    session.execute(text("SELEKT :who"), {"who": MARKER})


@pytest.mark.parametrize(
    "act",
    [
        a_name_without_a_provider,
        an_address_twice,
        a_state_that_is_none,
        a_time_without_a_zone,
        a_statement_that_is_none,
    ],
)
def test_a_refused_statement_is_told_without_its_values(world_on_either: World, act: object) -> None:
    world = world_on_either
    world.book(ask=["Clearsign"], patient_name=MARKER)

    said = words_of(world, act)

    assert MARKER.lower() not in said.lower()
    assert "Error" in said
    assert "SQL" in said


def test_what_went_wrong_is_still_said(world_on_either: World) -> None:
    world_on_either.book(patient_name=MARKER)
    with world_on_either.jobs.app_context(), pytest.raises(DBAPIError) as caught, transaction() as session:
        a_name_without_a_provider(session)

    assert "provider_id" in str(caught.value.orig)
    assert "UPDATE visit" in str(caught.value)
