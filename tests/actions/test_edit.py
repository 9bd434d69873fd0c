"""Editing a visit: what withdraws and asks anew, what only changes, and what is refused."""

from datetime import date, time, timedelta

import pytest

from shared.actions.changes import ChangeOutcome
from shared.db import reading, transaction
from shared.models import Appointment, Clinic, Company, HuntGroupMember, User, Visit
from shared.states import MailKind, MailState, RequestState, Role, VisitType
from tests.actions.changing import (
    NOT_VALID,
    asked,
    calendars,
    confirm,
    edit,
    picks,
    plan_of,
    promise,
    requests_of,
    told,
    uids,
    visit_of,
    wish,
)
from tests.actions.desk import NAMED, mail_states, snapshot
from tests.world import TOMORROW, World

ASKED, FILLED, NOTHING = "Request for ASL Interpreter", "Filled, nothing to do", "Withdrawn, nothing to do"
WON, OVER, UPDATED = "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter", "Updated: ASL Interpreter"
GROUP = ("Clearsign", "Northlight", "Bridgeway")


def won_visit(world: World) -> int:
    """A visit that the group was asked for and Clearsign accepted; all mail has left."""
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.tick()
    return visit


TOLD: dict[str, dict[str, object]] = {
    "date": {"day": date(2026, 11, 25)},
    "start": {"wall": time(10, 0)},
    "duration": {"duration_minutes": 60},
    "type": {"visit_type": VisitType.PHONE},
    "notes": {"notes": "Cardiology vocabulary."},
}
UNSEEN: dict[str, dict[str, object]] = {
    "patient": {"patient_name": "Jona Pike"},
    "contact": {"patient_contact": "+1 555 0111"},
    "reason": {"reason": "Follow-up"},
}


@pytest.mark.parametrize("name", TOLD)
def test_a_change_that_companies_see_withdraws_and_asks_everyone_again(world_on_either: World, name: str) -> None:
    world = world_on_either
    visit = won_visit(world)
    edit(world, visit, **TOLD[name])  # type: ignore[arg-type]
    world.tick()

    assert requests_of(world, visit) == [RequestState.WITHDRAWN, RequestState.PENDING]
    assert asked(world, visit) == list(GROUP)
    assert world.badge(visit) == "Pending Request"
    assert told(world, "Clearsign") == [ASKED, WON, OVER, ASKED]
    assert told(world, "Northlight") == [ASKED, FILLED, ASKED]


def test_another_provider_withdraws_and_the_new_one_is_told_to_the_companies(world: World) -> None:
    visit = won_visit(world)
    other = world.add_user(Role.PROVIDER, "Ana Alvarez")
    edit(world, visit, provider_id=other)
    world.tick()

    assert requests_of(world, visit) == [RequestState.WITHDRAWN, RequestState.PENDING]
    assert "Ana Alvarez" in world.open_mail(to="Northlight").text


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize("won", [True, False], ids=["accepted", "pending"])
def test_what_companies_never_see_withdraws_nothing_and_mails_nobody(world: World, name: str, *, won: bool) -> None:
    visit = won_visit(world) if won else world.book(ask=["ASL daytime"])
    world.tick()
    rows, received = world.outbox(), len(world.post.received)
    edit(world, visit, **UNSEEN[name])  # type: ignore[arg-type]
    world.tick()

    assert len(requests_of(world, visit)) == 1
    assert (len(world.outbox()), len(world.post.received)) == (len(rows), received)
    assert visit_of(world, visit).version == 2
    [(field, value)] = UNSEEN[name].items()
    assert getattr(visit_of(world, visit), field) == value


def test_from_that_instant_old_links_and_the_old_guest_link_are_no_longer_valid(world_on_either: World) -> None:
    world = world_on_either
    visit = won_visit(world)
    [winner, loser] = [world.mails(to=company)[0] for company in ("Clearsign", "Northlight")]
    confirmation = world.open_mail(to="Clearsign")
    assert [confirmation.open("meet").status_code, winner.open().status_code, loser.open().status_code] == [
        200, 200, 409,
    ]  # fmt: skip
    edit(world, visit, wall=time(10, 0))

    for page in (winner.open(), winner.open("decline"), loser.open(), loser.open("decline"), confirmation.open("meet")):
        assert page.status_code == 410
        assert NOT_VALID in page.text
        assert "+1 555 0142" in page.text


