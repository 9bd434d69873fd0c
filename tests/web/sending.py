"""What browsers send: every form of every page as it is rendered, filled in so that it would be taken.

FORMS has a way to each endpoint that reads a form or an address with a query: a page, the form on it that goes there,
and what a person fills in. A new one needs its line; tests/web/test_form_fields.py says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bs4 import Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from shared.models import Clinic
from shared.states import Role
from tests.web.checks import field_values, soup_of, words
from tests.web.clinics import Things
from tests.web.factors import phone_on
from tests.world import PASSWORD, TOMORROW, World

Values = dict[str, list[str]]

NEW_PASSWORD = "quiet river under stone"


@dataclass(frozen=True, slots=True)
class Sending:
    """One request as a page's form would send it, from a browser that may."""

    client: FlaskClient
    endpoint: str
    method: str
    path: str
    values: Values
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, **changes: str | Sequence[str] | None) -> TestResponse:
        """Send it with some fields changed; None leaves a field out."""
        values: Values = dict(self.values)
        for name, value in changes.items():
            values.pop(name, None)
            if value is not None:
                values[name] = [value] if isinstance(value, str) else list(value)
        if self.method == "GET":
            return self.client.get(self.path, query_string=values, headers=self.headers, buffered=True)
        return self.client.post(self.path, data=values, buffered=True)


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody of a clinic at the portal, with that clinic's things, and a company's browser beside."""

    world: World
    things: Things
    role: Role
    client: FlaskClient
    stranger: FlaskClient = field(repr=False)
    domain: str = "demo"

    def form(self, path: str, endpoint: str, /, **filled: Any) -> Sending:
        """Open a page and fill in the form on it that goes to the endpoint."""
        return form_on(self.client, self.client.get(path), endpoint, **filled)

    def after(self, sending: Sending, endpoint: str, /, **filled: Any) -> Sending:
        """Send a form and fill in the one that the answer shows."""
        return form_on(sending.client, sending.send(), endpoint, **filled)

    def asking(self, path: str, endpoint: str, /, **query: str) -> Sending:
        """An address with a query, as a link of a page asks for it."""
        return Sending(self.client, endpoint, "GET", path, {name: [value] for name, value in query.items()})

    def reloading(self, path: str, endpoint: str, /, **query: str) -> Sending:
        """The same, as HTMX asks for a part of a page."""
        return replace(self.asking(path, endpoint, **query), headers={"HX-Request": "true"})


def at_desk(world: World, things: Things, role: Role, *, domain: str = "demo") -> Desk:
    """Log in as a role of a clinic."""
    return Desk(world, things, role, world.login(role, domain=domain), world.portal.test_client(), domain)


# ---- forms on pages


@dataclass(frozen=True, slots=True)
class Target:
    """Where a part of a page sends a request to, and the names and values it sends."""

    method: str
    path: str
    values: Values


def targets_on(page: TestResponse) -> Iterator[Target]:
    """Every form with each of its buttons, every part that HTMX sends, and every link with a query."""
    here = page.request.path
    soup = soup_of(page)
    for form in soup.find_all("form"):
        values, method = field_values(form), str(form.get("method", "get")).upper()
        action = str(form.get("action") or here)
        buttons = [button for button in soup.find_all("button") if _belongs(button, form)]
        for button in buttons or [form]:
            own = {str(button["name"]): [str(button.get("value", ""))]} if button.get("name") else {}
            path = str(button.get("formaction") or button.get("hx-post") or action)
            yield _target(method, path, {name: list(value) for name, value in values.items()} | own)
    for tag in soup.select("[hx-get]"):
        yield _target("GET", str(tag["hx-get"]), {str(tag["name"]): [""]} if tag.get("name") else {})
    for link in soup.find_all("a", href=True):
        yield _target("GET", str(link["href"]), {})


def endpoint_of(app: Flask, target: Target) -> str:
    """The endpoint that a part of a page goes to; empty for one of another site."""
    try:
        return str(app.url_map.bind("portal.test").match(target.path, method=target.method)[0])
    except HTTPException:
        return ""


def form_on(client: FlaskClient, page: TestResponse, endpoint: str, /, **filled: Any) -> Sending:
    """The page's form that goes to the endpoint, filled in; None leaves a field out."""
    app = client.application
    for target in targets_on(page):
        if target.values and endpoint_of(app, target) == endpoint:
            values = target.values | {name: _listed(value) for name, value in filled.items()}
            values = {name: value for name, value in values.items() if filled.get(name, "") is not None}
            return Sending(client, endpoint, target.method, target.path, values)
    raise AssertionError(f"nothing goes to {endpoint} from {page.request.path} ({page.status_code}): {words(page)}")


