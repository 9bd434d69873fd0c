"""The administrators' pages for companies and hunt groups, as a browser without scripts sees them."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.models import CompanyAddress
from shared.states import MailKind, Role
from tests.actions.desk import address_of, snapshot
from tests.web.administering import fill_in, offers, press, send, sides_of
from tests.web.booking import confirm, filled, preview
from tests.web.checks import complaint, csrf_of, soup_of, values_of, words
from tests.world import World

COMPANIES, GROUPS = "/admin/companies", "/admin/groups"
CLASH = "Somebody else saved this meanwhile"


def company(world: World, name: str = "Clearsign") -> str:
    return f"{COMPANIES}/{world.clinic.companies[name]}"


def group(world: World) -> str:
    return f"{GROUPS}/{world.clinic.groups['ASL daytime']}"


def rows(world: World) -> dict[str, list[tuple[object, ...]]]:
    return snapshot(world, without=("user_session",))


def order(page: TestResponse) -> list[str]:
    """The companies on a group's form, from the first to the last."""
    return [tag.get_text(" ", strip=True) for tag in soup_of(page).select(".members .who")]


def move(client: FlaskClient, page: TestResponse, do: str, **changes: str) -> TestResponse:
    return send(client, page, **{"do": do} | changes)


def test_a_company_is_added_listed_and_asked(world_on_either: World) -> None:
    world = world_on_either
    client = world.login(Role.ADMIN)

    answer = fill_in(
        client,
        f"{COMPANIES}/new",
        name="Habla",
        phone="+1 555 0188",
        addresses="dispatch@habla.example\r\n\r\nnight@habla.example\r\n",
        languages=["ase", "es"],
        time_zone="America/Denver",
    )

    assert answer.status_code == 303
    listed = words(client.get(answer.location))
    for fact in ("Habla is saved.", "dispatch@habla.example", "night@habla.example", "Spanish", "+1 555 0188"):
        assert fact in listed, fact
    world.clinic.companies["Habla"] = int(answer.location.rpartition("=")[2])
    world.book(ask=["Habla"])
    assert len(world.outbox()) == 2


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "Write the company's name."),
        ("name", "northlight", "Another company of the clinic has this name."),
        ("name", "\u200b", "Write the company's name."),
        ("phone", "none", "Write a phone number"),
        ("addresses", " \r\n ", "A company needs at least one address."),
        ("addresses", "a@x.example\nnowhere", "Address 2 is not a complete e-mail address."),
        ("addresses", "a@x.example, b@x.example", "Line 1 holds more than one address. Write one on each line."),
        ("addresses", "ü@x.example", "Address 1 is not a complete e-mail address."),
        ("addresses", "a@x.example\nA@X.example", "An address stands here twice."),
        ("addresses", "\n".join(f"a{n}@x.example" for n in range(11)), "At most 10 addresses."),
        ("time_zone", "Mars/Olympus", "Choose a time zone from the list."),
    ],
)
@pytest.mark.parametrize("where", ["new", "edit"])
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    world: World, where: str, field: str, value: str, says: str
) -> None:
    client = world.login(Role.ADMIN)
    before = rows(world)
    good = {"name": "Habla", "phone": "+1 555 0188", "addresses": "a@habla.example", "languages": ["ase"]}

    path = f"{COMPANIES}/new" if where == "new" else company(world)
    answer = fill_in(client, path, **good | {field: value})

    assert answer.status_code == 422
    assert says in complaint(answer, field).near
    kept = values_of(answer, field="phone")
    for name in {"name", "phone", "addresses"} - {field}:
        assert kept[name] == [good[name]]
    assert kept["languages"] == ["ase"]
    assert rows(world) == before


def test_a_button_pressed_twice_leads_to_the_company_that_it_added(world: World) -> None:
    client = world.login(Role.ADMIN)
    opened = client.get(f"{COMPANIES}/new")
    values: dict[str, Any] = {"name": "Habla", "phone": "+1 555 0188", "addresses": "a@habla.example"}

    first, second = (send(client, opened, languages=["ase"], **values) for _twice in range(2))

    assert second.status_code == 303
    assert second.location == first.location


@pytest.mark.parametrize("languages", [[], ["fr"], ["ase", "\0"], ["es"]])
def test_a_company_has_languages_of_the_clinic_and_those_that_its_groups_need(
    world: World, languages: list[str]
) -> None:
    client = world.login(Role.ADMIN)
    before = rows(world)

    answer = fill_in(client, company(world), languages=languages or None)

    assert answer.status_code == 422
    assert soup_of(answer).select("#languages-error")
    assert rows(world) == before


