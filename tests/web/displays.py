"""A screen on the wall, and the administrator who makes its link."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.states import Role
from tests.web.checks import soup_of, values_of
from tests.world import World

DISPLAYS = "/admin/displays"


def make(admin: FlaskClient, name: str = "Front desk", *, page: TestResponse | None = None) -> TestResponse:
    """Add a display on the administrators' page."""
    page = page or admin.get(DISPLAYS)
    return admin.post(DISPLAYS, data=values_of(page, field="name") | {"name": name})


def link_on(page: TestResponse) -> str:
    """The link that the page shows; empty if it shows none."""
    shown = soup_of(page).select_one("code.key")
    return shown.get_text() if shown is not None else ""


def open_link(client: FlaskClient, link: str) -> TestResponse:
    """Open a display's link on a screen and press the button, as its script does; where it leads is not followed."""
    address, _, code = link.partition("#")
    page = client.get("/" + address.split("/", 3)[3])
    return client.post("/display", data=values_of(page, field="code") | {"code": code})


def new_screen(world: World, name: str = "Front desk") -> FlaskClient:
    """A screen that shows the Board."""
    screen = world.portal.test_client()
    answer = open_link(screen, link_on(make(world.login(Role.ADMIN), name)))
    assert (answer.status_code, answer.location) == (303, "/display/board")
    return screen
