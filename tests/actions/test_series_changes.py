"""Changing a series: this visit, this and following, all. Who keeps what, who is asked anew, who is told."""

from datetime import date, time, timedelta

import pytest

from shared.actions.changes import ChangeOutcome
from shared.changes import ChangeKind
from shared.db import reading
from shared.models import Appointment, Clinic
from shared.queries.changes import change_form
from shared.repeat import Repeat
from shared.states import Frequency, Reach, RequestState, Role, VisitStatus, VisitType
from tests.actions.changing import (
    ALL,
    FOLLOWING,
    asked,
    book_series,
    calendars,
    cancel,
    confirm,
    edit,
    lost,
    plan_of,
    requests_of,
    told,
    uids,
    visit_of,
    wish,
)
from tests.world import World

ASKED, FILLED, NOTHING = "Request for ASL Interpreter", "Filled, nothing to do", "Withdrawn, nothing to do"
WON, OVER, UPDATED = "Confirmed: ASL Interpreter", "Cancelled: ASL Interpreter", "Updated: ASL Interpreter"
PENDING, ACCEPTED = "Pending Request", "Accepted"


def won_series(world: World, **changes: object) -> list[int]:
    """A series that the group was asked for and Clearsign accepted; all mail has left."""
    series = book_series(world, **changes)  # type: ignore[arg-type]
    world.tick()
    world.accept(series[0], "Clearsign")
    world.tick()
    return series


def badges(world: World, series: list[int]) -> list[str]:
    return [world.badge(visit) for visit in series]


def meeting(world: World, visit: int) -> tuple[str, str]:
    """The room and the PIN of a visit's appointment."""
    with world.jobs.app_context(), reading() as session:
        row = session.get_one(Appointment, visit_of(world, visit).appointment_id)
        return row.room, row.pin


def test_this_visit_leaves_an_accepted_request_and_the_winner_keeps_the_rest(world_on_either: World) -> None:
    world = world_on_either
    series = won_series(world)
    room = meeting(world, series[0])
    confirmation = world.open_mail(to="Clearsign")
    edit(world, series[2], day=date(2026, 12, 9))
    world.tick()

    assert badges(world, series) == [ACCEPTED] * 2 + [PENDING] + [ACCEPTED] * 3
    assert meeting(world, series[0]) == room
    assert requests_of(world, series[2]) == [RequestState.ACCEPTED, RequestState.PENDING]
    assert told(world, "Clearsign") == [ASKED, WON, lost(1), ASKED]
    assert told(world, "Northlight") == [ASKED, FILLED, ASKED]
    update = world.mails(to="Clearsign")[2]
    assert uids(update) == uids(confirmation)
    assert {event["SEQUENCE"] for calendar in calendars(update) for event in calendar.walk("VEVENT")} == {1}
    assert "No longer yours\n  Tue 8 Dec 2026" in update.text.replace("\r", "")
    lobby = confirmation.open("meet")
    assert lobby.status_code == 200
    assert "Tue 1 Dec" in lobby.text
    assert "Tue 8 Dec" not in lobby.text
    assert "Wed 9 Dec" not in lobby.text


def test_this_and_following_leave_an_accepted_request_together(world_on_either: World) -> None:
    world = world_on_either
    series = won_series(world)
    edit(world, series[2], reach=FOLLOWING, wall=time(14, 0))
    world.tick()

    assert badges(world, series) == [ACCEPTED] * 2 + [PENDING] * 4
    assert len({visit_of(world, visit).request_id for visit in series[2:]}) == 1
    assert told(world, "Clearsign") == [ASKED, WON, lost(4), ASKED]


def test_all_takes_the_last_visit_from_the_winner_so_its_link_is_dead_and_room_and_pin_change(
    world_on_either: World,
) -> None:
    world = world_on_either
    series = won_series(world)
    room, pin = meeting(world, series[0])
    confirmation = world.open_mail(to="Clearsign")
    edit(world, series[1], reach=ALL, wall=time(14, 0))
    page = confirmation.open("meet")
    world.tick()

    assert page.status_code == 410
    assert badges(world, series) == [PENDING] * 6
    assert room not in meeting(world, series[0])
    assert pin not in meeting(world, series[0])
    assert told(world, "Clearsign") == [ASKED, WON, OVER, ASKED]
    assert {calendar["METHOD"] for calendar in calendars(world.mails(to="Clearsign")[2])} == {"CANCEL"}


