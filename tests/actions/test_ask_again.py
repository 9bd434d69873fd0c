"""Asking again, in every status: it always withdraws, and asks whoever is ticked now."""

from datetime import date, time

import pytest

from shared.actions.changes import ChangeOutcome
from shared.changes import ChangeKind
from shared.errors import DomainError
from shared.models import Clinic, Company
from shared.queries.changes import change_form
from shared.states import MailKind, MailState, RequestState
from tests.actions.changing import (
    ALL,
    ask_again,
    asked,
    book_series,
    cancel,
    confirm,
    edit,
    lost,
    picks,
    plan_of,
    promise,
    requests_of,
    told,
    uids,
    visit_of,
    wish,
)
from tests.actions.desk import snapshot
from tests.world import World

ASKED, FILLED, NOTHING = "Request for ASL Interpreter", "Filled, nothing to do", "Withdrawn, nothing to do"
WON, OVER = "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter"


def test_from_pending_it_withdraws_and_asks_anew_even_if_nothing_else_changed(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"], day=date(2026, 12, 1))
    world.tick()
    old = world.open_mail(to="Clearsign")
    world.decline(visit, "Northlight")
    world.pass_time(hours=2)
    deadline = world.request_of(visit).deadline
    ask_again(world, visit)
    world.tick()

    assert requests_of(world, visit) == [RequestState.WITHDRAWN, RequestState.PENDING]
    assert old.open().status_code == 410
    assert told(world, "Clearsign") == told(world, "Northlight") == [ASKED, ASKED]
    assert world.request_of(visit).deadline > deadline


def test_from_accepted_the_winner_is_not_ticked_and_gets_its_cancellation(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.accept(visit, "Northlight")
    world.tick()
    ask_again(world, visit)
    world.tick()

    assert asked(world, visit) == ["Clearsign", "Bridgeway"]
    assert told(world, "Northlight") == [ASKED, WON, OVER]
    assert told(world, "Clearsign") == [ASKED, FILLED, ASKED]
    assert world.badge(visit) == "Pending Request"


def test_a_winner_that_is_ticked_by_hand_can_win_again_as_a_new_assignment(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    first = world.open_mail(to="Clearsign")
    ask_again(world, visit, ask=["Clearsign"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()

    assert told(world, "Clearsign") == [ASKED, WON, OVER, ASKED, WON]
    assert uids(world.open_mail(to="Clearsign")).isdisjoint(uids(first))


@pytest.mark.parametrize("end", ["declined", "expired", "undeliverable"])
def test_from_not_accepted_it_asks_and_leaves_the_closed_request_as_history(world: World, end: str) -> None:
    visit = world.book(ask=["Clearsign"], day=date(2026, 12, 1))
    if end == "undeliverable":
        world.post.replies["dispatch@clearsign.example"] = "550 No such user"
    world.tick()
    if end == "declined":
        world.decline(visit, "Clearsign")
    if end == "expired":
        world.now = world.request_of(visit).deadline
    ask_again(world, visit, ask=["Northlight"])
    world.tick()

    closed = {"declined": RequestState.ALL_DECLINED, "undeliverable": RequestState.UNDELIVERABLE}
    assert requests_of(world, visit) == [closed.get(end, RequestState.EXPIRED), RequestState.PENDING]
    assert told(world, "Northlight") == [ASKED]
    assert not {mail.state for mail in world.outbox() if mail.kind is MailKind.CLINIC_EXPIRED} - {MailState.DROPPED}


def test_a_visit_that_nobody_was_asked_for_can_be_asked_for(world: World) -> None:
    visit = world.book()
    ask_again(world, visit, ask=["Clearsign"])
    world.tick()

    assert told(world, "Clearsign") == [ASKED]


def test_it_changes_the_question_alone_whatever_else_the_form_holds(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    wanted = wish(world, visit, ChangeKind.ASK, wall=time(11, 0), notes="Side door", patient_name="Somebody Else")
    assert confirm(world, wanted).outcome is ChangeOutcome.CHANGED

    assert visit_of(world, visit).patient_name == "Jonah Pike"
    assert world.request_of(visit).notes == "Side door"
    world.tick()
    assert "09:30–10:15 PST" in world.open_mail(to="Clearsign").text


def test_nobody_ticked_is_an_error_at_the_field(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    rows = snapshot(world)
    result = confirm(world, wish(world, visit, ChangeKind.ASK, picks=()))

    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert "interpreter" in result.plan.errors
    assert snapshot(world) == rows


def test_while_requests_are_switched_off_nobody_can_be_asked_again(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    wanted = wish(world, visit, ChangeKind.ASK)
    promised = promise(world, wanted)
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)
    rows = snapshot(world)
    with pytest.raises(DomainError, match="switched off"):
        confirm(world, wanted, promised)

    assert snapshot(world) == rows


def test_a_suspended_company_can_not_be_asked_again(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.change(Company, world.clinic.companies["Clearsign"], accredited=False)
    result = confirm(world, wish(world, visit, ChangeKind.ASK))

    assert result.outcome is ChangeOutcome.INVALID
    ask_again(world, visit, ask=["Northlight"])
    assert asked(world, visit) == ["Northlight"]


def test_a_visit_that_has_started_or_is_cancelled_is_not_asked_again(world: World) -> None:
    visit, other = world.book(ask=["Clearsign"]), world.book(ask=["Clearsign"])
    cancel(world, other)
    world.now = visit_of(world, visit).starts_at
    for number, words in ((visit, "has started"), (other, "is cancelled")):
        with pytest.raises(DomainError, match=words):
            wish(world, number, ChangeKind.ASK)


def test_for_one_date_of_an_accepted_series_the_winner_keeps_the_rest(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()
    world.accept(series[0], "Clearsign")
    world.tick()
    ask_again(world, series[2])
    world.tick()

    assert [world.badge(visit) for visit in series] == ["Accepted"] * 2 + ["Pending Request"] + ["Accepted"] * 3
    assert told(world, "Clearsign") == [ASKED, WON, lost(1)]
    assert asked(world, series[2]) == ["Northlight", "Bridgeway"]


def test_for_one_date_of_a_pending_series_the_rest_is_asked_again_as_it_was(world: World) -> None:
    series = book_series(world)
    world.tick()
    ask_again(world, series[2], ask=["Lumen"])
    world.tick()

    assert asked(world, series[2]) == ["Lumen"]
    assert asked(world, series[0]) == ["Clearsign", "Northlight", "Bridgeway"]
    assert told(world, "Clearsign") == [ASKED, ASKED]
    assert len({visit_of(world, visit).request_id for visit in series}) == 2


def test_for_a_whole_series_it_asks_once_whatever_each_date_was_asked_before(world: World) -> None:
    series = book_series(world)
    world.tick()
    world.accept(series[0], "Clearsign")
    edit(world, series[1], notes="Side door")
    ask_again(world, series[0], reach=ALL, ask=["Lumen"])

    assert len({visit_of(world, visit).request_id for visit in series}) == 1
    assert asked(world, series[4]) == ["Lumen"]


def test_the_form_replaces_a_group_that_holds_the_winner_by_its_other_companies(world: World) -> None:
    visit = world.book(ask=["ASL daytime", "Lumen"])
    world.accept(visit, "Northlight")
    with world.jobs.app_context():
        form = change_form(world.clinic.scope(), visit, ChangeKind.ASK, now=world.now)

    assert set(form.picks) == set(picks(world, "Clearsign", "Bridgeway", "Lumen"))
    assert form.winner == "Northlight"


def test_the_preview_names_whom_it_withdraws_and_a_company_that_wins_meanwhile_is_shown_first(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    wanted = wish(world, visit, ChangeKind.ASK)
    promised = promise(world, wanted)
    assert plan_of(world, wanted).endings[0].waiting == ("Clearsign", "Northlight")
    world.accept(visit, "Northlight")
    rows = snapshot(world)

    result = confirm(world, wanted, promised)
    assert result.outcome is ChangeOutcome.WON_MEANWHILE
    assert result.plan is not None
    assert result.plan.endings[0].company_name == "Northlight"
    assert snapshot(world) == rows
    assert confirm(world, wanted).outcome is ChangeOutcome.CHANGED
