"""A login that gets lost while an administrator fills in a form: it waits, sealed, and comes back unsaved."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from shared.models import User
from shared.states import Role
from tests.web.checks import csrf_of, dump, soup_of, values_of, words
from tests.web.test_lost_login import LOSSES, log_in
from tests.world import World

STILL_HERE = "You had been logged out. Everything you filled in is still here, and not saved yet."
TYPED = "Northwind 7 Ω"

Lose = Callable[[World, FlaskClient], FlaskClient]


def forms(world: World) -> dict[str, tuple[str, str]]:
    """Every administrator's form: its page, and a field in which something is typed."""
    clinic = world.clinic
    return {
        "settings": ("/admin/settings", "name"),
        "a language": ("/admin/languages/ase", "short_name"),
        "a new company": ("/admin/companies/new", "name"),
        "a company": (f"/admin/companies/{clinic.companies['Clearsign']}", "name"),
        "a new group": ("/admin/groups/new", "name"),
        "a group": (f"/admin/groups/{clinic.groups['ASL daytime']}", "name"),
        "a new user": ("/admin/users/new", "name"),
        "a user": (f"/admin/users/{clinic.users['provider']}", "name"),
        "a new display": ("/admin/displays", "name"),
    }


FORMS = [
    "settings",
    "a language",
    "a new company",
    "a company",
    "a new group",
    "a group",
    "a new user",
    "a user",
    "a new display",
]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("name", FORMS)
def test_a_filled_form_comes_back_where_it_was_and_is_saved_by_its_own_button(
    world: World, lose: Lose, name: str
) -> None:
    path, field = forms(world)[name]
    client = world.login(Role.ADMIN)
    page = client.get(path)
    values = values_of(page, field=field) | {field: [TYPED]}
    client = lose(world, client)
    before = dump(world)

    login = client.post(path, data=values)
    assert login.status_code == 401
    assert TYPED not in login.text
    restored = log_in(client, login, role=Role.ADMIN)

    assert restored.status_code == 200
    assert STILL_HERE in words(restored)
    assert not soup_of(restored).find(id="errors")
    kept = values_of(restored, field=field)
    assert kept | {"csrf_token": []} == values | {"csrf_token": []}
    after = dump(world)
    stored = ("clinic", "clinic_language", "company", "hunt_group", "user_account", "company_address", "display")
    for table in stored:
        assert after[table] == before[table]

    form = soup_of(restored).find("form", action=path)
    assert form is not None
    saved = client.post(path, data=kept)
    if name in {"a new company", "a new user"}:  # these need more than a name
        assert saved.status_code == 422
    elif name == "a new group":
        assert "Choose the language" in words(saved)
    elif name == "a new display":
        assert f"The link for {TYPED}" in words(saved)
    else:
        assert saved.status_code == 303
        assert TYPED in client.get(path).text


def test_a_company_that_a_colleague_changed_meanwhile_is_not_overwritten(world: World) -> None:
    company = world.clinic.companies["Clearsign"]
    path, lose = f"/admin/companies/{company}", LOSSES[0]
    client = world.login(Role.ADMIN)
    values = values_of(client.get(path), field="phone") | {"phone": ["+1 555 0188"]}
    other = world.login(Role.ADMIN)
    theirs = values_of(other.get(path), field="phone") | {"phone": ["+1 555 0177"]}
    client = lose(world, client)
    assert other.post(path, data=theirs).status_code == 303

    restored = log_in(client, client.post(path, data=values), role=Role.ADMIN)
    kept = values_of(restored, field="phone")

    assert kept["phone"] == ["+1 555 0188"]
    assert client.post(path, data=kept).status_code == 409


def test_a_form_whose_record_is_gone_by_then_says_so(world: World) -> None:
    path = f"/admin/groups/{world.clinic.groups['ASL daytime']}"
    client = world.login(Role.ADMIN)
    values = values_of(client.get(path), field="name")
    other = world.login(Role.ADMIN)
    client = LOSSES[0](world, client)
    login = client.post(path, data=values)
    assert other.post(f"{path}/remove", data={"csrf_token": csrf_of(other.get(path))}).status_code == 303

    assert log_in(client, login, role=Role.ADMIN).status_code == 404


def test_a_form_opened_under_an_earlier_login_says_so_when_its_record_is_gone(world: World) -> None:
    path = f"/admin/groups/{world.clinic.groups['ASL daytime']}"
    client = world.login(Role.ADMIN)
    values = values_of(client.get(path), field="name")
    assert client.post(f"{path}/remove", data={"csrf_token": csrf_of(client.get(path))}).status_code == 303

    answer = client.post(path, data=values | {"csrf_token": ["of an earlier login"]})

    assert answer.status_code == 404
    assert "There is no such hunt group at this clinic, or somebody has deleted it." in words(answer)


@pytest.mark.parametrize("role", [Role.SCHEDULER, Role.STAFF, Role.PROVIDER])
def test_nobody_else_gets_the_form(world: World, role: Role) -> None:
    client = world.login(Role.ADMIN)
    values = values_of(client.get("/admin/settings"), field="name") | {"name": [TYPED]}
    client = LOSSES[0](world, client)

    answer = log_in(client, client.post("/admin/settings", data=values), role=role)

    assert answer.status_code == 303
    assert TYPED not in client.get("/").text


def test_an_administrator_who_is_none_any_more_gets_no_page_of_theirs(world: World) -> None:
    client = world.login(Role.ADMIN)
    values = values_of(client.get("/admin/settings"), field="name") | {"name": [TYPED]}
    client = LOSSES[0](world, client)
    login = client.post("/admin/settings", data=values)
    world.change(User, world.clinic.users["admin"], role=Role.STAFF)

    assert TYPED not in log_in(client, login, role=Role.ADMIN).text