def test_a_winner_that_loses_a_date_it_took_anew_keeps_room_and_pin_while_it_holds_others(
    world_on_either: World,
) -> None:
    world = world_on_either
    series = won_series(world)
    room = meeting(world, series[0])
    edit(world, series[2], wall=time(14, 0))
    world.tick()
    world.accept(series[2], "Clearsign")
    world.tick()
    wanted = wish(world, series[2], wall=time(15, 0))
    assert [(ending.loses_last, ending.changes_room) for ending in plan_of(world, wanted).endings] == [(True, False)]
    edit(world, series[2], wall=time(15, 0))
    world.tick()

    assert meeting(world, series[0]) == room
    assert told(world, "Clearsign") == [ASKED, WON, lost(1), ASKED, WON, OVER, ASKED]
    over = next(mail for mail in world.mails(to="Clearsign") if OVER in str(mail.message["Subject"]))
    assert "your other dates of this appointment stay as they are" in " ".join(over.text.split())
    edit(world, series[0], reach=ALL, wall=time(16, 0))
    assert not set(room) & set(meeting(world, series[0]))


def test_a_winner_whose_other_dates_are_past_loses_the_room_with_its_last_date_and_is_told_so(world: World) -> None:
    series = won_series(world, repeat=Repeat(Frequency.WEEKLY, (1,), count=2))
    room = meeting(world, series[0])
    edit(world, series[1], wall=time(14, 0))
    world.tick()
    world.accept(series[1], "Clearsign")
    world.tick()
    world.now = visit_of(world, series[0]).ends_at + timedelta(hours=1)
    edit(world, series[1], wall=time(15, 0))
    world.tick()

    assert not set(room) & set(meeting(world, series[0]))
    over = next(mail for mail in world.mails(to="Clearsign") if OVER in str(mail.message["Subject"]))
    assert "The meeting page and the PIN that you had no longer work." in " ".join(over.text.split())


def test_a_winner_that_loses_its_visits_one_by_one_keeps_room_and_pin_until_the_last(world: World) -> None:
    series = won_series(world, repeat=Repeat(Frequency.WEEKLY, (1,), count=3))
    room = meeting(world, series[0])
    edit(world, series[0], wall=time(14, 0))
    cancel(world, series[1])
    assert meeting(world, series[0]) == room
    preview = plan_of(world, wish(world, series[2], notes="Side door"))
    assert [(ending.keeps, ending.loses_last) for ending in preview.endings] == [(0, True)]
    edit(world, series[2], notes="Side door")
    world.tick()

    assert room[0] not in meeting(world, series[0])
    assert [subject for subject in told(world, "Clearsign") if subject == OVER] == [OVER]
    assert requests_of(world, series[2])[0] is RequestState.WITHDRAWN


def test_two_winners_of_one_series_each_hold_their_own_dates_and_hear_of_a_new_pin(world_on_either: World) -> None:
    world = world_on_either
    series = won_series(world)
    edit(world, series[5], wall=time(14, 0))
    world.tick()
    world.accept(series[5], "Northlight")
    world.tick()
    world.pass_time(hours=1)
    pin = meeting(world, series[0])[1]
    edit(world, series[5], wall=time(15, 0))
    world.tick()

    new = meeting(world, series[0])[1]
    assert new != pin
    assert told(world, "Northlight")[-3:] == [WON, OVER, ASKED]
    assert told(world, "Clearsign")[-2:] == [UPDATED, ASKED]
    update = world.mails(to="Clearsign")[-2].text
    assert new[:3] in update
    assert "No longer yours" not in update
    assert not any(new[:3] + " " + new[3:6] in mail.text for mail in world.mails(to="Northlight"))


def test_a_pending_request_is_withdrawn_whole_and_what_remains_is_asked_again_in_one_request(
    world_on_either: World,
) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()
    edit(world, series[2], visit_type=VisitType.PHONE)
    world.tick()

    assert {tuple(requests_of(world, visit)) for visit in series} == {(RequestState.WITHDRAWN, RequestState.PENDING)}
    assert len({visit_of(world, visit).request_id for visit in series}) == 1
    assert told(world, "Clearsign") == told(world, "Northlight") == [ASKED, ASKED]


