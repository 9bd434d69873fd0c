"""Cancel: who will be told, what stays, the reason, and what comes of it."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.models import Visit
from shared.states import Role
from tests.web.changing import WEEKLY_6, accepted, cancel, confirm, held, open_change, save, told
from tests.web.checks import csrf_of, dump, form_of, soup_of, values_of, words
from tests.world import World

REASON = "Patient has moved to\nanother town."


def badges_of(world: World, first: int, count: int = 6) -> list[str]:
    return [world.badge(first + number) for number in range(count)]


def test_the_winner_is_named_before_and_told_after_and_its_links_are_dead(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    confirmation = world.open_mail(to="Clearsign")
    client = world.login()

    page = open_change(client, visit, "cancel")
    assert "Who will be told Clearsign has accepted. It is told at once and gets a cancellation" in told(page)
    assert "Tue 24 Nov 2026, 09:30–10:15 PST (UTC−8)" in words(page)
    assert world.badge(visit) == "Accepted"
    answer = confirm(client, page, reason=REASON)
    world.tick()

    assert (answer.status_code, answer.location) == (303, f"/visits/{visit}")
    assert world.badge(visit) == "Cancelled"
    assert world.subjects(to="Clearsign")[-1].startswith("Cancelled")
    assert world.vendor.get(confirmation.link("meet")).status_code == 410
    details = words(client.get(f"/visits/{visit}"))
    assert "Cancelled 12:00 PST today by Scheduler of Riverside Clinic." in details
    assert "Reason for cancelling: Patient has moved to another town." in details
    assert "Scheduler of Riverside Clinic cancelled the visit" in details
    assert "has accepted" not in details
    assert not {"Dial-in", "PIN"} & {label.get_text() for label in soup_of(client.get(f"/visits/{visit}")).select("dt")}
    for mail in world.post.received:
        assert "moved to" not in mail.as_string()


def test_whoever_has_not_answered_is_told_that_there_is_nothing_to_do(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login()

    page = open_change(client, visit, "cancel")
    assert ("2 companies have been asked and have not answered. They are told that there is nothing to do.") in told(
        page
    )
    confirm(client, page)
    world.tick()

    for company in ("Clearsign", "Northlight"):
        assert "nothing to do" in world.subjects(to=company)[-1].lower()
        assert world.mails(to=company)[0].open().status_code == 410


def test_without_a_request_nobody_is_told(world: World) -> None:
    visit = world.book()
    client = world.login()

    assert "nobody is told" in told(open_change(client, visit, "cancel"))
    assert cancel(client, visit).status_code == 303
    assert world.outbox() == []
    assert "Cancelled 12:00 PST today by Scheduler of Riverside Clinic." in words(client.get(f"/visits/{visit}"))


def test_confirm_twice_and_reload_cancel_once_and_another_reason_comes_too_late(world: World) -> None:
    visit = accepted(world)
    client = world.login()
    page = open_change(client, visit, "cancel")

    answers = [confirm(client, page, reason="First") for _ in range(3)]
    assert {(answer.status_code, answer.location) for answer in answers} == {(303, f"/visits/{visit}")}
    late = confirm(client, page, reason="Second")
    world.tick()

    assert late.status_code == 409
    assert "This visit is cancelled." in words(late)
    assert "First" in words(client.get(f"/visits/{visit}"))
    assert len([s for s in world.subjects(to="Clearsign") if s.startswith("Cancelled")]) == 1


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("x" * 301, "Write at most 300 characters."),
        ("a\0b", "This holds characters that can't be read. Type it again."),
    ],
)
def test_a_reason_that_can_not_be_kept_is_said_and_nothing_happens(world: World, reason: str, sentence: str) -> None:
    visit = accepted(world)
    client = world.login()
    client.illegible = True  # type: ignore[attr-defined]

    answer = cancel(client, visit, reason=reason)

    assert answer.status_code == 422
    assert words(answer).count(sentence.rstrip(".")) == 2
    assert held(answer, "reason").startswith(reason[:1])
    assert world.badge(visit) == "Accepted"


# ---- series


def reaches(page: TestResponse) -> dict[str, bool]:
    """What the buttons for the reaches say, and which of them stands."""
    buttons = soup_of(page).select("button[name=to]")
    return {button.get_text(): button.has_attr("aria-current") for button in buttons}


def choose(client: FlaskClient, page: TestResponse, reach: str, **typed: str) -> TestResponse:
    """Press the button for a reach, which belongs to the page's form."""
    button = soup_of(page).find("button", attrs={"name": "to", "value": reach})
    assert button is not None
    form = form_of(page, field="promise")
    assert button["form"] == form["id"]
    return client.post(str(form["action"]), data=dict(values_of(page, field="promise")) | typed | {"to": reach})


def test_the_reaches_of_a_series_are_buttons_with_their_numbers(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)

    page = open_change(world.login(), first + 3, "cancel", "?reach=following")

    assert reaches(page) == {"This visit": False, "This and following (3)": True, "All (6 visits to come)": False}
    assert soup_of(page).select("h1")[0].get_text() == "Cancel 3 visits?"
    assert "Every week on Tue. Visits that are past stay as they were." in words(page)


@pytest.mark.parametrize("reason", [REASON, "x" * 301])
def test_another_reach_keeps_the_reason_and_cancels_nothing(world: World, reason: str) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()

    page = choose(client, open_change(client, first + 3, "cancel"), "following", reason=reason)

    assert page.status_code == 200
    assert soup_of(page).select("h1")[0].get_text() == "Cancel 3 visits?"
    assert held(page, "reason").split() == reason.split()
    assert badges_of(world, first) == ["Accepted"] * 6
    page = choose(client, page, "all", reason="Clinic is closed.")
    assert confirm(client, page).status_code == 303
    assert badges_of(world, first) == ["Cancelled"] * 6
    assert "Reason for cancelling: Clinic is closed." in words(client.get(f"/visits/{first}"))
    assert "Cancel visit?" in words(choose(client, open_change(client, world.book(repeat=WEEKLY_6), "cancel"), "this"))