def test_a_bounced_address_is_flagged_and_tried_again_when_told_so(world: World) -> None:
    world.post.replies["dispatch@clearsign.example"] = "550 No such user"
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login(Role.ADMIN)

    assert "dispatch@clearsign.example Bounced" in words(client.get(COMPANIES))
    page = client.get(company(world))
    assert "Mail came back." in words(page)
    assert values_of(page, field="phone")["works_again"] == []
    assert send(client, page, works_again="dispatch@clearsign.example").status_code == 303

    assert "Bounced" not in words(client.get(COMPANIES))
    assert address_of(world, "dispatch@clearsign.example").refused_at is None
    assert len([mail for mail in world.outbox(MailKind.INVITE) if "clearsign" in mail.recipient]) == 2


def test_a_bounced_address_that_is_ticked_and_corrected_is_saved_once_though_the_button_is_pressed_twice(
    world: World,
) -> None:
    world.change(CompanyAddress, 1, refused_at=world.now)
    client = world.login(Role.ADMIN)
    page = client.get(company(world))

    for _press in range(2):
        answer = send(client, page, works_again="dispatch@clearsign.example", addresses="requests@clearsign.example")
        assert answer.status_code == 303
    wrong = send(client, page, works_again="somebody@else.example")
    assert wrong.status_code == 422
    assert "One of these is no address of the company." in words(wrong)