def test_the_winner_that_wins_again_gets_a_cancellation_and_then_an_entry_of_its_own(world: World) -> None:
    visit = won_visit(world)
    first = world.open_mail(to="Clearsign")
    edit(world, visit, wall=time(10, 0))
    world.tick()
    [_question, _won, over, again] = world.mails(to="Clearsign")
    again.press("Accept")
    world.tick()
    second = world.open_mail(to="Clearsign")

    [cancelled] = calendars(over)
    assert cancelled["METHOD"] == "CANCEL"
    assert uids(over) == uids(first)
    assert [event["SEQUENCE"] for event in cancelled.walk("VEVENT")] == [1]
    assert uids(second).isdisjoint(uids(first))
    assert "10:00–10:45 PST" in second.text
    assert "09:30–10:15 PST" in over.text
    assert second.open("meet").status_code == 200
    assert first.open("meet").status_code == 410


def test_room_and_pin_change_when_a_winner_loses_its_last_visit_and_stay_when_nobody_had_won(world: World) -> None:
    def meeting(visit: int) -> tuple[str, str]:
        with world.jobs.app_context(), reading() as session:
            row = session.get_one(Appointment, session.get_one(Visit, visit).appointment_id)
            return row.room, row.pin

    pending = world.book(ask=["ASL daytime"])
    before = meeting(pending)
    edit(world, pending, wall=time(10, 0))
    assert meeting(pending) == before

    visit = won_visit(world)
    room, pin = meeting(visit)
    edit(world, visit, wall=time(10, 0))
    assert room not in meeting(visit)
    assert pin not in meeting(visit)


def test_a_company_no_longer_chosen_is_told_there_is_nothing_to_do(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, ask=["Clearsign", "Lumen"])
    world.tick()

    assert told(world, "Clearsign") == [ASKED, ASKED]
    assert told(world, "Northlight") == [ASKED, NOTHING]
    assert told(world, "Lumen") == [ASKED]


