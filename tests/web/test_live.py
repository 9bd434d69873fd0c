"""Live badges: what an open page asks, what it gets, and how often it asks again."""

import re
from datetime import time

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.models import Visit
from shared.states import Role, VisitStatus
from tests.web.checks import soup_of, words
from tests.world import TOMORROW, World

HTMX = {"HX-Request": "true"}
WATCH = re.compile(r"/badges\?seen=([0-9a-z.-]+)")


def seen_on(page: TestResponse) -> str:
    """What the page says that it has seen; empty if it watches nothing."""
    asking = soup_of(page).find(True, attrs={"hx-get": WATCH})
    found = WATCH.search(str(asking["hx-get"])) if asking is not None else None
    return found[1] if found else ""


def every(page: TestResponse) -> int | None:
    """How many seconds until the page looks again; None if it never does."""
    asking = soup_of(page).find(True, attrs={"hx-get": WATCH})
    found = re.search(r"every (\d+)s", str(asking.get("hx-trigger"))) if asking is not None else None
    return int(found[1]) if found else None


def asks_for_its_login_alone(page: TestResponse) -> bool:
    """Whether the page watches no badge, and asks now and then whether its login has ended."""
    return (seen_on(page), every(page)) == ("none", 15)


def poll(client: FlaskClient, seen: str) -> TestResponse:
    return client.get("/badges", query_string={"seen": seen}, headers=HTMX)


def news(answer: TestResponse) -> str:
    found = soup_of(answer).find(id="news")
    return found.get_text(" ", strip=True) if found is not None else ""