def test_suspending_says_what_it_does_and_accrediting_takes_it_back(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.accept(visit, "Clearsign")
    world.book(ask=["Clearsign"])
    client = world.login(Role.ADMIN)

    shown = words(client.get(company(world)))
    assert "Suspended, it can't be chosen any more, and is skipped in hunt groups (ASL daytime)." in shown
    assert "It may still accept the one open request that it was asked before." in shown
    assert "It keeps the visit to come that it has accepted." in shown
    assert press(client, company(world), f"{company(world)}/suspend").status_code == 303
    page = client.get(company(world))
    assert "It can't be chosen, and is skipped in hunt groups (ASL daytime)." in words(page)
    assert not offers(page, f"{company(world)}/suspend")
    press(client, company(world), f"{company(world)}/accredit")
    assert offers(client.get(company(world)), f"{company(world)}/suspend")


def test_a_company_suspended_between_preview_and_confirm_is_said(world: World) -> None:
    scheduler, client = world.login(), world.login(Role.ADMIN)
    page = preview(scheduler, filled(world, ask=["Clearsign"]))
    press(client, company(world), f"{company(world)}/suspend")

    answer = confirm(scheduler, page)

    assert answer.status_code == 422
    assert "Clearsign is suspended and can't be asked. Choose another." in words(answer)
    assert world.outbox() == []


@pytest.mark.parametrize("ends", ["emptied", "deleted"])
def test_a_group_gone_between_preview_and_confirm_is_said(world: World, ends: str) -> None:
    scheduler, client = world.login(), world.login(Role.ADMIN)
    page = preview(scheduler, filled(world, ask=["ASL daytime"]))
    if ends == "emptied":
        assert fill_in(client, group(world), companies=None).status_code == 303
        says = "ASL daytime: No company of this group can be asked now."
    else:
        assert press(client, group(world), f"{group(world)}/remove").status_code == 303
        says = "One of the interpreters chosen is not on the list any more. Choose again."

    answer = confirm(scheduler, page)

    assert answer.status_code == 422
    assert says in words(answer)
    assert world.outbox() == []


def test_the_second_administrator_of_a_company_sees_the_first_and_loses_nothing(world: World) -> None:
    first, second = world.login(Role.ADMIN), world.login(Role.ADMIN)
    opened = second.get(company(world))
    fill_in(first, company(world), addresses="first@clearsign.example", languages=["ase", "es"])

    clash = send(second, opened, addresses="second@clearsign.example")

    assert clash.status_code == 409
    shown = words(clash)
    assert CLASH in shown
    assert "Dispatch addresses first@clearsign.example" in shown
    assert "Languages American Sign Language, Spanish" in shown
    assert values_of(clash, field="phone")["addresses"] == ["second@clearsign.example"]
    assert send(second, clash).status_code == 303


def test_saving_once_more_takes_back_nothing_of_a_company_that_was_not_touched(world: World) -> None:
    first, second = world.login(Role.ADMIN), world.login(Role.ADMIN)
    opened = second.get(company(world))
    fill_in(first, company(world), addresses="fixed@clearsign.example", name="Clearsign Ltd")

    clash = send(second, opened, phone="+1 555 1111", name="Clearsign Inc")

    assert sides_of(clash) == {
        "Name": ("Clearsign Ltd", "Clearsign Inc", "Clearsign", "Both"),
        "Phone": ("+1 555 0170", "+1 555 1111", "+1 555 0170", "You"),
        "Dispatch addresses": (
            "fixed@clearsign.example", "dispatch@clearsign.example", "dispatch@clearsign.example", "Somebody else",
        ),
    }  # fmt: skip
    assert send(second, clash).status_code == 303
    saved = values_of(second.get(company(world)), field="phone")
    assert (saved["name"], saved["phone"]) == (["Clearsign Inc"], ["+1 555 1111"])
    assert saved["addresses"] == ["fixed@clearsign.example"]


def test_a_third_administrator_is_met_on_the_way_as_well(world: World) -> None:
    first, second = world.login(Role.ADMIN), world.login(Role.ADMIN)
    opened = second.get(company(world))
    fill_in(first, company(world), addresses="fixed@clearsign.example")
    clash = send(second, opened, phone="+1 555 1111")
    fill_in(first, company(world), name="Clearsign Ltd")

    again = send(second, clash)

    assert again.status_code == 409
    assert set(sides_of(again)) == {"Name", "Phone"}
    assert send(second, again).status_code == 303
    saved = values_of(second.get(company(world)), field="phone")
    assert (saved["name"], saved["addresses"]) == (["Clearsign Ltd"], ["fixed@clearsign.example"])


@pytest.mark.parametrize("opened_with", ["", "x.y", "Ω"])
def test_a_form_that_does_not_say_what_it_opened_with_keeps_its_values_and_says_what_is_saved(
    world: World, opened_with: str
) -> None:
    first, second = world.login(Role.ADMIN), world.login(Role.ADMIN)
    opened = second.get(company(world))
    fill_in(first, company(world), addresses="fixed@clearsign.example")

    clash = send(second, opened, phone="+1 555 1111", opened=opened_with)

    assert clash.status_code == 409
    assert sides_of(clash) == {
        "Phone": ("+1 555 0170", "+1 555 1111"),
        "Dispatch addresses": ("fixed@clearsign.example", "dispatch@clearsign.example"),
    }
    assert "Save once more to replace theirs by yours." in words(clash)
    assert values_of(clash, field="phone")["addresses"] == ["dispatch@clearsign.example"]


def test_a_button_pressed_twice_leads_to_the_group_that_it_added(world: World) -> None:
    client = world.login(Role.ADMIN)
    opened = client.get(f"{GROUPS}/new")

    first, second = (send(client, opened, field="language", name="ASL nights", language="ase") for _twice in range(2))

    assert second.status_code == 303
    assert second.location == first.location


def test_a_group_is_made_filled_ordered_and_asked_in_that_order(world_on_either: World) -> None:
    world = world_on_either
    client = world.login(Role.ADMIN)
    made = fill_in(client, f"{GROUPS}/new", field="language", name="ASL nights", language="ase")
    assert made.status_code == 303
    page = client.get(made.location)
    assert "Nobody can choose this group" in words(page)

    for name in ("Clearsign", "Lumen", "Bridgeway"):
        page = move(client, page, "add", more=str(world.clinic.companies[name]))
    page = move(client, page, f"up:{world.clinic.companies['Bridgeway']}")
    page = move(client, page, f"up:{world.clinic.companies['Bridgeway']}")
    page = move(client, page, f"down:{world.clinic.companies['Clearsign']}")
    page = move(client, page, f"remove:{world.clinic.companies['Lumen']}")

    assert order(page) == ["Bridgeway", "Clearsign"]
    assert "Not saved yet." in words(page)
    assert send(client, page, do="save").status_code == 303
    assert order(client.get(made.location)) == ["Bridgeway", "Clearsign"]
    world.clinic.groups["ASL nights"] = int(made.location.rpartition("/")[2])
    visit = world.book(ask=["ASL nights"])
    assert [invite.company_id for invite in world.invites_of(visit)] == [
        world.clinic.companies["Bridgeway"],
        world.clinic.companies["Clearsign"],
    ]


def test_moving_companies_saves_nothing_and_keeps_the_name_typed(world: World) -> None:
    client = world.login(Role.ADMIN)
    before = rows(world)

    page = move(client, client.get(group(world)), f"down:{world.clinic.companies['Clearsign']}", name="Other name")

    assert order(page) == ["Northlight", "Clearsign", "Bridgeway"]
    assert values_of(page, field="name")["name"] == ["Other name"]
    assert rows(world) == before


@pytest.mark.parametrize("do", ["up:", "up:x", "down:999", "add", "remove:0", "explode", "up:1:2", "é\0"])
def test_a_button_that_nobody_can_press_changes_nothing(world: World, do: str) -> None:
    client = world.login(Role.ADMIN)

    page = move(client, client.get(group(world)), do, more="999")

    assert page.status_code == 422
    assert "One of the companies is not on the list" in words(page)
    assert order(page) == ["Clearsign", "Northlight", "Bridgeway"]


def test_the_second_administrator_of_a_group_sees_the_first(world: World) -> None:
    first, second = world.login(Role.ADMIN), world.login(Role.ADMIN)
    opened = second.get(group(world))
    fill_in(first, group(world), companies=[str(world.clinic.companies["Lumen"])])

    clash = send(second, opened, name="Mine")

    assert clash.status_code == 409
    assert sides_of(clash) == {
        "Name": ("ASL daytime", "Mine", "ASL daytime", "You"),
        "Companies": ("Lumen", "Clearsign, Northlight, Bridgeway", "Clearsign, Northlight, Bridgeway", "Somebody else"),
    }
    assert order(clash) == ["Lumen"]
    assert values_of(clash, field="name")["name"] == ["Mine"]
    assert send(second, clash, do="save").status_code == 303
    assert order(second.get(group(world))) == ["Lumen"]


def test_a_group_deleted_while_somebody_edits_it_is_not_found(world: World) -> None:
    client = world.login(Role.ADMIN)
    opened = client.get(group(world))
    deleted = press(client, group(world), f"{group(world)}/remove")
    assert "The hunt group is deleted." in words(client.get(deleted.location))

    answer = send(client, opened, name="Mine")

    assert answer.status_code == 404
    assert "somebody has deleted it. Nothing was saved." in words(answer)
    assert "Check the address" not in words(answer)
    assert "No hunt group yet." in words(client.get(GROUPS))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "Write the group's name."),
        ("name", "asl DAYTIME", "Another hunt group has this name."),
        ("language", "", "Choose the language that the group is for."),
        ("language", "fr", "Choose the language that the group is for."),
        ("language", "\0", "Choose the language that the group is for."),
    ],
)
def test_what_is_wrong_with_a_new_group_is_said(world: World, field: str, value: str, says: str) -> None:
    client = world.login(Role.ADMIN)
    before = rows(world)

    answer = fill_in(client, f"{GROUPS}/new", field="language", **{"name": "Other", "language": "ase", field: value})

    assert answer.status_code == 422
    assert says in complaint(answer, field).near
    assert rows(world) == before