def test_a_loser_that_was_told_filled_is_told_nothing_twice_and_one_that_declined_nothing_at_all(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.decline(visit, "Bridgeway")
    world.accept(visit, "Clearsign")
    world.tick()
    edit(world, visit, ask=["Lumen"])
    world.tick()

    assert told(world, "Clearsign") == [ASKED, WON, OVER]
    assert told(world, "Northlight") == [ASKED, FILLED]
    assert told(world, "Bridgeway") == [ASKED]


def test_a_company_that_declined_is_asked_again_when_it_is_still_chosen(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.decline(visit, "Northlight")
    edit(world, visit, wall=time(10, 0))
    world.tick()

    assert told(world, "Northlight") == [ASKED, ASKED]


def test_filled_that_has_not_left_becomes_nothing_to_do(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(visit, "Clearsign")
    edit(world, visit, ask=["Lumen"])
    world.tick()

    assert told(world, "Northlight") == [ASKED, NOTHING]
    assert told(world, "Clearsign") == [ASKED, OVER]
    assert mail_states(world, MailKind.CONFIRMATION) == {"dispatch@clearsign.example": MailState.DROPPED}


def test_an_invite_that_has_not_left_is_dropped_and_its_company_hears_of_the_new_request_alone(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    edit(world, visit, ask=["Clearsign"], wall=time(10, 0))
    world.tick()

    assert told(world, "Clearsign") == [ASKED]
    assert "10:00–10:45 PST" in world.open_mail(to="Clearsign").text
    assert told(world, "Northlight") == []


def test_a_company_whose_second_invite_never_left_still_learns_that_its_first_is_over(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    edit(world, visit, wall=time(10, 0))  # its invites wait in the outbox
    edit(world, visit, ask=["Clearsign"])
    edit(world, visit, wall=time(11, 0))
    world.tick()

    assert told(world, "Northlight") == [ASKED, NOTHING]
    assert "09:30–10:15 PST" in world.open_mail(to="Northlight").text
    assert told(world, "Clearsign") == [ASKED, ASKED]


def test_the_deadline_is_worked_out_anew(world: World) -> None:
    visit = world.book(ask=["Clearsign"], day=date(2026, 12, 1))
    world.pass_time(hours=5)
    edit(world, visit, notes="Side door")
    assert world.request_of(visit).deadline == world.now + timedelta(hours=24)

    edit(world, visit, day=TOMORROW)
    assert world.request_of(visit).deadline == visit_of(world, visit).starts_at


def test_a_group_whose_members_change_withdraws_nothing_until_something_else_does(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    group, companies = world.clinic.groups["ASL daytime"], world.clinic.companies
    with world.jobs.app_context(), transaction() as session:
        session.delete(session.get_one(HuntGroupMember, (group, companies["Bridgeway"])))
        session.add(HuntGroupMember(hunt_group_id=group, company_id=companies["Lumen"], position=9))
    edit(world, visit, reason="Follow-up")
    assert len(requests_of(world, visit)) == 1

    edit(world, visit, notes="Side door")
    world.tick()
    assert asked(world, visit) == ["Clearsign", "Northlight", "Lumen"]
    assert told(world, "Bridgeway") == [ASKED, NOTHING]


def test_a_group_that_changes_between_preview_and_confirm_previews_again(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    wanted = wish(world, visit, notes="Side door")
    promised = promise(world, wanted)
    world.change(Company, world.clinic.companies["Bridgeway"], accredited=False)
    rows = snapshot(world)

    result = confirm(world, wanted, promised)
    assert result.outcome is ChangeOutcome.PREVIEW_AGAIN
    assert result.plan is not None
    assert [len(company_ids) for _handles, company_ids in result.plan.asked] == [2]
    assert snapshot(world) == rows


def test_a_visit_that_asks_nobody_any_more_has_no_badge_and_leaves_nobody_with_a_question(world: World) -> None:
    visit = won_visit(world)
    edit(world, visit, ask=[])
    world.tick()

    assert world.badge(visit) == "No interpreter asked"
    assert told(world, "Clearsign") == [ASKED, WON, OVER]
    assert told(world, "Northlight") == [ASKED, FILLED]


def test_a_visit_without_a_request_asks_when_companies_are_chosen(world: World) -> None:
    visit = world.book()
    edit(world, visit, ask=["Clearsign"])
    world.tick()

    assert told(world, "Clearsign") == [ASKED]


@pytest.mark.parametrize("end", ["expired", "declined", "undeliverable", "past its deadline"])
def test_a_closed_request_stays_as_it_is_and_a_change_that_companies_see_asks_anew(
    world_on_either: World, end: str
) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"], day=date(2026, 12, 1))
    if end == "undeliverable":
        world.post.replies["dispatch@clearsign.example"] = "550 No such user"
    world.tick()
    if end == "declined":
        world.decline(visit, "Clearsign")
    if end in {"expired", "past its deadline"}:
        world.now = world.request_of(visit).deadline
    if end != "past its deadline":
        world.tick()
    edit(world, visit, wall=time(10, 0), ask=["Northlight"])
    world.tick()

    closed = {"declined": RequestState.ALL_DECLINED, "undeliverable": RequestState.UNDELIVERABLE}
    assert requests_of(world, visit) == [closed.get(end, RequestState.EXPIRED), RequestState.PENDING]
    assert told(world, "Northlight") == [ASKED]
    assert told(world, "Clearsign") == ([] if end == "undeliverable" else [ASKED])


def test_news_of_a_closed_request_is_dropped_once_the_visit_is_asked_again(world: World) -> None:
    visit = world.book(ask=["Clearsign"], day=date(2026, 12, 1))
    world.tick()
    world.now = world.request_of(visit).deadline
    edit(world, visit, wall=time(10, 0))
    world.tick()

    assert set(mail_states(world, MailKind.CLINIC_EXPIRED).values()) == {MailState.DROPPED}


def test_while_requests_are_switched_off_an_edit_withdraws_and_says_that_nobody_is_asked(world: World) -> None:
    visit = won_visit(world)
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)
    wanted = wish(world, visit, wall=time(10, 0), ask=["Lumen"])
    plan = plan_of(world, wanted)
    assert plan.notices == ("Interpreter requests are switched off: nobody is asked for Tue 24 Nov 2026.",)
    assert confirm(world, wanted).outcome is ChangeOutcome.CHANGED
    world.tick()

    assert world.badge(visit) == "No interpreter asked"
    assert told(world, "Clearsign") == [ASKED, WON, OVER]
    assert told(world, "Lumen") == []


def test_a_suspended_company_keeps_its_visit_until_a_change_that_would_ask_it_again_is_refused(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.accept(visit, "Clearsign")
    world.change(Company, world.clinic.companies["Clearsign"], accredited=False)
    edit(world, visit, reason="Follow-up")
    assert world.badge(visit) == "Accepted"

    result = confirm(world, wish(world, visit, wall=time(10, 0)))
    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert result.plan.errors == {"interpreter": "Clearsign is suspended and can't be asked. Choose another."}
    assert world.badge(visit) == "Accepted"

    edit(world, visit, wall=time(10, 0), ask=["Northlight"])
    assert asked(world, visit) == ["Northlight"]


def test_an_inactive_provider_keeps_its_visit_but_is_not_on_offer_for_another(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    other = world.add_user(Role.PROVIDER, "Ana Alvarez")
    world.change(User, world.clinic.users["provider"], active=False)
    edit(world, visit, wall=time(10, 0))
    edit(world, visit, provider_id=other)

    result = confirm(world, wish(world, visit, provider_id=world.clinic.users["provider"]))
    assert result.outcome is ChangeOutcome.INVALID


def test_the_trail_names_the_fields_and_never_their_values(world: World) -> None:
    visit = won_visit(world)
    before = len(world.trail())
    edit(world, visit, wall=time(10, 0), patient_name="Jona Pike")

    lines = [repr(vars(line)) for line in world.trail()[before:]]
    assert any("patient_name" in line and "start_time" in line for line in lines)
    assert not any("Pike" in line for line in lines)


def test_subjects_of_the_cancellation_name_the_old_date_and_of_the_question_the_new_one(world: World) -> None:
    visit = won_visit(world)
    edit(world, visit, day=date(2026, 11, 26))
    world.tick()

    assert world.subjects(to="Clearsign")[2:] == [f"{OVER} · {NAMED}", f"{ASKED} · Thu 26 Nov 2026 · A-10001"]


def test_notes_alone_need_somebody_to_read_them(world: World) -> None:
    visit = world.book()
    result = confirm(world, wish(world, visit, notes="Side door"))
    assert result.outcome is ChangeOutcome.INVALID


def test_two_addresses_of_one_company_are_each_told_and_asked(world: World) -> None:
    emails = ["one@handwave.example", "two@handwave.example"]
    world.add_company("Handwave", emails=emails)
    visit = world.book(ask=["Handwave"])
    world.tick()
    world.accept(visit, "Handwave", email=emails[1])
    world.tick()
    edit(world, visit, wall=time(10, 0))
    world.tick()

    for email in emails:
        assert [s.partition(" · ")[0] for s in world.subjects(to=email)] == [ASKED, WON, OVER, ASKED]
    assert uids(world.mails(to=emails[0])[2]) == uids(world.mails(to=emails[1])[2])


def test_choosing_the_same_companies_by_name_that_a_group_had_named_counts_as_a_change(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    edit(world, visit, picks=picks(world, *GROUP))

    assert requests_of(world, visit) == [RequestState.WITHDRAWN, RequestState.PENDING]
