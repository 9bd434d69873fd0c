"""Two people, or a person and a company, at the same visit at once: who comes second sees both, and goes on."""

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from shared.models import Clinic, Company, HuntGroupMember
from shared.states import Role
from tests.web.booking import is_form, kept
from tests.web.changing import (
    WEEKLY_6,
    accepted,
    cancel,
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
from tests.web.checks import PATIENT, counts, csrf_of, dump, form_of, soup_of, values_of, words
from tests.world import World

MEANWHILE = "This visit was changed meanwhile"


def versions(page: TestResponse) -> dict[str, tuple[str, str, bool]]:
    """Each field with what is saved, what is mine, and whether the two differ."""
    found = {}
    for row in soup_of(page).select("table tbody tr"):
        head, *cells = row.select("th, td")
        saved, mine = (" ".join(cell.get_text(" ").split()) for cell in cells)
        found[str(head.find(string=True))] = (saved, mine, "differs" in row.get_attribute_list("class"))
    return found


def marks(page: TestResponse) -> dict[str, str]:
    """The fields that are marked, and how."""
    found = soup_of(page).select("table tbody th .mark")
    return {str(mark.parent.find(string=True)): mark.get_text() for mark in found if mark.parent is not None}


def without_logins(world: World) -> dict[str, int]:
    return {name: count for name, count in counts(world).items() if name not in {"user_session", "audit_entry"}}


BOTH = {
    "Patient name": ("Jonah Pike", "Jona Pike", True),
    "Provider": ("Provider of Riverside Clinic", "Provider of Riverside Clinic", False),
    "Date": ("Tue 24 Nov 2026", "Tue 24 Nov 2026", False),
    "Start time": ("09:30", "10:15", True),
    "Duration": ("1 hour", "45 minutes", True),
    "Visit type": ("Video", "Video", False),
    "Patient e-mail or phone": ("+1 555 0199", "+1 555 0199", False),
    "Reason": ("Theirs", "Mine", True),
    "Language": ("American Sign Language (ASL)", "American Sign Language (ASL)", False),
    "Interpreter": ("ASL daytime", "ASL daytime", False),
}
"""What two editors of one visit made of it: the other one's, saved by now, and the own."""


@pytest.mark.parametrize("at", ["preview", "confirm"])
def test_the_second_editor_sees_both_versions_and_goes_on_with_the_own_one(world_on_either: World, at: str) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    mine, other = world.login(), world.login(Role.ADMIN)
    page = open_change(mine, visit)
    if at == "confirm":
        page = send(mine, page, start_time="10:15", reason="Mine", patient_name="Jona Pike")
    world.pass_time(minutes=3)
    save(other, visit, duration="60", reason="Theirs")

    before = without_logins(world)
    answer = confirm(mine, page) if at == "confirm" else send(
        mine, page, start_time="10:15", reason="Mine", patient_name="Jona Pike"
    )  # fmt: skip

    assert answer.status_code == 409
    assert MEANWHILE in words(answer)
    assert "Admin of Riverside Clinic saved it at 12:03 PST today" in words(answer)
    assert versions(answer) == BOTH
    assert marks(answer) == {
        "Patient name": "Changed by you",
        "Start time": "Changed by you",
        "Duration": "Changed meanwhile",
        "Reason": "Changed on both sides",
    }
    assert without_logins(world) == before
    keep = soup_of(answer).find("a", string="Keep what is saved")
    assert keep is not None
    assert keep["href"] == f"/visits/{visit}"

    form = press_back(mine, answer)
    assert {name: held(form, name) for name in ("start_time", "reason", "duration", "patient_name")} == {
        "start_time": "10:15",
        "reason": "Mine",
        "duration": "60",
        "patient_name": "Jona Pike",
    }
    again = send(mine, form)
    assert "Duration" not in changes_of(again)
    assert confirm(mine, again).status_code == 303
    saved = open_change(mine, visit)
    assert (held(saved, "reason"), held(saved, "duration")) == ("Mine", "60")


def changes_of(page: TestResponse) -> list[str]:
    """The fields that a preview says it will change."""
    return [label.get_text() for label in soup_of(page).select("[aria-labelledby=changed-title] dt")]


def test_going_on_takes_nothing_back_that_was_not_touched_and_withdraws_nothing(world: World) -> None:
    visit = accepted(world)
    mine, other = world.login(), world.login(Role.ADMIN)
    page = send(mine, open_change(mine, visit), reason="Mine")
    save(other, visit, duration="60")
    world.tick()
    world.accept(visit, "Northlight")

    again = send(mine, press_back(mine, confirm(mine, page)))

    assert changes_of(again) == ["Reason"]
    assert told(again) == "What saving will do No company sees any of this: nobody is told."
    assert confirm(mine, again).status_code == 303
    assert world.badge(visit) == "Accepted"


def test_a_second_conflict_is_measured_by_what_the_first_showed(world: World) -> None:
    visit = world.book()
    mine, other = world.login(), world.login(Role.ADMIN)
    page = open_change(mine, visit)
    save(other, visit, duration="60")
    page = press_back(mine, send(mine, page, reason="Mine"))
    save(other, visit, start_time="15:00", duration="90")

    answer = send(mine, page)

    assert marks(answer) == {
        "Start time": "Changed meanwhile",
        "Duration": "Changed meanwhile",
        "Reason": "Changed by you",
    }
    form = press_back(mine, answer)
    assert [held(form, name) for name in ("start_time", "duration", "reason")] == ["15:00", "90", "Mine"]


def test_asking_again_keeps_the_ticks_that_were_changed_and_takes_the_notes_that_were_not(world: World) -> None:
    visit = world.book(ask=["ASL daytime"], notes="Cardiology.")
    mine, other = world.login(), world.login(Role.ADMIN)
    lumen = f"company:{world.clinic.companies['Lumen']}"
    page = send(mine, open_change(mine, visit, "ask"), interpreter=[lumen])
    save(other, visit, notes="Oncology.")

    answer = confirm(mine, page)

    assert marks(answer) == {"Interpreter": "Changed by you", "Notes for Interpreter": "Changed meanwhile"}
    form = press_back(mine, answer)
    assert (ticked(form), held(form, "notes")) == ([lumen], "Oncology.")


def test_a_rule_counts_as_changed_with_this_and_following_alone(world: World) -> None:
    first = world.book(repeat=WEEKLY_6)
    mine, other = world.login(), world.login(Role.ADMIN)
    for reach, count in (("this", "6"), ("following", "4")):
        page = open_change(mine, first)
        save(other, first, reason=reach)
        answer = send(mine, page, reach=reach, repeat_count="4", patient_name=f"Jona {reach}")
        assert ("Repeat" in marks(answer)) == (reach == "following")
        form = press_back(mine, answer)
        assert (held(form, "reach"), held(form, "repeat_count")) == (reach, count)


@pytest.mark.parametrize("opened", ["", "forged", "of another visit", "of another user", "too old"])
def test_without_what_it_opened_with_the_form_goes_on_as_a_whole(world: World, opened: str) -> None:
    visit, another = world.book(), world.book()
    mine, other = world.login(), world.login(Role.ADMIN)
    page = open_change(mine, visit)
    value = {
        "of another visit": lambda: held(open_change(mine, another), "opened"),
        "of another user": lambda: held(open_change(other, visit), "opened"),
        "too old": lambda: held(page, "opened"),
    }.get(opened, lambda: opened)()
    if opened == "too old":
        world.pass_time(hours=12, minutes=1)
        mine, other = world.login(), world.login(Role.ADMIN)
    save(other, visit, duration="60")

    token = csrf_of(mine.get("/"))
    answer = send(mine, page, reason="Mine", opened=value, csrf_token=token)

    assert marks(answer) == {"Duration": "Differs", "Reason": "Differs"}
    assert held(press_back(mine, answer), "duration") == "45"


def test_what_a_form_opened_with_can_not_be_read(world: World) -> None:
    visit = world.book()
    page = open_change(world.login(), visit)

    assert held(page, "opened")
    assert not any(secret in held(page, "opened") for secret in PATIENT)


def test_ones_own_second_tab_is_called_you(world: World) -> None:
    visit = world.book()
    client = world.login()
    page = open_change(client, visit)
    save(client, visit, reason="First tab")

    answer = send(client, page, reason="Second tab")

    assert answer.status_code == 409
    assert "You saved it at 12:00 PST today" in words(answer)


@pytest.mark.parametrize("kind", ["edit", "ask", "cancel"])
def test_an_acceptance_before_confirm_names_the_winner_and_lets_one_go_on_or_stop(
    world_on_either: World, kind: str
) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    client = world.login()
    page = {
        "edit": lambda: preview(client, visit, start_time="10:15"),
        "ask": lambda: preview(client, visit, "ask"),
        "cancel": lambda: open_change(client, visit, "cancel"),
    }[kind]()
    world.accept(visit, "Clearsign")

    answer = confirm(client, page, **({"reason": "Ill"} if kind == "cancel" else {}))

    assert answer.status_code == 409
    assert soup_of(answer).select("h1")[0].get_text() == "Clearsign accepted a moment ago"
    assert "Clearsign has accepted." in told(answer)
    assert world.badge(visit) == "Accepted"
    assert soup_of(answer).find("a", string="Leave it as it is", href=f"/visits/{visit}") is not None
    if kind == "cancel":
        assert held(answer, "reason") == "Ill"
    assert confirm(client, answer).status_code == 303
    assert world.badge(visit) == ("Cancelled" if kind == "cancel" else "Pending Request")


def test_an_acceptance_while_the_form_is_open_stands_in_the_preview(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    client = world.login()
    page = open_change(client, visit)
    world.accept(visit, "Clearsign")

    answer = send(client, page, start_time="10:15")

    assert answer.status_code == 200
    assert "Clearsign has accepted. Saving withdraws it and asks everyone again." in told(answer)


def test_a_decline_or_a_deadline_before_confirm_does_not_hold_the_edit_up(world: World) -> None:
    world.change(Clinic, world.clinic.id, invite_duration_seconds=300)
    client = world.login()
    for happens in ("decline", "deadline"):
        visit = world.book(ask=["Clearsign"], day=world.now.date() + timedelta(days=6))
        world.tick()
        page = preview(client, visit, start_time="10:15")
        if happens == "decline":
            world.decline(visit, "Clearsign")
        else:
            world.pass_time(minutes=5)
        assert confirm(client, page).status_code == 303, happens
        assert world.badge(visit) == "Pending Request"


def test_another_visit_of_the_series_changed_before_confirm_is_shown_first(world: World) -> None:
    first = accepted(world, repeat=WEEKLY_6)
    client, other = world.login(), world.login(Role.ADMIN)
    page = preview(client, first, reach="all", duration="60")
    save(other, first + 3, start_time="15:00")

    answer = confirm(client, page)

    assert answer.status_code == 409
    assert "Another visit of the series was changed a moment ago." in words(answer)
    assert "15:00–16:00" in words(answer)
    assert confirm(client, answer).status_code == 303


def test_other_companies_to_ask_before_confirm_are_previewed_again(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    client = world.login()
    page = preview(client, visit, start_time="10:15")
    world.change(Company, world.clinic.companies["Northlight"], accredited=False)

    answer = confirm(client, page)

    assert answer.status_code == 200
    assert "Whom this asks has changed since the preview." in words(answer)
    assert "dispatch@northlight.example" not in words(answer)
    assert confirm(client, answer).status_code == 303


def test_a_group_whose_order_changed_needs_no_second_preview(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    client = world.login()
    page = preview(client, visit, start_time="10:15")
    world.change(HuntGroupMember, (world.clinic.groups["ASL daytime"], world.clinic.companies["Clearsign"]), position=9)

    assert confirm(client, page).status_code == 303


# ---- cancel


def test_a_change_before_cancel_shows_what_one_saw_and_what_is_saved_now(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["ASL daytime"])
    client, other = world.login(), world.login(Role.ADMIN)
    page = open_change(client, visit, "cancel")
    save(other, visit, start_time="15:00", duration="60")

    answer = confirm(client, page, reason="Ill")

    assert answer.status_code == 409
    assert MEANWHILE in words(answer)
    assert versions(answer) == {
        "When": (
            "Tue 24 Nov 2026, 15:00–16:00 PST (UTC−8)",
            "Tue 24 Nov 2026, 09:30–10:15 PST (UTC−8)",
            True,
        ),
        "Duration": ("1 hour", "45 minutes", True),
        "Provider": ("Provider of Riverside Clinic", "Provider of Riverside Clinic", False),
        "Type": ("Video", "Video", False),
    }
    assert world.badge(visit) == "Pending Request"
    again = press_back(client, answer)
    assert again.status_code == 200
    assert held(again, "reason") == "Ill"
    assert "15:00–16:00" in words(again)
    assert confirm(client, again).status_code == 303
    assert world.badge(visit) == "Cancelled"


def test_two_cancellations_and_a_cancel_after_a_cancel(world: World) -> None:
    visit = world.book()
    client, other = world.login(), world.login(Role.ADMIN)
    page = open_change(client, visit, "cancel")
    assert cancel(other, visit).status_code == 303

    answer = confirm(client, page)

    assert answer.status_code == 409
    assert "This visit is cancelled. Nothing was changed." in words(answer)
    assert soup_of(answer).find("a", string="Cancel visit") is None
    assert "Create a new visit" not in " ".join(button.get_text() for button in soup_of(answer).select("button"))


# ---- too late


@pytest.mark.parametrize("at", ["preview", "confirm"])
def test_a_visit_cancelled_meanwhile_can_be_created_anew_with_what_was_filled_in(world: World, at: str) -> None:
    visit = world.book(ask=["ASL daytime"], repeat=WEEKLY_6)
    client, other = world.login(), world.login(Role.ADMIN)
    page = open_change(client, visit)
    changes = {"start_time": "10:15", "patient_name": "Jona Pike", "notes": "Two\nlines"}
    if at == "confirm":
        page = send(client, page, **changes)
    cancel(other, visit)

    answer = confirm(client, page) if at == "confirm" else send(client, page, **changes)

    assert answer.status_code == 409
    assert "This visit is cancelled. Nothing was changed. Create a new visit instead." in words(answer)
    form = form_of(answer, field="patient_name")
    fresh = client.post(str(form["action"]), data=values_of(answer, field="patient_name") | {"do": ["back"]})
    assert is_form(fresh)
    assert {name: kept(fresh)[name] for name in changes} == changes
    assert kept(fresh)["interpreter"] == [f"group:{world.clinic.groups['ASL daytime']}"]
    assert values_of(fresh, field="patient_name")["repeat"] == [""]


def test_a_visit_that_started_meanwhile_is_not_changed_any_more(world: World) -> None:
    visit = world.book(ask=["Clearsign"], day=world.now.date(), wall=world.now.time().replace(hour=12, minute=5))
    client = world.login()
    pages = [preview(client, visit, start_time="13:00"), preview(client, visit, "ask")]
    world.pass_time(minutes=5)

    for page in pages:
        for answer in (confirm(client, page), send(client, page)):
            assert answer.status_code == 409
            assert "This visit has started. It can still be cancelled, but not changed." in words(answer)
    for kind in ("edit", "ask"):
        begun = client.get(f"/visits/{visit}/{kind}")
        assert begun.status_code == 409
        assert soup_of(begun).find("a", string="Cancel visit", href=f"/visits/{visit}/cancel") is not None
    assert client.get(f"/visits/{visit}/cancel").status_code == 200
    world.pass_time(hours=1)
    assert world.login().get(f"/visits/{visit}/cancel").status_code == 409


def test_a_form_sent_again_after_its_change_meets_its_own_version(world: World) -> None:
    visit = world.book()
    client = world.login()
    page = preview(client, visit, reason="First")
    confirm(client, page)

    answer = confirm(client, page, reason="Second")
    assert answer.status_code == 422
    assert not is_promise(answer)
    answer = send(client, answer)
    assert answer.status_code == 409
    assert versions(answer)["Reason"] == ("First", "Second", True)
    assert confirm(client, send(client, press_back(client, answer))).status_code == 303
    assert ticked(open_change(client, visit)) == []
    assert len(dump(world)["visit"]) == 1


@pytest.mark.parametrize("key", ["\0", "x" * 5_000, "é"])
def test_a_form_whose_key_is_none_of_ours_meets_the_conflict_page_with_a_new_one(
    world_on_either: World, key: str
) -> None:
    visit = world_on_either.book()
    client = world_on_either.login()
    opened = open_change(client, visit)
    save(client, visit, reason="Theirs")

    answer = send(client, opened, reason="Mine", key=key)

    assert answer.status_code == 409
    assert MEANWHILE in words(answer)
    assert len(held(answer, "key")) == 22