@pytest.mark.parametrize("changes", [{"notes": "Side door"}, {"ask": ["Lumen"]}], ids=["notes", "companies"])
def test_where_notes_or_companies_differ_the_remaining_visits_are_asked_for_in_two_requests(
    world: World, changes: dict[str, object]
) -> None:
    series = book_series(world)
    world.tick()
    edit(world, series[2], **changes)  # type: ignore[arg-type]

    requests = [visit_of(world, visit).request_id for visit in series]
    assert len(set(requests)) == 2
    assert requests.count(requests[2]) == 1
    assert asked(world, series[0]) == ["Clearsign", "Northlight", "Bridgeway"]


def test_one_date_of_a_pending_series_is_cancelled_and_the_rest_asked_again(world_on_either: World) -> None:
    world = world_on_either
    series = book_series(world)
    world.tick()
    cancel(world, series[0])
    world.tick()

    assert badges(world, series) == ["Cancelled"] + [PENDING] * 5
    assert told(world, "Clearsign") == [ASKED, ASKED]
    assert "Tue 24 Nov 2026, 09:30" not in world.open_mail(to="Clearsign").text
    assert requests_of(world, series[0]) == [RequestState.WITHDRAWN]
    assert world.request_of(series[1]).deadline == world.now + timedelta(hours=24)


def test_dates_of_an_accepted_series_are_cancelled_and_the_winner_keeps_the_rest(world_on_either: World) -> None:
    world = world_on_either
    series = won_series(world)
    cancel(world, series[3], reach=FOLLOWING)
    world.tick()

    assert badges(world, series) == [ACCEPTED] * 3 + ["Cancelled"] * 3
    assert told(world, "Clearsign") == [ASKED, WON, lost(3)]
    assert told(world, "Northlight") == [ASKED, FILLED]


def test_all_of_an_accepted_series_is_cancelled_with_one_mail(world_on_either: World) -> None:
    world = world_on_either
    series = won_series(world)
    cancel(world, series[4], reach=ALL)
    world.tick()

    assert badges(world, series) == ["Cancelled"] * 6
    assert told(world, "Clearsign") == [ASKED, WON, OVER]
    assert {tuple(requests_of(world, visit)) for visit in series} == {(RequestState.CANCELLED,)}


def partly_past(world: World) -> list[int]:
    """An accepted series two of whose visits are over."""
    series = won_series(world)
    world.pass_time(days=10)
    return series


def test_past_visits_stay_in_history_as_they_were(world_on_either: World) -> None:
    world = world_on_either
    series = partly_past(world)
    before = [vars(visit_of(world, visit)) for visit in series[:2]]
    edit(world, series[3], reach=ALL, wall=time(14, 0))
    cancel(world, series[4], reach=ALL)

    for visit, was in zip(series[:2], before, strict=True):
        now = vars(visit_of(world, visit))
        assert {name: value for name, value in now.items() if name[0] != "_"} == {
            name: value for name, value in was.items() if name[0] != "_"
        }
    assert badges(world, series) == [ACCEPTED] * 2 + ["Cancelled"] * 4


@pytest.mark.parametrize("how", ["asked anew", "cancelled"])
def test_a_winner_that_keeps_past_visits_alone_is_told_that_it_is_over_and_nothing_of_the_new_room(
    world_on_either: World, how: str
) -> None:
    world = world_on_either
    series = partly_past(world)
    confirmation, (room, pin) = world.open_mail(to="Clearsign"), meeting(world, series[0])
    if how == "cancelled":
        cancel(world, series[3], reach=ALL)
    else:
        edit(world, series[3], reach=ALL, wall=time(14, 0), ask=["Lumen"])
    world.tick()

    assert confirmation.open("meet").status_code == 410
    assert world.mails(to="Clearsign")[0].open().status_code == 410
    assert meeting(world, series[0])[0] != room
    assert told(world, "Clearsign") == [ASKED, WON, OVER]
    mail = world.open_mail(to="Clearsign")
    new = meeting(world, series[0])[1]
    assert new != pin
    assert f"{new[:3]} {new[3:6]} {new[6:]}" not in mail.text
    assert "Tue 8 Dec 2026" in mail.text
    assert "Tue 24 Nov 2026" not in mail.text
    [calendar] = calendars(mail)
    assert calendar["METHOD"] == "REQUEST"  # what is past stays in its calendar
    assert {event["SEQUENCE"] for event in calendar.walk("VEVENT")} == {1}