def test_nothing_is_answered_while_nothing_changed(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login()

    for path in (f"/visits/{visit}", f"/schedule?date={TOMORROW}", "/board"):
        seen = seen_on(client.get(path))
        assert seen.startswith(f"{visit}.p"), path
        answer = poll(client, seen)
        assert (answer.status_code, answer.data) == (204, b""), path


def test_an_acceptance_turns_the_badge_on_an_open_page(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    other = world.book(ask=["Northlight"], wall=time(15, 0))
    world.tick()
    client = world.login()
    seen = seen_on(client.get(f"/schedule?date={TOMORROW}"))

    world.accept(visit, "Clearsign")
    answer = poll(client, seen)

    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "badge-changed" in answer.headers["HX-Trigger"]
    assert "Accepted" in words(answer)
    assert f"badge-{visit}" in answer.text
    assert f"badge-{other}" not in answer.text.replace(f"{other}.", "")
    assert news(answer) == "A-10001: Accepted"
    assert poll(client, seen_on(answer)).status_code == 204


@pytest.mark.parametrize(
    ("ending", "said"),
    [("accept", "A-10001: Accepted"), ("decline", "A-10001: Not Accepted"), ("expire", "A-10001: Not Accepted")],
)
def test_every_ending_is_told_once(world: World, ending: str, said: str) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()
    seen = seen_on(client.get(f"/visits/{visit}"))

    if ending == "accept":
        world.accept(visit, "Clearsign")
    elif ending == "decline":
        world.decline(visit, "Clearsign")
    else:
        world.now = world.request_of(visit).deadline
        client = world.login()
    answer = poll(client, seen)

    assert news(answer) == said
    again = poll(client, seen_on(answer))
    assert again.status_code == 204


def test_a_deadline_turns_the_badge_even_if_no_job_runs(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.now = world.request_of(visit).deadline
    client = world.login()

    assert "Not Accepted" in words(poll(client, f"{visit}.p000000"))
    assert "Not Accepted" in words(client.get(f"/visits/{visit}"))


def test_a_ticking_clock_is_no_news(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login()
    seen = seen_on(client.get(f"/visits/{visit}"))
    world.pass_time(minutes=2)

    answer = poll(client, seen)

    assert answer.status_code == 200
    assert "Pending Request" in words(answer)
    assert news(answer) == ""


def test_a_decline_among_several_changes_the_line_and_is_no_news(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login()
    seen = seen_on(client.get(f"/visits/{visit}"))
    world.decline(visit, "Clearsign")

    answer = poll(client, seen)

    assert "1 of 2 declined" in words(answer)
    assert news(answer) == ""


def test_a_page_looks_every_second_while_something_is_pending_and_slowly_afterwards(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()
    page = client.get(f"/visits/{visit}")
    assert every(page) == 1

    world.accept(visit, "Clearsign")
    answer = poll(client, seen_on(page))

    slow = every(answer)
    assert slow is not None
    assert 5 <= slow <= 60
    assert every(client.get(f"/visits/{visit}")) == slow
    world.book(ask=["Northlight"], wall=time(15, 0))
    assert every(client.get(f"/schedule?date={TOMORROW}")) == 1


def test_a_visit_without_a_request_is_watched_slowly(world: World) -> None:
    visit = world.book()

    seconds = every(world.login().get(f"/visits/{visit}"))
    assert seconds is not None
    assert seconds > 1


def test_a_page_asks_for_no_badge_any_more_when_all_its_visits_are_over(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    seen = seen_on(client.get(f"/visits/{visit}"))
    world.pass_time(days=2)
    client = world.login()

    answer = poll(client, seen)
    assert answer.status_code == 200
    assert asks_for_its_login_alone(answer)
    assert "Not Accepted" in words(answer)
    assert asks_for_its_login_alone(client.get(f"/visits/{visit}"))
    assert asks_for_its_login_alone(client.get("/schedule"))


def test_a_cancelled_visit_is_watched_no_more(world: World) -> None:
    visit = world.book()
    world.change(Visit, visit, status=VisitStatus.CANCELLED)

    page = world.login().get(f"/visits/{visit}")

    assert asks_for_its_login_alone(page)
    assert "Cancelled" in words(page)


def test_visits_that_are_not_the_askers_are_left_out_without_a_word(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    mine, theirs = world.book(ask=["Clearsign"]), world.book(ask=["Clearsign"], clinic=harbor)
    client = world.login()

    answer = poll(client, f"{mine}.a000000-{theirs}.a000000-999.a000000")

    assert answer.status_code == 200
    assert f"badge-{mine}" in answer.text
    assert f"badge-{theirs}" not in answer.text
    assert seen_on(answer).startswith(f"{mine}.p")
    assert "-" not in seen_on(answer)
    alone = poll(client, f"{theirs}.a000000")
    assert "badge-" not in alone.text
    assert asks_for_its_login_alone(alone)


@pytest.mark.parametrize(
    "seen",
    [
        "",
        "x",
        "1",
        "1.",
        "1.p",
        "1.p00000",
        "1.p0000000",
        "1.P000000",
        "1.p00000g",
        "-1.p000000",
        "1.p000000-",
        "-",
        "1.p000000,2.p000000",
        "１.p000000",
        "9" * 19 + ".p000000",
        "9" * 5000 + ".p000000",
        "1.p000000\0",
        "1.p000000\n",
        "-".join(f"{number}.p000000" for number in range(1, 252)),
    ],
)
def test_what_no_page_of_ours_would_ask_is_refused(shared_world: World, seen: str) -> None:
    assert poll(shared_world.login(), seen).status_code == 400


def test_a_poll_without_a_question_is_refused(shared_world: World) -> None:
    assert shared_world.login().get("/badges", headers=HTMX).status_code == 400


def test_the_largest_page_can_be_watched_in_one_address(world: World) -> None:
    client = world.login()
    seen = "-".join(f"{number}.p000000" for number in range(1, 251))

    assert len(seen) < 8000
    assert poll(client, seen).status_code == 200
    assert poll(client, "9" * 18 + ".p000000").status_code == 200


def test_the_interpreters_card_reloads_as_a_fragment_and_leads_others_to_the_page(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    world.decline(visit, "Clearsign")
    client = world.login(Role.STAFF)

    card = client.get(f"/visits/{visit}/interpreter", headers=HTMX)
    assert "<html" not in card.text
    assert "Clearsign" in words(card)
    assert "Declined" in words(card)
    plain = client.get(f"/visits/{visit}/interpreter")
    assert (plain.status_code, plain.location) == (303, f"/visits/{visit}")


def test_the_details_tell_what_became_of_every_mail_and_answer(world: World) -> None:
    world.add_company("Silent", emails=["nobody@silent.example"])
    world.post.replies["nobody@silent.example"] = "550 no such user"
    visit = world.book(ask=["Clearsign", "Northlight", "Silent"])
    client = world.login()
    assert "Queued" in words(client.get(f"/visits/{visit}"))

    world.tick()
    world.open_mail(to="Northlight").open()
    world.pass_time(minutes=3)
    world.open_mail(to="Clearsign").press("Decline", name="R. Medina")
    shown = words(client.get(f"/visits/{visit}"))

    for fact in ("Sent", "Bounced", "Opened", "Declined", "R. Medina", "nobody@silent.example", "12:03 PST today"):
        assert fact in shown, fact
