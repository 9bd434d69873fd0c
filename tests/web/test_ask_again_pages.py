"""Ask again, in every status, and ask for the first time."""

import pytest

from shared.models import Clinic
from shared.states import Role
from tests.web.changing import (
    WEEKLY_6,
    accepted,
    confirm,
    held,
    is_promise,
    open_change,
    press_back,
    preview,
    save,
    send,
    ticked,
    told,
)
from tests.web.checks import soup_of, words
from tests.world import World

HTMX = {"HX-Request": "true"}
NONE_CHOSEN = "Choose at least one company or group to ask."


def marks(world: World, page) -> dict[str, str]:
    """What stands below each company's name."""
    names = {f"company:{number}": name for name, number in world.clinic.companies.items()}
    boxes = soup_of(page).select("input[name=interpreter]")
    return {
        names[str(box["value"])]: " ".join(small.get_text(strip=True) for small in box.parent.select("small"))
        for box in boxes
        if box["value"] in names and box.parent is not None
    }


def in_status(world: World, status: str) -> int:
    """A visit for which three companies were asked, in a status."""
    if status == "undeliverable":
        for name in ("clearsign", "northlight", "bridgeway"):
            world.post.replies[f"dispatch@{name}.example"] = "550 no such mailbox"
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    if status == "accepted":
        world.accept(visit, "Clearsign")
    if status == "declined":
        for company in ("Clearsign", "Northlight", "Bridgeway"):
            world.decline(visit, company)
    world.post.replies.clear()
    world.tick()
    return visit


@pytest.mark.parametrize(
    ("status", "badge", "said"),
    [
        ("pending", "Pending Request", "3 companies have been asked and have not answered. Asking again withdraws"),
        ("accepted", "Accepted", "Clearsign has accepted. Asking again withdraws it and asks 1 company."),
        ("declined", "Not Accepted", "Asking again sends a request to 1 company."),
    ],
)
def test_in_every_status_confirm_withdraws_and_asks_anew(
    world_on_either: World, status: str, badge: str, said: str
) -> None:
    world = world_on_either
    visit = in_status(world, status)
    client = world.login()
    assert world.badge(visit) == badge
    before = world.request_of(visit).id
    assert "Ask again" in words(client.get(f"/visits/{visit}"))

    page = preview(client, visit, "ask", interpreter=[f"company:{world.clinic.companies['Lumen']}"])
    assert said in told(page)
    assert world.request_of(visit).id == before
    assert confirm(client, page).location == f"/visits/{visit}"
    world.tick()

    assert world.badge(visit) == "Pending Request"
    assert world.request_of(visit).id != before
    assert world.subjects(to="Lumen") == ["Request for ASL Interpreter · Tue 24 Nov 2026 · A-10001"]


def test_after_the_deadline_nobody_is_coming_and_the_notice_leads_to_ask_again(world: World) -> None:
    visit = world.book(ask=["Clearsign"], day=world.now.date().replace(day=30))
    world.tick()
    world.pass_time(days=2)
    client = world.login()

    details = client.get(f"/visits/{visit}")
    link = soup_of(details).select_one(".notice a[href$='/ask']")
    assert link is not None
    page = client.get(str(link["href"]))
    assert marks(world, page)["Clearsign"] == "No answer"
    assert ticked(page) == [f"company:{world.clinic.companies['Clearsign']}"]
    confirm(client, send(client, page))
    assert world.badge(visit) == "Pending Request"
    staff = soup_of(world.login(Role.STAFF).get(f"/visits/{visit}"))
    assert staff.select_one("a[href$='/ask']") is None


def test_a_visit_that_nobody_was_asked_for_gets_its_first_request(world: World) -> None:
    visit = world.book()
    client = world.login()

    assert "Ask for an interpreter" in words(client.get(f"/visits/{visit}"))
    page = open_change(client, visit, "ask")
    assert soup_of(page).select("h1")[0].get_text() == "Ask for an interpreter"
    page = send(client, page, language="ase", interpreter=[f"group:{world.clinic.groups['ASL daytime']}"])
    assert "Asking again" not in told(page)
    confirm(client, page)

    assert world.badge(visit) == "Pending Request"
    assert len(world.invites_of(visit)) == 3


def test_the_winners_tick_is_off_and_its_group_stands_for_the_others(world: World) -> None:
    companies = world.clinic.companies
    visit = accepted(world, ask=["ASL daytime", "Lumen"])

    page = open_change(world.login(), visit, "ask")

    assert sorted(ticked(page)) == sorted(f"company:{companies[name]}" for name in ("Northlight", "Bridgeway", "Lumen"))
    assert "Clearsign has accepted. Asking again takes the visit away from it." in words(page)