def test_a_winner_whose_last_visits_simply_pass_keeps_its_page(world: World) -> None:
    series = won_series(world)
    cancel(world, series[5])
    world.tick()
    confirmation = world.mails(to="Clearsign")[1]
    world.pass_time(days=40)

    assert confirmation.open("meet").status_code == 200


def test_only_changed_fields_apply_so_a_moved_date_keeps_its_time_unless_the_time_changed(world: World) -> None:
    series = book_series(world)
    edit(world, series[2], day=date(2026, 12, 10), wall=time(15, 0), visit_type=VisitType.PHONE)
    edit(world, series[0], reach=ALL, notes="Side door", duration_minutes=60)
    moved = visit_of(world, series[2])
    assert (moved.starts_at.hour, moved.starts_at.day, moved.visit_type) == (23, 10, VisitType.PHONE)
    assert moved.duration_minutes == 60

    edit(world, series[0], reach=ALL, wall=time(8, 0))
    moved = visit_of(world, series[2])
    assert (moved.starts_at.hour, moved.starts_at.day, moved.occurs_on) == (16, 10, date(2026, 12, 8))
    assert visit_of(world, series[0]).visit_type is VisitType.VIDEO


@pytest.mark.parametrize("reach", [FOLLOWING, ALL])
def test_the_date_changes_in_this_visit_only(world: World, reach: Reach) -> None:
    series = book_series(world)
    result = confirm(world, wish(world, series[2], reach=reach, day=date(2026, 12, 9)))

    assert result.outcome is ChangeOutcome.INVALID
    assert result.plan is not None
    assert "one visit only" in result.plan.errors["date"]


def test_each_reach_counts_the_visits_to_come(world: World) -> None:
    series = book_series(world)
    world.pass_time(days=9)
    with world.jobs.app_context():
        form = change_form(world.clinic.scope(), series[3], ChangeKind.EDIT, now=world.now)

    assert form.series is not None
    assert (form.series.following, form.series.all) == (3, 4)


def test_a_visit_that_is_going_on_can_be_cancelled_with_all_that_follow(world: World) -> None:
    series = won_series(world)
    world.now = visit_of(world, series[1]).starts_at + timedelta(minutes=10)
    cancel(world, series[1], reach=ALL)

    assert badges(world, series) == [ACCEPTED] + ["Cancelled"] * 5


def test_what_companies_never_see_changes_in_all_visits_and_mails_nobody(world: World) -> None:
    series = won_series(world)
    received = len(world.post.received)
    edit(world, series[2], reach=ALL, patient_name="Jona Pike", patient_contact="jona@example.org")
    world.tick()

    assert {visit_of(world, visit).patient_name for visit in series} == {"Jona Pike"}
    assert len(world.post.received) == received
    assert badges(world, series) == [ACCEPTED] * 6


def test_a_provider_changes_the_visits_that_are_its_own_and_leaves_the_others(world: World) -> None:
    series = book_series(world, ask=())
    edit(world, series[3], provider_id=world.add_user(Role.PROVIDER, "Ana Alvarez"))
    wanted = wish(world, series[0], reach=ALL, by=Role.PROVIDER, reason="Follow-up")
    assert confirm(world, wanted, by=Role.PROVIDER).outcome is ChangeOutcome.CHANGED

    assert [visit_of(world, visit).reason for visit in series] == ["Follow-up"] * 3 + ["New patient"] + [
        "Follow-up"
    ] * 2


def test_while_requests_are_switched_off_the_rest_of_a_pending_series_is_asked_for_no_more(world: World) -> None:
    series = book_series(world)
    world.tick()
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)
    cancel(world, series[0])
    world.tick()

    assert badges(world, series) == ["Cancelled"] + ["No interpreter asked"] * 5
    assert told(world, "Clearsign") == [ASKED, NOTHING]


def test_a_time_that_the_clock_jumps_over_moves_by_the_gap_when_a_series_is_edited(world: World) -> None:
    daily = Repeat(Frequency.DAILY, count=3)
    series = book_series(world, ask=["Clearsign"], day=date(2027, 3, 13), repeat=daily)
    wanted = wish(world, series[0], reach=ALL, wall=time(2, 30))
    assert [change.slot.moved for change in plan_of(world, wanted).changes] == [False, True, False]
    confirm(world, wanted)

    starts = [visit_of(world, visit).starts_at for visit in series]
    assert [(start.hour, start.minute) for start in starts] == [(10, 30), (10, 30), (9, 30)]
    assert visit_of(world, series[1]).status is VisitStatus.SCHEDULED
