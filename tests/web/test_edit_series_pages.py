"""Edit of a series: for which visits, what each of them keeps, and what a new rule drops and adds."""

from datetime import date, time

from shared.actions import AnswerOutcome
from shared.db import reading
from shared.models import Clinic, Visit
from shared.queries import visit_details
from shared.repeat import Repeat
from shared.states import Frequency
from tests.web.changing import WEEKLY_6, accepted, confirm, held, open_change, preview, save, send, told
from tests.web.checks import complaint, dump, soup_of, words
from tests.world import World


def test_a_date_moved_on_its_own_leaves_the_winner_the_rest(world_on_either: World) -> None:
    world = world_on_either
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()

    page = preview(client, first + 2, date="2026-12-09")
    assert (
        "Clearsign has accepted. Saving takes 1 date from it and asks everyone again. "
        "Clearsign keeps the other 5 dates; room and PIN stay."
    ) in told(page)
    confirm(client, page)
    world.tick()

    assert [world.badge(first + number) for number in range(6)] == [
        "Pending Request" if number == 2 else "Accepted" for number in range(6)
    ]


def test_one_date_of_a_pending_series_says_that_the_others_lose_their_request_too(world: World) -> None:
    first = world.book(ask=["Clearsign", "Northlight"], repeat=WEEKLY_6)
    client = world.login()
    asked = "2 companies have been asked and have not answered. Saving withdraws their request and asks anew. "

    page = preview(client, first + 2, start_time="11:00")
    assert told(page).endswith(
        asked + "The other 5 dates lose their request too and are asked anew, together in one request."
    )
    page = preview(client, first + 2, notes="Cardiology.")
    assert told(page).endswith(asked + "The other 5 dates lose their request too and are asked anew.")
    page = preview(client, first + 2, "ask")
    assert "The other 5 dates lose their request too and are asked anew, together" in told(page)
    page = preview(client, first, reach="all", duration="60")
    assert "The other" not in told(page)


def test_several_pending_requests_that_end_are_said_once(world: World) -> None:
    first = world.book(ask=["Clearsign", "Northlight"], repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 5, interpreter=[f"company:{world.clinic.companies['Lumen']}"])

    page = preview(client, first, reach="all", duration="60")

    assert told(page) == (
        "What saving will do 3 companies have been asked and have not answered. "
        "Saving withdraws their 2 requests and asks anew."
    )


def test_a_winner_of_some_of_the_dates_is_said_to_be_one(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 5, start_time="11:00")

    page = preview(client, first + 3, reach="following", duration="60")
    assert "Clearsign has accepted 2 of these dates. Saving takes 2 dates from it" in told(page)
    page = open_change(client, first + 3, "cancel", "?reach=following")
    assert "Clearsign has accepted 2 of these dates. It is told at once" in told(page)