def _belongs(button: Tag, form: Tag) -> bool:
    named = button.get("form")
    return named == form.get("id") if named else form in button.parents


def _target(method: str, address: str, values: Values) -> Target:
    parts = urlsplit(address)
    return Target(method, parts.path, parse_qs(parts.query, keep_blank_values=True) | values)


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]


# ---- the way to each form


def _visit(desk: Desk) -> dict[str, Any]:
    """What a person fills in for a series that is asked for."""
    return {
        "patient_name": "Somebody new",
        "patient_contact": "+1 555 0198",
        "provider": desk.things["user_id"],
        "date": TOMORROW,
        "start_time": "15:30",
        "duration": "45",
        "visit_type": "video",
        "reason": "Follow-up",
        "language": "ase",
        "interpreter": [f"company:{desk.things['company_id']}", f"group:{desk.things['group_id']}"],
        "notes": "Cardiology vocabulary.",
        "repeat": "weekly",
        "weekdays": ["1"],
        "ends": "count",
        "repeat_count": "3",
        "do": "preview",
    }


def _visit_path(desk: Desk, kind: str, which: str = "visit_id") -> str:
    return f"/visits/{desk.things[which]}/{kind}"


def _new_visit(desk: Desk) -> Sending:
    return desk.form("/visits/new", "visits.preview", **_visit(desk))


def _edit(desk: Desk) -> Sending:
    path = _visit_path(desk, "edit", "series_visit")
    changes = {"notes": "Other vocabulary.", "reach": "following", "repeat_count": "5", "do": "preview"}
    return desk.form(path, "changes.preview_edit", **changes)


def _ask(desk: Desk) -> Sending:
    picks = [f"company:{desk.things['company_id']}"]
    path = _visit_path(desk, "ask", "series_visit")
    return desk.form(path, "changes.preview_ask", interpreter=picks, notes="Other words.", do="preview")


def _user(desk: Desk) -> Sending:
    """A provider with visits becomes something else, and somebody takes them over."""
    path = f"/admin/users/{desk.things['user_id']}"
    return desk.form(path, "users.save", role="staff", takes_over=desk.things["second_user"])


def _deactivation(desk: Desk) -> Sending:
    path = f"/admin/users/{desk.things['leaving_user']}/deactivate"
    return desk.form(path, "users.deactivate", takes_over=desk.things["second_user"])


def _choose_password(desk: Desk) -> Sending:
    page = desk.stranger.get(f"/password/set/{desk.things['password']}")
    return form_on(desk.stranger, page, "passwords.set_password", password=NEW_PASSWORD, again=NEW_PASSWORD)


def _login(desk: Desk) -> Sending:
    email = f"{desk.role}@demo.example"
    page = desk.stranger.get("/login?next=/board")
    return form_on(desk.stranger, page, "auth.submit_login", email=email, password=PASSWORD)


def _elsewhere(desk: Desk) -> Sending:
    """Another login of the same person, to be ended."""
    desk.world.login(desk.role, domain=desk.domain)
    return desk.form("/account", "account.log_out_elsewhere", current=PASSWORD)


