"""The pages on which administrators invite, change and deactivate people."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from shared.db import reading
from shared.models import Company, User, Visit
from shared.states import MailKind, MailState, Role
from tests.web.checks import complaint, csrf_of, dump, soup_of, values_of, words
from tests.world import World, hashed

HOSTILE = "<script>alert(1)</script>\"'"


def post(client: FlaskClient, path: str, **values: str) -> TestResponse:
    """Send a form with nothing in it but a token and these values."""
    return client.post(path, data={"csrf_token": csrf_of(client.get("/account")), **values})


def fill(client: FlaskClient, path: str, **values: str) -> TestResponse:
    """Open a page about somebody, change some fields and send its form."""
    page = client.get(path)
    return client.post(path, data=values_of(page, field="name") | values)


def invite(client: FlaskClient, **changes: str) -> TestResponse:
    return fill(
        client, "/admin/users/new", **({"name": "Ana Ruiz", "email": "ana@demo.example", "role": "staff"} | changes)
    )


def user_of(world: World, email: str) -> User:
    with world.jobs.app_context(), reading() as session:
        return session.scalars(select(User).where(User.email == email)).one()


def entry(page: TestResponse, name: str) -> str:
    """What the list says of somebody."""
    [found] = [item for item in soup_of(page).select(".people > li") if name in item.get_text()]
    return " ".join(found.get_text(" ").split())


def test_the_list_names_everybody_with_mail_role_state_and_visits_to_come(world: World) -> None:
    world.book()
    invited = world.add_user(Role.STAFF, "Newcomer")
    world.change(User, invited, password_hash=None)
    world.add_user(Role.STAFF, "Left", active=False)

    page = world.login(Role.ADMIN).get("/admin/users")

    assert "provider@demo.example Provider 1 visit to come Active" in entry(page, "Provider of Riverside")
    assert "admin@demo.example · you Admin Active" in entry(page, "Admin of Riverside")
    assert "Invited" in entry(page, "Newcomer")
    assert "Send again" in entry(page, "Newcomer")
    assert "Deactivated Reactivate" in entry(page, "Left")


def test_somebody_is_invited_and_the_list_says_so(world: World) -> None:
    client = world.login(Role.ADMIN)

    answer = invite(client, email=" Ana@DEMO.example ", role="provider")

    assert answer.status_code == 303
    page = client.get(answer.location)
    assert "The invitation is on its way." in words(page)
    assert "ana@demo.example Provider Invited" in entry(page, "Ana Ruiz")
    assert [mail.recipient for mail in world.outbox(MailKind.USER_INVITE)] == ["ana@demo.example"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Write the name."),
        ("name", "\u200b ", "Write the name."),
        ("name", "x" * 121, "At most 120 characters."),
        ("name", "a\0b", "can't be read"),
        ("name", "Ana\r\nBcc: x@evil.example", "Write this on one line."),
        ("email", "", "Write the e-mail address."),
        ("email", "ana", "Write a complete e-mail address"),
        ("email", "ana@demo.example\nBcc: x@evil.example", "Write this on one line."),
        ("email", "ana@demo.example, x@evil.example", "Write a complete e-mail address"),
        ("email", "staff@demo.example", "Somebody has this address already."),
        ("email", "STAFF@demo.example", "Somebody has this address already."),
        ("email", "staff@harbor.example", "This address can't be used. Use another address of this person."),
        ("role", "", "Choose a role."),
        ("role", "owner", "Choose a role."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    world: World, field: str, value: str, sentence: str
) -> None:
    world.add_clinic("Harbor Family Health", domain="harbor")
    client = world.login(Role.ADMIN)
    client.illegible = True  # type: ignore[attr-defined]
    before = dump(world)

    answer = invite(client, **{field: value})

    assert answer.status_code == 422
    assert sentence in complaint(answer, field).near
    assert "One field needs a change" in words(answer)
    kept = values_of(answer, field="name")
    for name, typed in (("name", "Ana Ruiz"), ("email", "ana@demo.example")):
        assert name == field or kept[name] == [typed]
    assert dump(world) == before


def test_a_button_pressed_twice_leads_to_the_same_list(world: World) -> None:
    client = world.login(Role.ADMIN)

    first, second = invite(client), invite(client)

    assert (second.status_code, second.location) == (first.status_code, first.location)
    assert second.status_code == 303
    assert len(world.outbox()) == 1


def test_a_name_is_text_wherever_it_stands(world: World) -> None:
    client = world.login(Role.ADMIN)
    invite(client, name=HOSTILE)
    ana = user_of(world, "ana@demo.example").id

    for path in ("/admin/users", f"/admin/users/{ana}", f"/admin/users/{ana}/deactivate"):
        page = client.get(path)
        assert not [tag for tag in soup_of(page).find_all("script") if not tag.get("src")], path
        assert HOSTILE in words(page), path


def test_a_person_s_name_and_role_are_changed(world: World) -> None:
    client, staff = world.login(Role.ADMIN), world.clinic.users["staff"]

    answer = fill(client, f"/admin/users/{staff}", name="Sam Lindgren", role="scheduler")

    assert "The changes are saved." in words(client.get(answer.location))
    found = user_of(world, "staff@demo.example")
    assert (found.name, found.role) == ("Sam Lindgren", Role.SCHEDULER)


def test_the_address_of_somebody_with_a_password_is_no_part_of_the_form(world: World) -> None:
    client, staff = world.login(Role.ADMIN), world.clinic.users["staff"]

    answer = fill(client, f"/admin/users/{staff}", email="evil@demo.example")

    assert "email" not in values_of(client.get(f"/admin/users/{staff}"), field="name")
    assert answer.status_code == 422
    assert "The address of somebody who has a password stays as it is." in words(answer)
    assert user_of(world, "staff@demo.example").id == staff


@pytest.mark.parametrize(
    ("meanwhile", "sentence"),
    [
        ({"password_hash": hashed("chosen meanwhile")}, "The address of somebody who has a password stays as it is."),
        ({"active": False}, "The address of somebody deactivated stays as it is. Reactivate the account first."),
    ],
)
def test_an_address_corrected_too_late_is_refused_and_the_rest_of_the_form_kept(
    world: World, meanwhile: dict[str, object], sentence: str
) -> None:
    client = world.login(Role.ADMIN)
    invite(client)
    ana = user_of(world, "ana@demo.example").id
    opened = values_of(client.get(f"/admin/users/{ana}"), field="name")
    world.change(User, ana, **meanwhile)

    answer = client.post(f"/admin/users/{ana}", data=opened | {"email": "other@demo.example", "name": "Ana Ruiz-Roe"})

    assert answer.status_code == 422
    assert f"E-mail: {sentence}" in words(answer)
    assert soup_of(answer).find(id="email") is not None
    assert user_of(world, "ana@demo.example").name == "Ana Ruiz"
    assert client.post(f"/admin/users/{ana}", data=values_of(answer, field="name")).status_code == 303
    assert user_of(world, "ana@demo.example").name == "Ana Ruiz-Roe"


def test_the_address_of_somebody_invited_can_be_corrected(world: World) -> None:
    client = world.login(Role.ADMIN)
    invite(client)
    ana = user_of(world, "ana@demo.example").id

    answer = fill(client, f"/admin/users/{ana}", email="ana.ruiz@demo.example")

    assert answer.status_code == 303
    assert user_of(world, "ana.ruiz@demo.example").id == ana
    assert (
        "Somebody has this address"
        in complaint(fill(client, f"/admin/users/{ana}", email="staff@demo.example"), "email").near
    )


def test_the_second_of_two_administrators_is_told_and_loses_nothing(world: World) -> None:
    world.add_user(Role.ADMIN, "Second")
    client, staff = world.login(Role.ADMIN), world.clinic.users["staff"]
    opened = values_of(client.get(f"/admin/users/{staff}"), field="name")
    fill(client, f"/admin/users/{staff}", name="First")

    answer = client.post(f"/admin/users/{staff}", data=opened | {"name": "Second"})

    assert answer.status_code == 422
    assert "Somebody else saved this meanwhile" in words(answer)
    assert "Name First" in words(answer)
    assert user_of(world, "staff@demo.example").name == "First"
    again = client.post(f"/admin/users/{staff}", data=values_of(answer, field="name"))
    assert again.status_code == 303
    assert user_of(world, "staff@demo.example").name == "Second"


def test_saving_somebody_once_more_takes_back_no_role_that_a_colleague_gave(world: World) -> None:
    client, staff = world.login(Role.ADMIN), world.clinic.users["staff"]
    opened = values_of(client.get(f"/admin/users/{staff}"), field="name")
    fill(client, f"/admin/users/{staff}", role="scheduler")

    answer = client.post(f"/admin/users/{staff}", data=opened | {"name": "Sam Lindgren"})

    assert "Role Scheduler: all visits Staff: looks, changes nothing" in words(answer)
    assert client.post(f"/admin/users/{staff}", data=values_of(answer, field="name")).status_code == 303
    found = user_of(world, "staff@demo.example")
    assert (found.name, found.role) == ("Sam Lindgren", Role.SCHEDULER)


def test_the_last_administrator_is_refused_with_a_sentence(world: World) -> None:
    client, me = world.login(Role.ADMIN), world.clinic.users["admin"]

    shown = client.get(f"/admin/users/{me}/deactivate")
    changed = fill(client, f"/admin/users/{me}", role="staff")
    gone = post(client, f"/admin/users/{me}/deactivate")

    assert changed.status_code == 422
    assert "Make somebody else an administrator first." in complaint(changed, "role").near
    assert (shown.status_code, gone.status_code) == (200, 409)
    for page in (shown, gone):
        assert "Deactivate Admin of Riverside Clinic?" in words(page)
        assert "Nobody else can log in as an administrator." in words(page)
        assert not [button for button in soup_of(page).select("main button") if button.get_text() == "Deactivate"]
    assert "Make somebody else an administrator first." in words(gone)
    assert user_of(world, "admin@demo.example").active


def test_deactivating_asks_first_and_then_logs_the_person_out(world: World) -> None:
    client, theirs, staff = world.login(Role.ADMIN), world.login(Role.STAFF), world.clinic.users["staff"]

    page = client.get(f"/admin/users/{staff}/deactivate")
    assert "Staff of Riverside Clinic is logged out at once" in words(page)
    assert theirs.get("/board").status_code == 200
    answer = post(client, f"/admin/users/{staff}/deactivate")

    assert "can't log in any more" in words(client.get(answer.location))
    assert theirs.get("/board").location.startswith("/login")
    back = post(client, f"/admin/users/{staff}/reactivate")
    assert "can log in again" in words(client.get(back.location))
    assert theirs.get("/board").location.startswith("/login")
    world.login(Role.STAFF)


def test_a_provider_with_visits_to_come_is_deactivated_only_with_somebody_to_take_them_over(world: World) -> None:
    client, provider = world.login(Role.ADMIN), world.clinic.users["provider"]
    world.book(ask=["Clearsign"])

    alone = client.get(f"/admin/users/{provider}/deactivate")
    assert "1 visit to come" in words(alone)
    assert "No other provider is active." in words(alone)
    second = world.add_user(Role.PROVIDER, "Dr. Second")
    world.add_clinic("Harbor Family Health", domain="harbor")
    page = client.get(f"/admin/users/{provider}/deactivate")
    offered = [option["value"] for option in soup_of(page).select("select[name=takes_over] option")]
    refused = post(client, f"/admin/users/{provider}/deactivate")

    assert "A-10001" in words(page)
    assert offered == ["", str(second)]
    assert refused.status_code == 422
    assert "Choose who takes them over." in complaint(refused, "takes_over").near
    for wrong in ("x", "-1", str(2**70), str(provider)):
        answer = post(client, f"/admin/users/{provider}/deactivate", takes_over=wrong)
        assert "Choose another active provider from the list." in complaint(answer, "takes_over").near
    assert user_of(world, "provider@demo.example").active


def test_the_list_says_for_how_many_visits_handed_over_nobody_could_be_asked(world: World) -> None:
    client, provider = world.login(Role.ADMIN), world.clinic.users["provider"]
    second = world.add_user(Role.PROVIDER, "Dr. Second")
    world.book(ask=["Clearsign"])
    visit = world.book(ask=["Northlight"])
    world.change(Company, world.clinic.companies["Northlight"], accredited=False)

    preview = post(client, f"/admin/users/{provider}/deactivate", takes_over=str(second))
    answer = client.post(f"/admin/users/{provider}/deactivate", data=values_of(preview, field="promise"))

    page = client.get(answer.location)
    assert "This person can't log in any more." in words(page)
    assert "1 visit has no interpreter Nobody could be asked when it went to another provider." in words(page)
    assert "Dr. Second" in words(client.get(f"/visits/{visit}"))


def test_a_provider_with_visits_to_come_keeps_the_role_until_somebody_takes_them_over(world: World) -> None:
    client, provider = world.login(Role.ADMIN), world.clinic.users["provider"]
    world.add_user(Role.PROVIDER, "Dr. Second")
    visit = world.book()

    answer = fill(client, f"/admin/users/{provider}", role="scheduler")

    assert answer.status_code == 422
    assert "Choose who takes them over." in complaint(answer, "takes_over").near
    assert values_of(answer, field="name")["role"] == ["scheduler"]
    world.change(Visit, visit, status="cancelled")
    assert client.post(f"/admin/users/{provider}", data=values_of(answer, field="name")).status_code == 303


def test_a_mail_too_many_within_the_hour_is_said_not_to_have_left(world: World) -> None:
    client = world.login(Role.ADMIN)
    invite(client)
    ana = f"/admin/users/{user_of(world, 'ana@demo.example').id}"
    for letter in "bcd":
        answer = fill(client, ana, email=f"{letter}@demo.example")
        world.tick()
    page = client.get(answer.location)

    assert "The changes are saved, but no mail has left" in words(page)
    assert "Send the invitation again later." in words(page)
    assert "The link in the invitation no longer works." in entry(page, "Ana Ruiz")
    assert world.mails(to="d@demo.example") == []

    post(client, f"{ana}/deactivate")
    page = client.get(post(client, f"{ana}/reactivate").location)
    assert "This person is active again, but no mail has left" in words(page)
    assert "The changes are saved." in words(client.get(fill(client, ana, name="Ana R").location))
    world.pass_time(hours=1)
    client = world.login(Role.ADMIN)
    assert "is on its way" in words(client.get(post(client, f"{ana}/link").location))


def test_a_mail_that_came_back_shows_in_the_list_with_a_way_to_send_again(world: World) -> None:
    client = world.login(Role.ADMIN)
    world.post.replies["ana@demo.example"] = "550 No such user"
    invite(client)
    world.tick()
    ana = user_of(world, "ana@demo.example").id
    assert "The mail could not be delivered. Send again" in entry(client.get("/admin/users"), "Ana Ruiz")

    answer = post(client, f"/admin/users/{ana}/link")

    page = client.get(answer.location)
    assert "A mail with a new link is on its way." in words(page)
    assert "could not be delivered" not in entry(page, "Ana Ruiz")
    assert [mail.state for mail in world.outbox()] == [MailState.BOUNCED, MailState.QUEUED]
    post(client, f"/admin/users/{ana}/link")
    enough = post(client, f"/admin/users/{ana}/link")
    assert "Three mails went to this person within the hour." in words(client.get(enough.location))


def test_a_made_up_piece_of_news_says_nothing(world: World) -> None:
    page = world.login(Role.ADMIN).get("/admin/users?news=<b>You have won</b>")

    assert "won" not in words(page)


def test_another_clinics_person_is_on_no_page_and_in_no_form(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    client, theirs = world.login(Role.ADMIN), harbor.users["provider"]
    world.book(clinic=harbor)
    mine = values_of(client.get(f"/admin/users/{world.clinic.users['staff']}"), field="name")
    before = dump(world)

    assert "harbor" not in client.get("/admin/users").text.lower()
    for path in (f"/admin/users/{theirs}", f"/admin/users/{theirs}/deactivate"):
        assert client.get(path).status_code == 404
    for path in ("", "/deactivate", "/reactivate", "/link"):
        assert client.post(f"/admin/users/{theirs}{path}", data=mine).status_code == 404, path

    assert dump(world) == before


@pytest.mark.parametrize(
    "path", ["", "/new", "/{staff}", "/{staff}/deactivate", "/{staff}/reactivate", "/{staff}/link"]
)
def test_a_form_without_its_token_changes_nothing(world: World, path: str) -> None:
    client = world.login(Role.ADMIN)
    before = dump(world)

    answer = client.post("/admin/users" + path.format(staff=world.clinic.users["staff"]), data={"name": "x"})

    assert answer.status_code == (405 if not path else 400)
    assert dump(world) == before
