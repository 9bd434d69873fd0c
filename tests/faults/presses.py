"""Buttons that somebody is about to press, with everything before them done: what faults are tried on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.states import Role
from tests.actions.companies import GONE, OLD, save
from tests.web import booking, changing
from tests.web.checks import csrf_of, dump, form_of, soup_of, values_of
from tests.world import World

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Press:
    """A button: in whose browser, where it leads, what it sends. ``typed``: the form holds something typed."""

    client: FlaskClient
    path: str
    values: Values
    typed: bool = True

    def go(self) -> TestResponse:
        return self.client.post(self.path, data=self.values)

    def go_on(self, answer: TestResponse) -> TestResponse:
        """Press once more: the button of the page that said why not, which has kept what was typed."""
        if not self.typed:
            return self.go()
        [form] = soup_of(answer).select("main form")
        kept = values_of(answer, field=next(name for name in self.values if name != "csrf_token"))
        assert kept == {name: _as_read(value) for name, value in self.values.items() if value}
        return self.client.post(str(form["action"]), data=kept)


def _as_read(values: Sequence[str]) -> list[str]:
    """As a browser reads them in a page's source."""
    return [value.replace("\r\n", "\n") for value in values]


def rows(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the database holds but when somebody was last seen."""
    found = dump(world)
    found.pop("user_session")
    return found


def create(world: World) -> Press:
    client = world.login()
    page = booking.preview(client, booking.filled(world, ask=["ASL daytime"]))
    return Press(client, "/visits", values_of(page, field="preview"))


def create_series(world: World) -> Press:
    """A year of visits, with all that can be written about them."""
    client, long = world.login(), "Cardiology vocabulary. " * 40
    repeats = {"repeat": "weekly", "ends": "count", "repeat_count": "52"}
    page = booking.preview(client, booking.filled(world, ask=["ASL daytime"], notes=long, **repeats))
    return Press(client, "/visits", values_of(page, field="preview"))


def _change(world: World, kind: str, **changes: str) -> Press:
    visit = changing.accepted(world)
    client = world.login()
    page = changing.preview(client, visit, kind, **changes)
    return Press(client, str(form_of(page, field="promise")["action"]), values_of(page, field="promise"))


def edit(world: World) -> Press:
    return _change(world, "edit", start_time="11:00")


def ask_again(world: World) -> Press:
    return _change(world, "ask")


def cancel(world: World) -> Press:
    visit = changing.accepted(world)
    client = world.login()
    page = changing.open_change(client, visit, "cancel", "?reach=this")
    values = values_of(page, field="promise") | {"reason": ["The patient is well again."]}
    return Press(client, str(form_of(page, field="promise")["action"]), values)


def _answer(world: World, word: str, *, ask: Sequence[str]) -> Press:
    world.book(ask=ask)
    world.tick()
    mail = world.open_mail(to="Clearsign")
    page = mail.open(word)
    world.now += timedelta(seconds=3)
    values = values_of(page, field="nonce") | {"responder": ["T. Boyle"], "answer": [word]}
    return Press(world.vendor, mail.link(word), values)


def accept(world: World) -> Press:
    return _answer(world, "accept", ask=["Clearsign", "Northlight"])


def decline(world: World) -> Press:
    return _answer(world, "decline", ask=["Clearsign"])


def reason(world: World) -> Press:
    world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    page = world.open_mail(to="Clearsign").press("Decline")
    return Press(world.vendor, str(form_of(page, field="reason")["action"]), {"reason": ["All of us are booked."]})


def company(world: World) -> Press:
    world.book(ask=["Clearsign"])
    client, path = world.login(Role.ADMIN), f"/admin/companies/{world.clinic.companies['Clearsign']}"
    values = values_of(client.get(path), field="phone")
    return Press(client, path, values | {"phone": ["+1 555 0177"], "addresses": [f"{OLD}\r\nnew@clearsign.example"]})


def settings(world: World) -> Press:
    changing.accepted(world)
    client = world.login(Role.ADMIN)
    values = values_of(client.get("/admin/settings"), field="contact_phone")
    return Press(client, "/admin/settings", values | {"contact_phone": ["+1 555 0143"]})


def invite(world: World) -> Press:
    client = world.login(Role.ADMIN)
    values = values_of(client.get("/admin/users/new"), field="email")
    new = {"name": ["Robin Castellanos"], "email": ["robin@demo.example"], "role": ["scheduler"]}
    return Press(client, "/admin/users/new", values | new)


def send_again(world: World) -> Press:
    visit = changing.accepted(world)
    world.post.replies[OLD] = GONE
    changing.cancel(world.login(), visit)
    world.tick()
    world.post.replies.clear()
    save(world, again=(OLD,))
    client = world.login(Role.ADMIN)
    page = client.get("/admin/mail")
    [form] = [form for form in soup_of(page).select("main form") if str(form["action"]).endswith("/again")]
    return Press(client, str(form["action"]), {"csrf_token": [csrf_of(page)]}, typed=False)


PRESSES: tuple[Callable[[World], Press], ...] = (
    create, edit, ask_again, cancel, accept, decline, reason, company, settings, invite, send_again,
)  # fmt: skip

FEW = (create, edit, accept, company)