def test_nothing_of_another_clinic_can_be_seen_or_changed_by_its_ids(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.change(CompanyAddress, harbor.companies["Lumen"], email="secret@harbor.example")
    theirs, their_group = harbor.companies["Lumen"], harbor.groups["ASL daytime"]
    client = world.login(Role.ADMIN)
    before = rows(world)

    for path in (COMPANIES, GROUPS, f"{COMPANIES}?done={theirs}", f"{GROUPS}?done={their_group}", group(world)):
        assert "harbor" not in client.get(path).text.lower(), path
    for path in (f"{COMPANIES}/{theirs}", f"{GROUPS}/{their_group}"):
        assert client.get(path).status_code == 404
    token = csrf_of(client.get("/"))
    for path in (
        f"{COMPANIES}/{theirs}",
        f"{COMPANIES}/{theirs}/suspend",
        f"{COMPANIES}/{theirs}/accredit",
        f"{GROUPS}/{their_group}",
        f"{GROUPS}/{their_group}/remove",
    ):
        assert client.post(path, data={"csrf_token": token, "name": "Mine"}).status_code == 404, path
    mixed = fill_in(client, group(world), companies=[str(theirs), str(world.clinic.companies["Clearsign"])])
    assert mixed.status_code == 422
    assert "One of the companies is not on the list" in words(mixed)
    assert order(mixed) == ["Clearsign"]
    added = move(client, client.get(group(world)), "add", more=str(theirs))
    assert added.status_code == 422
    assert order(added) == ["Clearsign", "Northlight", "Bridgeway"]
    again = fill_in(client, company(world), works_again="secret@harbor.example")
    assert again.status_code == 422
    assert "One of these is no address of the company." in complaint(again, "phone").page
    assert rows(world) == before