def _half_way(desk: Desk, who: str) -> tuple[FlaskClient, TestResponse]:
    """Somebody's browser after the password, at the page that comes before a session."""
    client = desk.world.portal.test_client()
    password = form_on(client, client.get("/login?next=/board"), "auth.submit_login", password=PASSWORD)
    return client, client.get(password.send(email=desk.things[who]).headers["Location"])


def _code(desk: Desk) -> Sending:
    client, page = _half_way(desk, "keyed_email")
    return form_on(client, page, "second_step.check", code=desk.things["phone"].code(desk.world.now))


def _first_code(desk: Desk) -> Sending:
    """Somebody whose clinic requires a second factor from this login on."""
    clinic_id = desk.things["clinic_id"]
    desk.world.change(Clinic, clinic_id, second_factor_required=True)
    client, page = _half_way(desk, "unkeyed_email")
    desk.world.change(Clinic, clinic_id, second_factor_required=False)
    return form_on(client, page, "second_step.finish", code=phone_on(page).code(desk.world.now))


def _begin_factor(desk: Desk) -> Sending:
    return desk.form("/account/second-factor", "factors.begin", password=PASSWORD, do="set_up")


def _new_factor(desk: Desk) -> Sending:
    page = desk.client.get(_begin_factor(desk).send().headers["Location"])
    return form_on(desk.client, page, "factors.finish", code=phone_on(page).code(desk.world.now))


def _own_factor(desk: Desk) -> Sending:
    """Whoever has a second factor switches it off, half a minute after its last use."""
    desk.world.pass_time(seconds=30)
    code = _code(desk)
    assert code.send().status_code == 303
    page = code.client.get("/account/second-factor")
    return form_on(code.client, page, "factors.remove", password=PASSWORD)


def _screen(desk: Desk) -> Sending:
    screen = desk.world.portal.test_client()
    return form_on(screen, screen.get("/display"), "display.open_board", code=desk.things["display_code"])


def _screen_poll(desk: Desk) -> Sending:
    screen = _screen(desk)
    screen.send()
    seen = f"{desk.things['visit_id']}.p000000"
    return replace(desk.reloading("/display/badges", "display.poll", seen=seen, late="1"), client=screen.client)


def _patient(desk: Desk) -> Sending:
    name = desk.things["patient_name"]
    return desk.form("/admin/patients", "patients.find", name=name, visit=[desk.things["cancelled_visit"]])


def _patients_visits(desk: Desk, endpoint: str) -> Sending:
    return desk.after(_patient(desk), endpoint, visit=[desk.things["cancelled_visit"]])


def _erasure(desk: Desk) -> Sending:
    return desk.after(_patients_visits(desk, "patients.preview"), "patients.question")


def _forgotten(desk: Desk) -> Sending:
    page = desk.stranger.get("/password/forgot")
    return form_on(desk.stranger, page, "passwords.ask", email="nobody@demo.example")


def _answer(desk: Desk) -> Sending:
    vendor = desk.world.vendor_portal.test_client()
    page = vendor.get(f"/r/{desk.things['invite']}/accept")
    desk.world.pass_time(seconds=3)
    return form_on(vendor, page, "respond.answer", responder="T. Boyle")


def _reason(desk: Desk) -> Sending:
    vendor = desk.world.vendor_portal.test_client()
    return form_on(vendor, vendor.get(f"/r/{desk.things['declined']}"), "respond.reason", reason="Nobody is free.")


COMPANY: Mapping[str, Any] = {
    "name": "Habla",
    "phone": "+1 555 0188",
    "addresses": "desk@habla.example",
    "languages": ["ase"],
    "accredited": "y",
}