def test_a_moved_visit_says_from_which_date_following_goes(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 3, date="2026-12-17")

    label = "This and following, by the rule from Tue 15 Dec 2026 (3)"
    assert label in reaches(open_change(client, first + 3, "cancel"))
    assert label in words(open_change(client, first + 3))
    assert "This and following (4)" in reaches(open_change(client, first + 2, "cancel"))


def test_dates_that_differ_say_how_long_they_are_and_of_which_type(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    client = world.login()
    save(client, first + 5, duration="60", visit_type="phone")

    page = soup_of(open_change(client, first + 4, "cancel", "?reach=following"))

    assert [item.get_text() for item in page.select(".dates small")] == ["45 minutes · Video", "1 hour · Phone"]
    assert [line.get_text() for line in page.select(".dates + .quiet")] == ["Provider of Riverside Clinic"]


def test_the_winner_keeps_what_is_not_cancelled(world_on_either: World) -> None:
    world = world_on_either
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()

    page = open_change(client, first + 4, "cancel", "?reach=following")
    assert (
        "Clearsign has accepted. It is told at once and gets an updated calendar file. "
        "Clearsign keeps the other 4 dates; room and PIN stay."
    ) in told(page)
    assert "The other 4 visits to come stay as they are." in words(page)
    confirm(client, page)
    world.tick()

    assert badges_of(world, first) == ["Accepted"] * 4 + ["Cancelled"] * 2
    assert cancel(client, first + 1).status_code == 303
    assert cancel(client, first, reach="all").status_code == 303
    assert badges_of(world, first) == ["Cancelled"] * 6


def test_of_a_pending_series_the_remaining_dates_are_asked_again_and_the_page_says_so(world: World) -> None:
    first = world.book(ask=["Clearsign", "Northlight"], repeat=WEEKLY_6)
    world.tick()
    client = world.login()

    page = open_change(client, first + 2, "cancel")
    assert (
        "2 companies have been asked and have not answered. Cancelling withdraws their request and asks anew. "
        "2 companies are asked anew for the other 5 dates."
    ) in told(page)
    assert "Who is asked for 5 dates, in one request" in words(page)
    assert "The other 5 visits to come stay; their request is withdrawn and asked anew. What is cancelled" in words(
        page
    )
    confirm(client, page)

    assert badges_of(world, first) == ["Pending Request"] * 2 + ["Cancelled"] + ["Pending Request"] * 3


def test_a_reach_that_a_visit_does_not_have_is_this_visit(world: World) -> None:
    single, first = world.book(), world.book(repeat=WEEKLY_6)
    client = world.login()

    for path in (f"/visits/{single}/cancel?reach=all", f"/visits/{first}/cancel?reach=nonsense"):
        assert "Cancel visit?" in words(client.get(path))


def test_a_button_for_a_reach_that_there_is_not_cancels_nothing_and_says_so(world: World) -> None:
    visit = world.book(repeat=WEEKLY_6)
    client = world.login()

    answer = confirm(client, open_change(client, visit, "cancel"), to="always", reason="Clinic is closed.")

    assert answer.status_code == 422
    assert "This page was out of date. Look at it again." in words(answer)
    assert held(answer, "reach") == "this"
    assert held(answer, "reason") == "Clinic is closed."


def test_past_visits_of_a_series_stay_as_they_were(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    world.pass_time(days=9)
    client = world.login()

    assert cancel(client, first + 3, reach="all").status_code == 303
    assert badges_of(world, first) == ["Accepted"] * 2 + ["Cancelled"] * 4


# ---- who may, and when


def test_a_visit_can_be_cancelled_until_its_end(world: World) -> None:
    visit = accepted(world)
    world.now = world.now.replace(day=24, hour=18, minute=14)
    client = world.login()
    page = open_change(client, visit, "cancel")
    world.pass_time(minutes=1)

    late = confirm(client, page)
    assert late.status_code == 409
    assert "This visit is over. It stays in the history as it was." in words(late)
    assert soup_of(late).find("a", string="Cancel visit") is None
    world.pass_time(minutes=-1)
    assert confirm(client, page).status_code == 303


def test_a_promise_is_its_users_and_its_visits_alone(world: World) -> None:
    visit, other = accepted(world), world.book(patient_name="Ruth Abara")
    scheduler, admin = world.login(), world.login(Role.ADMIN)
    page = open_change(scheduler, visit, "cancel")

    assert confirm(admin, page, csrf_token=csrf_of(admin.get("/"))).status_code == 422
    assert confirm(scheduler, page, promise="x.y").status_code == 422
    assert confirm(scheduler, page, reach="all").status_code == 422
    data = {str(field["name"]): str(field["value"]) for field in soup_of(page).select("main input[name]")}
    assert scheduler.post(f"/visits/{other}/cancel/confirm", data=data).status_code == 422

    status = Visit.__table__.c.keys().index("status")
    assert {row[status] for row in dump(world)["visit"]} == {"scheduled"}


def test_another_reach_than_the_page_showed_cancels_nothing(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()

    answer = confirm(client, open_change(client, first, "cancel"), reach="all")

    assert answer.status_code == 422
    assert "Cancel 6 visits?" in words(answer)
    assert badges_of(world, first) == ["Accepted"] * 6
