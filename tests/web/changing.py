"""Edit, Ask again and Cancel as a person does them in a browser without scripts."""

from collections.abc import Sequence

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.repeat import Repeat
from shared.states import Frequency
from tests.web.checks import form_of, soup_of, values_of, words
from tests.world import World

WEEKLY_6 = Repeat(Frequency.WEEKLY, weekdays=(1,), count=6)
"""Six Tuesdays from 24 November on; the visits' ids follow one another."""


def open_change(client: FlaskClient, visit: int, kind: str = "edit", query: str = "") -> TestResponse:
    """The page that begins a change."""
    page = client.get(f"/visits/{visit}/{kind}{query}")
    assert page.status_code == 200, words(page)
    return page


def send(client: FlaskClient, page: TestResponse, **changes: str | Sequence[str]) -> TestResponse:
    """Change fields of the form at hand and press its button."""
    data: dict[str, str | Sequence[str]] = dict(values_of(page, field="version")) | changes
    return client.post(str(form_of(page, field="version")["action"]), data=data)


def preview(client: FlaskClient, visit: int, kind: str = "edit", **changes: str | Sequence[str]) -> TestResponse:
    """The preview of a change that is right."""
    page = send(client, open_change(client, visit, kind), **changes)
    assert page.status_code == 200, words(page)
    assert is_promise(page), words(page)
    return page


def is_promise(page: TestResponse) -> bool:
    """Whether the page can be confirmed."""
    return soup_of(page).find("input", attrs={"name": "promise"}) is not None


def confirm(client: FlaskClient, page: TestResponse, **tampered: str | Sequence[str]) -> TestResponse:
    """Press Confirm, with some of the hidden fields changed if asked."""
    data: dict[str, str | Sequence[str]] = dict(values_of(page, field="promise")) | tampered
    return client.post(str(form_of(page, field="promise")["action"]), data=data)


def press_back(client: FlaskClient, page: TestResponse) -> TestResponse:
    """Press Back on a preview, or the button of a conflict page that goes on."""
    form = form_of(page, field="version")
    button = form.find("button", attrs={"name": "do", "value": "back"})
    assert button is not None, words(page)
    return client.post(
        str(button.get("formaction") or form["action"]), data=values_of(page, field="version") | {"do": ["back"]}
    )


def save(client: FlaskClient, visit: int, kind: str = "edit", **changes: str | Sequence[str]) -> None:
    """Make a change, to the end."""
    answer = confirm(client, preview(client, visit, kind, **changes))
    assert (answer.status_code, answer.location) == (303, f"/visits/{visit}"), words(answer)


def cancel(client: FlaskClient, visit: int, *, reach: str = "this", reason: str = "") -> TestResponse:
    """Cancel, to the end."""
    return confirm(client, open_change(client, visit, "cancel", f"?reach={reach}"), reason=reason)


def held(page: TestResponse, name: str) -> str:
    """What the form at hand holds in a field."""
    return values_of(page, field="version").get(name, [""])[0]


def ticked(page: TestResponse) -> list[str]:
    """Which companies and groups are ticked."""
    return values_of(page, field="version").get("interpreter", [])


def told(page: TestResponse) -> str:
    """What the page says first: what will happen to whoever was asked or has accepted."""
    box = soup_of(page).find(True, attrs={"aria-labelledby": "consequences"})
    assert box is not None, words(page)
    return " ".join(box.get_text(" ").split())


def accepted(world: World, company: str = "Clearsign", **booking: object) -> int:
    """A visit, or the first of a series, that a company has accepted and been told about."""
    visit = world.book(**({"ask": ["ASL daytime"]} | booking))  # type: ignore[arg-type]
    world.tick()
    world.accept(visit, company)
    world.tick()
    return visit