FORMS: Mapping[str, Callable[[Desk], Sending]] = {
    # the vendor portal
    "respond.answer": _answer,
    "respond.reason": _reason,
    "meet.conference_mapper": lambda desk: replace(
        desk.asking("/conference-mapper", "meet.conference_mapper", id="123456789"),
        client=desk.world.vendor_portal.test_client(),
    ),
    # logging in and passwords
    "auth.login": lambda desk: replace(desk.asking("/login", "auth.login", next="/board"), client=desk.stranger),
    "auth.submit_login": _login,
    "auth.log_out_now": lambda desk: desk.form("/board", "auth.log_out_now"),
    "passwords.ask": _forgotten,
    "passwords.set_password": _choose_password,
    "second_step.code": lambda desk: replace(
        desk.asking("/login/code", "second_step.code", next="/board"), client=_code(desk).client
    ),
    "second_step.check": _code,
    "second_step.set_up": lambda desk: replace(
        desk.asking("/login/second-factor", "second_step.set_up", next="/board"), client=_first_code(desk).client
    ),
    "second_step.finish": _first_code,
    "passwords.account": lambda desk: desk.asking("/account", "passwords.account", news="changed"),
    "account.log_out_elsewhere": _elsewhere,
    "users.reset_second_factor": lambda desk: desk.form(
        f"/admin/users/{desk.things['phoneless_user']}", "users.reset_second_factor"
    ),
    "factors.show": lambda desk: desk.asking("/account/second-factor", "factors.show", news="on"),
    "factors.begin": _begin_factor,
    "factors.finish": _new_factor,
    "factors.remove": _own_factor,
    "passwords.change": lambda desk: desk.form(
        "/account", "passwords.change", old=PASSWORD, password=NEW_PASSWORD, again=NEW_PASSWORD
    ),
    # looking
    "schedule.calendar": lambda desk: desk.asking("/schedule", "schedule.calendar", date=str(TOMORROW), view="week"),
    "search.show": lambda desk: desk.asking(
        "/schedule/search",
        "search.show",
        provider=str(desk.things["user_id"]),
        company=str(desk.things["company_id"]),
        status="pending",
        page="1",
        number="",
        **{"from": "2026-11-01", "to": "2026-12-31"},
    ),
    "search.find": lambda desk: desk.form("/schedule/search", "search.find", patient="somebody", either="", page="1"),
    "display.open_board": _screen,
    "display.poll": _screen_poll,
    "live.poll": lambda desk: desk.reloading(
        "/badges", "live.poll", seen=f"{desk.things['visit_id']}.p000000", late="1"
    ),
    # visits
    "visits.new": lambda desk: desk.asking("/visits/new", "visits.new", date=str(TOMORROW)),
    "visits.interpreters": lambda desk: desk.reloading("/visits/interpreters", "visits.interpreters", language="ase"),
    "visits.preview": _new_visit,
    "visits.create": lambda desk: desk.after(_new_visit(desk), "visits.create"),
    "changes.preview_edit": _edit,
    "changes.confirm_edit": lambda desk: desk.after(_edit(desk), "changes.confirm_edit"),
    "changes.preview_ask": _ask,
    "changes.confirm_ask": lambda desk: desk.after(_ask(desk), "changes.confirm_ask"),
    "changes.interpreters": lambda desk: desk.reloading(
        _visit_path(desk, "interpreters"), "changes.interpreters", language="ase"
    ),
    "changes.cancel": lambda desk: desk.asking(
        _visit_path(desk, "cancel", "series_visit"), "changes.cancel", reach="all"
    ),
    "changes.confirm_cancel": lambda desk: desk.form(
        _visit_path(desk, "cancel", "series_visit"), "changes.confirm_cancel", reason="No longer needed", to=None
    ),
    # administration
    "settings.show": lambda desk: desk.asking("/admin/settings", "settings.show", done="saved"),
    "settings.save": lambda desk: desk.form("/admin/settings", "settings.save", duration="2", unit="hours"),
    "languages.index": lambda desk: desk.asking(
        "/admin/languages", "languages.index", q="swahili", done="ase", news=""
    ),
    "languages.add": lambda desk: desk.form("/admin/languages?q=swahili", "languages.add"),
    "languages.save": lambda desk: desk.form(f"/admin/languages/{desk.things['tag']}", "languages.save", name="Patois"),
    "languages.remove": lambda desk: desk.form(f"/admin/languages/{desk.things['tag']}", "languages.remove"),
    "companies.index": lambda desk: desk.asking(
        "/admin/companies", "companies.index", done=str(desk.things["company_id"])
    ),
    "companies.add": lambda desk: desk.form("/admin/companies/new", "companies.add", **COMPANY),
    "companies.save": lambda desk: desk.form(
        f"/admin/companies/{desk.things['company_id']}", "companies.save", phone="+1 555 0189"
    ),
    "companies.accredit": lambda desk: desk.form(
        f"/admin/companies/{desk.things['suspended_company']}", "companies.accredit"
    ),
    "companies.suspend": lambda desk: desk.form(f"/admin/companies/{desk.things['company_id']}", "companies.suspend"),
    "groups.index": lambda desk: desk.asking(
        "/admin/groups", "groups.index", done=str(desk.things["group_id"]), news="removed"
    ),
    "groups.add": lambda desk: desk.form("/admin/groups/new", "groups.add", name="ASL nights", language="ase"),
    "groups.save": lambda desk: desk.form(
        f"/admin/groups/{desk.things['group_id']}", "groups.save", name="Other", do="save"
    ),
    "groups.remove": lambda desk: desk.form(f"/admin/groups/{desk.things['spare_group']}", "groups.remove"),
    "users.index": lambda desk: desk.asking(
        "/admin/users", "users.index", news="deactivated", left=str(desk.things["user_id"])
    ),
    "users.invite": lambda desk: desk.form(
        "/admin/users/new", "users.invite", name="Ana Ruiz", email="ana@demo.example", role="staff"
    ),
    "users.save": lambda desk: desk.after(_user(desk), "users.save", do=None),
    "users.deactivate": lambda desk: desk.after(_deactivation(desk), "users.deactivate", do=None),
    "users.reactivate": lambda desk: desk.form(f"/admin/users/{desk.things['gone_user']}", "users.reactivate"),
    "users.send_link": lambda desk: desk.form(f"/admin/users/{desk.things['spare_user']}", "users.send_link"),
    "users.log_out": lambda desk: desk.form(f"/admin/users/{desk.things['unkeyed_user']}", "users.log_out"),
    "displays.index": lambda desk: desk.asking("/admin/displays", "displays.index", done="off"),
    "displays.add": lambda desk: desk.form("/admin/displays", "displays.add", name="Waiting room"),
    "displays.revoke": lambda desk: desk.form("/admin/displays", "displays.revoke"),
    "lost_mail.index": lambda desk: desk.asking(
        "/admin/mail", "lost_mail.index", page="1", sent=str(desk.things["mail_id"])
    ),
    "lost_mail.send_again": lambda desk: desk.form("/admin/mail", "lost_mail.send_again"),
    "patients.show": lambda desk: desk.asking("/admin/patients", "patients.show", erased="1"),
    "patients.find": _patient,
    "patients.held": lambda desk: _patients_visits(desk, "patients.held"),
    "patients.download": lambda desk: desk.after(_patients_visits(desk, "patients.held"), "patients.download"),
    "patients.preview": lambda desk: _patients_visits(desk, "patients.preview"),
    "patients.question": _erasure,
    "patients.erase": lambda desk: desk.after(_erasure(desk), "patients.erase", typed="erase 1 visit"),
    "trail.index": lambda desk: desk.asking(
        "/admin/trail", "trail.index", page="1", **{"from": "2026-11-01", "to": "2026-12-31"}
    ),
    "trail.download": lambda desk: desk.form("/admin/trail", "trail.download"),
    "trail.download_visit": lambda desk: desk.form(f"/visits/{desk.things['visit_id']}", "trail.download_visit"),
}
"""Endpoint → the request that would be taken there; one after the other, too."""