def test_the_form_of_a_series_offers_each_reach_with_its_number_of_visits(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    world.pass_time(days=8)  # the first two are past by then

    page = words(open_change(world.login(), first + 3))

    assert "This visit" in page
    assert "This and following (3)" in page
    assert "All (4 visits to come)" in page
    assert "Every week on Tue. Visits that are past stay as they were." in page


def test_only_what_changed_applies_to_the_other_visits(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 4, start_time="15:00")
    page = preview(client, first + 1, reach="all", duration="60")
    assert "6 dates" in words(page)
    confirm(client, page)

    for number in range(6):
        form = open_change(client, first + number)
        assert held(form, "duration") == "60"
        assert held(form, "start_time") == ("15:00" if number == 4 else "09:30")


def test_a_new_rule_cancels_the_dates_it_drops_and_adds_others(world: World) -> None:
    first = world.book(ask=["Clearsign"], repeat=WEEKLY_6)
    client = world.login()

    page = preview(client, first + 3, reach="following", weekdays=["3"], repeat_count="2")
    listed = [" ".join(item.get_text(" ").split()) for item in soup_of(page).select(".dates li")]
    assert [item.rpartition(" ")[2] for item in listed] == ["Cancelled", "New", "Cancelled", "New", "Cancelled"]
    confirm(client, page)

    days = {row[Visit.__table__.c.keys().index("starts_at")].date() for row in dump(world)["visit"]}
    assert {date(2026, 12, 17), date(2026, 12, 24)} <= days
    assert world.badge(first + 3) == "Cancelled"
    assert world.badge(first + 2) == "Pending Request"


def test_a_new_rule_says_what_the_winner_loses_and_who_is_asked_for_the_new_dates(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)

    page = preview(world.login(), first + 2, reach="following", weekdays=["1", "2"])

    assert told(page) == (
        "What saving will do Clearsign has accepted. Saving cancels 2 dates of it. "
        "Clearsign keeps the other 4 dates; room and PIN stay. "
        "Saving sends a request to 3 companies for the new dates."
    )


def test_a_longer_series_asks_for_the_new_dates_alone(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()

    page = preview(client, first + 3, reach="following", repeat_count="4")
    assert "Saving sends a request to 3 companies for the new dates. Nothing else changes for any company." in told(
        page
    )
    confirm(client, page)

    assert world.badge(first + 5) == "Accepted"
    assert world.badge(first + 6) == "Pending Request"


def test_a_rule_is_read_with_this_and_following_alone(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    client = world.login()

    for reach in ("this", "all"):
        answer = send(client, open_change(client, first + 1), reach=reach, repeat="daily", repeat_count="")
        assert "Nothing is changed yet." in words(answer), words(answer)
    answer = send(client, open_change(client, first + 1), reach="following", repeat="")
    assert answer.status_code == 422
    assert "Choose how the visits repeat. To end the series, cancel the visits." in words(answer)


def test_a_rule_for_the_31st_stays_one_on_the_last_day_of_february(world: World) -> None:
    monthly = Repeat(Frequency.MONTHLY, month_day=31, count=5)
    first = world.book(day=date(2026, 12, 31), repeat=monthly)
    client = world.login()
    form = open_change(client, first + 2)
    assert held(form, "date") == "2027-02-28"

    assert "Nothing is changed yet." in words(send(client, form, reach="following"))
    confirm(client, preview(client, first + 2, reach="following", repeat_count="4"))
    days = {row[Visit.__table__.c.keys().index("starts_at")].date() for row in dump(world)["visit"]}
    assert max(days) == date(2027, 5, 31)


def test_a_date_that_daylight_saving_moves_is_marked(world: World) -> None:
    first = world.book(day=date(2027, 3, 7), wall=time(1, 30), repeat=Repeat(Frequency.WEEKLY, (6,), None, None, 3))

    page = preview(world.login(), first, reach="all", start_time="02:30")

    assert words(page).count("The clock jumps over the usual time on that day: it begins later.") == 1


def test_a_visit_years_away_can_be_changed(world: World) -> None:
    first = world.book(repeat=Repeat(Frequency.MONTHLY, month_day=24, count=40))

    save(world.login(), first + 39, reason="Last one")


def two_winners(world: World) -> int:
    """Six dates: Clearsign holds the first three, Northlight the others. Gives the first visit."""
    first = accepted(world, repeat=WEEKLY_6)
    save(world.login(), first + 3, reach="following", interpreter=[f"company:{world.clinic.companies['Northlight']}"])
    world.tick()
    assert world.accept(first + 3, "Northlight") is AnswerOutcome.TAKEN
    world.tick()
    return first


def version_of(world: World, visit: int) -> int:
    with world.jobs.app_context(), reading() as session:
        return session.get_one(Visit, visit).version


def pin_of(world: World, visit: int) -> str:
    with world.jobs.app_context():
        details = visit_details(world.clinic.scope(), visit, now=world.now)
    assert details is not None
    return details.pin


def test_whoever_keeps_its_dates_and_gets_another_room_is_named_before(world: World) -> None:
    first = two_winners(world)
    client, pin = world.login(), pin_of(world, first)

    page = open_change(client, first + 2, "cancel", "?reach=following")
    assert "Clearsign keeps the other 2 dates; the meeting room and its PIN change." in told(page)
    assert "room and PIN stay" not in told(page)

    page = open_change(client, first + 3, "cancel", "?reach=following")
    assert "Clearsign keeps its dates and is told of a new meeting room and PIN." in told(page)
    world.pass_time(minutes=1)
    confirm(client, page)
    world.tick()
    assert pin_of(world, first) != pin
    assert world.subjects(to="Clearsign")[-1].startswith("Updated: ASL Interpreter")


def test_other_companies_for_all_leave_a_date_without_an_interpreter_alone(world: World) -> None:
    first = world.book(ask=["Clearsign"], repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 5, language="", interpreter=[])
    before = version_of(world, first + 5)

    page = preview(client, first, reach="all", interpreter=[f"company:{world.clinic.companies['Northlight']}"])
    assert "5 dates" in words(page)
    confirm(client, page)

    assert world.badge(first + 5) == "No interpreter asked"
    assert version_of(world, first + 5) == before


def test_two_dates_that_the_change_puts_on_one_time_are_a_warning(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 1, date="2026-12-08", start_time="14:00")

    page = preview(client, first, reach="all", start_time="11:00")

    assert "Two visits of the series would be at the same time: Tue 8 Dec 2026, 11:00–11:45" in words(page)


def test_a_date_whose_time_comes_twice_says_so(world: World) -> None:
    sundays = Repeat(Frequency.WEEKLY, weekdays=(6,), count=2)
    first = world.book(repeat=sundays, day=date(2027, 10, 31))

    page = preview(world.login(), first, reach="all", start_time="01:30")

    assert words(page).count("The usual time comes twice on that day: it takes the first.") == 1


def test_asking_again_lists_the_dates_and_names_the_others(world: World) -> None:
    first = world.book(ask=["Clearsign"], repeat=WEEKLY_6)
    client = world.login()

    page = preview(client, first + 1, "ask", reach="following")

    listed = soup_of(page).select("ol.dates li")
    assert len(listed) == 5
    assert "The other date loses its request too and is asked anew, together in one request." in told(page)


def test_back_after_confirm_and_the_form_again_lead_to_the_visit(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    form = open_change(client, visit)
    page = send(client, form, start_time="11:00")
    assert confirm(client, page).status_code == 303

    again = send(client, form, start_time="11:00")

    assert again.status_code == 303
    assert again.location == f"/visits/{visit}"
    assert send(client, form, start_time="11:30").status_code == 409  # another change is one that came too late


def test_a_visit_that_does_not_repeat_is_not_moved_years_away(world: World) -> None:
    visit = world.book()
    client = world.login()
    page = send(client, open_change(client, visit), date="2030-11-30")

    assert page.status_code == 422
    assert "Choose a date within the next two years." in complaint(page, "date").near


def test_companies_are_asked_again_in_the_order_of_the_group(world: World) -> None:
    visit = world.book(ask=["ASL daytime", "Lumen"])
    save(world.login(), visit, start_time="11:00")

    with world.jobs.app_context():
        names = {company_id: name for name, company_id in world.clinic.companies.items()}
        asked = [names[invite.company_id] for invite in world.invites_of(visit)]
    assert asked == ["Clearsign", "Northlight", "Bridgeway", "Lumen"]


def test_asking_while_requests_are_switched_off_leads_back_to_the_visit(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = preview(client, visit, "ask")
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    answer = confirm(client, page)

    assert answer.status_code == 409
    assert "Interpreter requests are switched off for this clinic. Nothing was changed." in words(answer)
    assert soup_of(answer).find("a", href=f"/visits/{visit}") is not None
