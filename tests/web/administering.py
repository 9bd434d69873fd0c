"""The administrators' forms as a person uses them: open, change some fields, save."""

from collections.abc import Sequence
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.checks import csrf_of, form_of, soup_of, values_of


def send(client: FlaskClient, page: TestResponse, *, field: str = "name", **changes: Any) -> TestResponse:
    """Send the page's form that has the field, with some values changed: a text, several, or None for no value."""
    action = str(form_of(page, field=field)["action"])
    values: dict[str, str | Sequence[str]] = dict(values_of(page, field=field))
    for name, value in changes.items():
        values.pop(name, None)
        if value is not None:
            values[name] = value
    return client.post(action, data=values)


def fill_in(client: FlaskClient, path: str, **changes: Any) -> TestResponse:
    """Open a form and send it with some values changed."""
    return send(client, client.get(path), **changes)


def sides_of(page: TestResponse) -> dict[str, tuple[str, ...]]:
    """What the page says of a field that somebody else's saving came before: saved now, typed, opened with, by whom."""
    rows = soup_of(page).select("#conflict tbody tr")
    cells = [[" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")] for row in rows]
    return {label: tuple(values) for label, *values in cells}


def press(client: FlaskClient, path: str, action: str, **data: str) -> TestResponse:
    """Press a button that stands alone on a page, such as Suspend."""
    return client.post(action, data={"csrf_token": csrf_of(client.get(path)), **data})


def offers(page: TestResponse, action: str) -> bool:
    """Whether the page has a form that goes there."""
    return soup_of(page).find("form", attrs={"action": action}) is not None
