"""Logging in and setting up with a second factor, as a person does it page by page."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.states import Role
from tests.phone import Phone
from tests.web.checks import form_of, soup_of, values_of
from tests.world import PASSWORD, World

ACCOUNT = "/account/second-factor"


def give_password(
    client: FlaskClient,
    role: Role = Role.SCHEDULER,
    *,
    page: TestResponse | None = None,
    password: str = PASSWORD,
    back: str = "",
) -> TestResponse:
    """Fill in the login page, the one at hand or a new one, and see what comes after it."""
    page = page or client.get("/login", query_string={"next": back} if back else None)
    data = values_of(page, field="password") | {"email": f"{role}@demo.example", "password": password}
    return client.post("/login", data=data, follow_redirects=True)


def send_code(client: FlaskClient, page: TestResponse, code: str, *, field: str = "code") -> TestResponse:
    """Type the code into the page at hand; where it leads is not followed."""
    return client.post(str(form_of(page, field=field)["action"]), data=values_of(page, field=field) | {field: code})


def phone_on(page: TestResponse) -> Phone:
    """An app that has scanned the page."""
    key = soup_of(page).select_one("code.key")
    assert key is not None, page.text
    return Phone(key.get_text().replace(" ", ""))


def codes_on(page: TestResponse) -> list[str]:
    """The recovery codes that the page shows."""
    return [code.get_text() for code in soup_of(page).select(".codes code")]


def begin(client: FlaskClient, do: str = "set_up", *, password: str = PASSWORD) -> TestResponse:
    """Give the password on one's own page and go on to what is being set up."""
    data = values_of(client.get(ACCOUNT), field="password") | {"password": password, "do": do}
    return client.post(ACCOUNT, data=data, follow_redirects=True)


def set_up(world: World, role: Role = Role.SCHEDULER) -> tuple[FlaskClient, Phone, list[str]]:
    """Somebody logged in who has just set up a second factor; half a minute later, so that the next code is unused."""
    client = world.login(role)
    page = begin(client)
    phone = phone_on(page)
    answer = send_code(client, page, phone.code(world.now))
    assert answer.status_code == 303, answer.text
    world.pass_time(seconds=30)
    return client, phone, codes_on(page)


def is_in(client: FlaskClient) -> bool:
    """Whether the browser's login opens a page; does not count as activity."""
    return client.get("/badges?seen=1.p000000", headers={"HX-Request": "true"}).status_code == 200
