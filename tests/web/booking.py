"""Create New Visit as a person does it in a browser without scripts: fill in, look at the preview, confirm."""

from collections.abc import Mapping, Sequence

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.checks import form_of, soup_of, values_of, words
from tests.world import TOMORROW, World

Values = Mapping[str, str | Sequence[str]]

FORM_FIELDS = (
    "patient_name", "patient_contact", "provider", "date", "start_time", "duration", "visit_type", "reason",
    "language", "interpreter", "notes",
)  # fmt: skip


def filled(world: World, *, ask: Sequence[str] = (), **changes: str | Sequence[str]) -> dict[str, str | Sequence[str]]:
    """What a person fills in for tomorrow 09:30; ``ask`` names companies and groups."""
    values: dict[str, str | Sequence[str]] = {
        "patient_name": "Jonah Pike",
        "patient_contact": "+1 555 0199",
        "provider": str(world.clinic.users["provider"]),
        "date": str(TOMORROW),
        "start_time": "09:30",
        "duration": "45",
        "visit_type": "video",
        "reason": "New patient",
        "language": "ase" if ask else "",
        "interpreter": list(world.draft(ask=ask).picks),
        "notes": "Cardiology vocabulary." if ask else "",
    }
    return values | changes


def send_form(client: FlaskClient, values: Values, *, page: TestResponse | None = None, **more: str) -> TestResponse:
    """Open the form (or take the page at hand), fill it in and press Create Visit."""
    page = page or client.get("/visits/new")
    hidden = {name: value for name, value in values_of(page, field="patient_name").items() if name not in FORM_FIELDS}
    data: dict[str, str | Sequence[str]] = {**hidden, **values, **more}
    return client.post(str(form_of(page, field="patient_name")["action"]), data=data)


def preview(client: FlaskClient, values: Values) -> TestResponse:
    """The preview of a form that is right."""
    answer = send_form(client, values)
    assert answer.status_code == 200, words(answer)
    assert is_preview(answer), words(answer)
    return answer


def is_preview(page: TestResponse) -> bool:
    """Whether the page can be confirmed."""
    return soup_of(page).find("input", attrs={"name": "preview"}) is not None


def is_form(page: TestResponse) -> bool:
    """Whether the page is the visit form itself, to be filled in."""
    return soup_of(page).find("input", attrs={"name": "patient_name", "type": "text"}) is not None


def confirm(client: FlaskClient, page: TestResponse, **tampered: str | Sequence[str]) -> TestResponse:
    """Press Confirm on a preview, with some of its hidden fields changed if asked."""
    data: dict[str, str | Sequence[str]] = dict(values_of(page, field="preview")) | tampered
    return client.post(str(form_of(page, field="preview")["action"]), data=data)


def back(client: FlaskClient, page: TestResponse) -> TestResponse:
    """Press Back on a preview."""
    button = form_of(page, field="preview").find("button", attrs={"name": "do", "value": "back"})
    assert button is not None
    return client.post(str(button["formaction"]), data=values_of(page, field="preview") | {"do": ["back"]})


def kept(page: TestResponse) -> dict[str, str | list[str]]:
    """What the form holds, in the shape of ``filled``."""
    held = values_of(page, field="patient_name")
    return {name: held.get(name, []) if name == "interpreter" else held.get(name, [""])[0] for name in FORM_FIELDS}