def test_companies_already_asked_are_marked_with_what_they_answered(world: World) -> None:
    world.post.replies["dispatch@bridgeway.example"] = "550 no such mailbox"
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    world.decline(visit, "Clearsign")
    client = world.login()
    shown = marks(world, open_change(client, visit, "ask"))
    assert shown["Clearsign"] == "Declined"
    assert shown["Northlight"] == "Asked, no answer yet"
    assert shown["Bridgeway"].startswith("Mail bounced")
    assert shown["Lumen"] == ""

    world.accept(visit, "Northlight")
    shown = marks(world, open_change(client, visit, "ask"))
    assert (shown["Clearsign"], shown["Northlight"]) == ("Declined", "Accepted")


def test_the_winner_who_steps_back_is_told_and_its_links_are_dead(world: World) -> None:
    visit = accepted(world)
    confirmation = world.open_mail(to="Clearsign")
    save(world.login(), visit, "ask")
    world.tick()

    assert world.subjects(to="Clearsign")[-1].startswith("Cancelled")
    assert world.vendor.get(confirmation.link("meet")).status_code == 410
    assert {invite.company_id for invite in world.invites_of(visit)} == {
        world.clinic.companies["Northlight"],
        world.clinic.companies["Bridgeway"],
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"interpreter": []}, NONE_CHOSEN),
        ({"interpreter": [], "language": "", "notes": ""}, NONE_CHOSEN),
        ({"language": ""}, "Choose the language that the interpreter is for."),
        ({"language": "xx"}, "Choose the language that the interpreter is for."),
        ({"interpreter": ["company:999999"]}, "One of the interpreters chosen is not on the list any more."),
        ({"notes": "x" * 1001}, "1000 characters"),
        ({"reach": "following"}, "This visit does not repeat. Choose “This visit”."),
        ({"reach": "always"}, "Choose for which visits this is."),
    ],
    ids=repr,
)
def test_what_is_wrong_is_said_and_nothing_is_lost(world: World, changes, sentence: str) -> None:
    visit = world.book(ask=["Clearsign"], notes="Cardiology vocabulary.")
    client = world.login()

    answer = send(client, open_change(client, visit, "ask"), **changes)

    assert answer.status_code == 422, words(answer)
    assert not is_promise(answer)
    summary = soup_of(answer).select("#errors a")
    assert any(sentence.rstrip(".") in link.get_text() for link in summary), words(answer)
    for link in summary:
        assert soup_of(answer).find(id=str(link["href"]).removeprefix("#")) is not None
    assert held(answer, "notes") == changes.get("notes", "Cardiology vocabulary.")
    assert len(world.invites_of(visit)) == 1


def test_for_a_series_the_reach_says_which_visits_are_asked_for(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client = world.login()

    page = preview(client, first + 2, "ask", reach="following")
    assert (
        "Clearsign has accepted. Asking again takes 4 dates from it and asks 2 companies. "
        "Clearsign keeps the other 2 dates; room and PIN stay."
    ) in told(page)
    assert "Who is asked for 4 dates, in one request" in words(page)
    confirm(client, page)

    assert [world.badge(first + number) for number in range(6)] == ["Accepted"] * 2 + ["Pending Request"] * 4


def test_back_and_the_choices_for_another_language_keep_everything(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    client = world.login()

    form = press_back(client, preview(client, visit, "ask", notes="Two\nlines"))
    assert held(form, "notes") == "Two\nlines"
    assert ticked(form) == [f"group:{world.clinic.groups['ASL daytime']}"]
    form = send(client, form, language="es", do="choices")
    assert form.status_code == 200
    assert held(form, "language") == "es"
    assert held(form, "notes") == "Two\nlines"


def test_the_choices_come_as_a_fragment_with_the_marks(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()

    fragment = client.get(f"/visits/{visit}/interpreters?language=ase", headers=HTMX)
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    assert marks(world, fragment)["Clearsign"] == "Asked, no answer yet"
    assert not soup_of(fragment).select("input[checked]")
    other = client.get(f"/visits/{visit}/interpreters?language=es", headers=HTMX)
    assert "Asked" not in words(other)
    plain = client.get(f"/visits/{visit}/interpreters?language=ase")
    assert (plain.status_code, plain.location) == (303, f"/visits/{visit}/edit")


def test_while_requests_are_off_nobody_can_be_asked(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = preview(client, visit, "ask")
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    assert client.get(f"/visits/{visit}/ask").status_code == 409
    for answer in (send(client, page), confirm(client, page)):
        assert answer.status_code == 409
        assert "Interpreter requests are switched off for this clinic." in words(answer)
    fragment = client.get(f"/visits/{visit}/interpreters?language=ase", headers=HTMX)
    assert not soup_of(fragment).select("input[name=interpreter]")


def test_confirm_twice_asks_once(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()
    page = preview(client, visit, "ask")

    answers = [confirm(client, page) for _ in range(3)]
    world.tick()

    assert {(answer.status_code, answer.location) for answer in answers} == {(303, f"/visits/{visit}")}
    assert len(world.subjects(to="Clearsign")) == 2
