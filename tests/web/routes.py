"""Every route of both apps and who may call it: one table, which tests/web/test_isolation.py walks.

A new route needs a row in PORTAL or VENDOR, under its endpoint:

    "visits.join": Row(GET, BOOKING, 303),

- the method that its view takes (HEAD and OPTIONS come by themselves; two endpoints may share an address),
- who may call it: ANYBODY (no login), or the roles, as portal/access.py has them,
- the status that whoever may call it gets for things of their own, with a form that holds nothing but the CSRF token.

Its address is filled in with examples by the names of the rule's arguments; ``furnish`` in tests/web/clinics.py makes
them, for Riverside, for a colleague and for Harbor, so that the walk can ask for each other's. Where a route needs
another example than the one that its argument is named for, the row says so: ``user_id="spare_user"``. An argument
that belongs to no clinic (a file's name) stands in NOBODYS instead, and one that is a link in LINKS, too.
``ends_login=True``: it logs its caller out.

What the walk then tries, with every method, as a stranger and as each role: Riverside's things, a colleague's (for
providers), Harbor's; for links, which need no login: links of other kinds, forged ones, Harbor's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.exceptions import MethodNotAllowed

from shared.states import Role
from shared.web import IdConverter

GET, POST = "GET", "POST"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")

ANYBODY: frozenset[Role] = frozenset()
EVERYBODY = frozenset(Role)
BOOKING = EVERYBODY - {Role.STAFF}
ADMINS = frozenset({Role.ADMIN})

NOBODYS: Mapping[str, str] = {"filename": "app.css", "key": "no-such-mail", "room": "a-room", "pressed": "accept"}
"""What stands in addresses and belongs to no clinic."""

LINKS = frozenset({"password", "invite", "declined", "guest"})
"""Examples that are links: they carry authority by themselves, for whoever has them."""


class Row:
    """What one endpoint takes, from whom, and what it answers them. ``logged_in``: those who have a login, if other;
    ``options``: to OPTIONS."""

    def __init__(
        self,
        method: str,
        who: frozenset[Role],
        status: int,
        *,
        logged_in: int = 0,
        options: int = 200,
        ends_login: bool = False,
        **names: str,
    ) -> None:
        self.method, self.who, self.ends_login = method, who, ends_login
        self.status, self.logged_in, self.options = status, logged_in or status, options
        self.names = names
        """Argument of the address → example, where it is called otherwise."""

    @property
    def is_public(self) -> bool:
        """Whether it needs no login."""
        return not self.who


PORTAL: Mapping[str, Row] = {
    "static": Row(GET, ANYBODY, 200),
    "auth.login": Row(GET, ANYBODY, 200, logged_in=303),
    "auth.submit_login": Row(POST, ANYBODY, 422),
    "auth.favicon": Row(GET, ANYBODY, 200),
    "auth.log_out_now": Row(POST, EVERYBODY, 303, ends_login=True),
    "second_step.code": Row(GET, ANYBODY, 401, logged_in=303),
    "second_step.check": Row(POST, ANYBODY, 401, logged_in=303),
    "second_step.set_up": Row(GET, ANYBODY, 401, logged_in=303),
    "second_step.finish": Row(POST, ANYBODY, 401, logged_in=303),
    "passwords.forgot": Row(GET, ANYBODY, 200),
    "passwords.ask": Row(POST, ANYBODY, 422),
    "passwords.asked": Row(GET, ANYBODY, 200),
    "passwords.choose": Row(GET, ANYBODY, 200, token="password"),
    "passwords.set_password": Row(POST, ANYBODY, 422, token="password"),
    "passwords.done": Row(GET, ANYBODY, 200),
    "passwords.account": Row(GET, EVERYBODY, 200),
    "passwords.change": Row(POST, EVERYBODY, 422),
    "account.log_out_elsewhere": Row(POST, EVERYBODY, 422),
    "factors.show": Row(GET, EVERYBODY, 200),
    "factors.begin": Row(POST, EVERYBODY, 400),
    "factors.remove": Row(POST, EVERYBODY, 422),
    "factors.set_up": Row(GET, EVERYBODY, 303),
    "factors.finish": Row(POST, EVERYBODY, 303),
    # A display is nobody: without its cookie its pages show nothing, whoever is logged in.
    "display.enter": Row(GET, ANYBODY, 200),
    "display.open_board": Row(POST, ANYBODY, 422),
    "display.board": Row(GET, ANYBODY, 410, options=410),
    "display.poll": Row(GET, ANYBODY, 410, options=410),
    "probes.healthz": Row(GET, ANYBODY, 200),
    "probes.readyz": Row(GET, ANYBODY, 200),
    "dev.mailbox": Row(GET, ANYBODY, 200),
    "dev.show_mail": Row(GET, ANYBODY, 404),
    "schedule.dashboard": Row(GET, EVERYBODY, 200),
    "schedule.calendar": Row(GET, EVERYBODY, 200),
    "search.show": Row(GET, EVERYBODY, 200),
    "search.find": Row(POST, EVERYBODY, 303),
    "board.show": Row(GET, EVERYBODY, 200),
    "live.poll": Row(GET, EVERYBODY, 303),
    "visits.show": Row(GET, EVERYBODY, 200),
    "visits.show_interpreter": Row(GET, EVERYBODY, 303),
    "visits.join": Row(GET, BOOKING, 303),
    "visits.new": Row(GET, BOOKING, 200),
    "visits.interpreters": Row(GET, BOOKING, 303),
    "visits.preview": Row(POST, BOOKING, 422),
    "visits.create": Row(POST, BOOKING, 422),
    "changes.edit": Row(GET, BOOKING, 200),
    "changes.preview_edit": Row(POST, BOOKING, 422),
    "changes.confirm_edit": Row(POST, BOOKING, 422),
    "changes.ask": Row(GET, BOOKING, 200),
    "changes.preview_ask": Row(POST, BOOKING, 409),
    "changes.confirm_ask": Row(POST, BOOKING, 422),
    "changes.interpreters": Row(GET, BOOKING, 303),
    "changes.cancel": Row(GET, BOOKING, 200),
    "changes.confirm_cancel": Row(POST, BOOKING, 422),
    "settings.show": Row(GET, ADMINS, 200),
    "settings.save": Row(POST, ADMINS, 422),
    "languages.index": Row(GET, ADMINS, 200),
    "languages.add": Row(POST, ADMINS, 404),
    "languages.show": Row(GET, ADMINS, 200),
    "languages.save": Row(POST, ADMINS, 422),
    "languages.remove": Row(POST, ADMINS, 303),
    "companies.index": Row(GET, ADMINS, 200),
    "companies.new": Row(GET, ADMINS, 200),
    "companies.add": Row(POST, ADMINS, 422),
    "companies.show": Row(GET, ADMINS, 200),
    "companies.save": Row(POST, ADMINS, 422),
    "companies.accredit": Row(POST, ADMINS, 303, company_id="suspended_company"),
    "companies.suspend": Row(POST, ADMINS, 303),
    "groups.index": Row(GET, ADMINS, 200),
    "groups.new": Row(GET, ADMINS, 200),
    "groups.add": Row(POST, ADMINS, 422),
    "groups.show": Row(GET, ADMINS, 200),
    "groups.save": Row(POST, ADMINS, 422),
    "groups.remove": Row(POST, ADMINS, 303, group_id="spare_group"),
    "users.index": Row(GET, ADMINS, 200),
    "users.new": Row(GET, ADMINS, 200),
    "users.invite": Row(POST, ADMINS, 422),
    "users.edit": Row(GET, ADMINS, 200),
    "users.save": Row(POST, ADMINS, 422),
    "users.confirm_deactivation": Row(GET, ADMINS, 200),
    "users.deactivate": Row(POST, ADMINS, 303, user_id="spare_user"),
    "users.reactivate": Row(POST, ADMINS, 303, user_id="gone_user"),
    "users.send_link": Row(POST, ADMINS, 303),
    "users.log_out": Row(POST, ADMINS, 303, user_id="spare_user"),
    "users.reset_second_factor": Row(POST, ADMINS, 303, user_id="spare_user"),
    "displays.index": Row(GET, ADMINS, 200),
    "displays.add": Row(POST, ADMINS, 422),
    "displays.revoke": Row(POST, ADMINS, 303),
    "lost_mail.index": Row(GET, ADMINS, 200),
    "lost_mail.send_again": Row(POST, ADMINS, 303),
    "patients.show": Row(GET, ADMINS, 200),
    "patients.find": Row(POST, ADMINS, 422),
    "patients.held": Row(POST, ADMINS, 422),
    "patients.download": Row(POST, ADMINS, 422),
    "patients.preview": Row(POST, ADMINS, 422),
    "patients.question": Row(POST, ADMINS, 409),
    "patients.erase": Row(POST, ADMINS, 409),
    "trail.index": Row(GET, ADMINS, 200),
    "trail.download": Row(POST, ADMINS, 200),
    "trail.download_visit": Row(POST, ADMINS, 200),
}

VENDOR: Mapping[str, Row] = {
    "static": Row(GET, ANYBODY, 200),
    "respond.show": Row(GET, ANYBODY, 200, token="invite"),
    "respond.answer": Row(POST, ANYBODY, 422, token="invite"),
    "respond.show_reason": Row(GET, ANYBODY, 303, token="declined"),
    "respond.reason": Row(POST, ANYBODY, 422, token="declined"),
    "meet.show": Row(GET, ANYBODY, 200, token="guest"),
    "meet.join": Row(GET, ANYBODY, 303, token="guest"),
    "meet.conference_mapper": Row(GET, ANYBODY, 404),
    "meet.favicon": Row(GET, ANYBODY, 200),
    "probes.healthz": Row(GET, ANYBODY, 200),
    "probes.readyz": Row(GET, ANYBODY, 200),
    "dev.show_room": Row(GET, ANYBODY, 200),
}


@dataclass(frozen=True, slots=True)
class Address:
    """One address of an app: its URL rule and the names of the examples that fill it."""

    rule: str
    endpoint: str
    names: Mapping[str, str]

    @property
    def is_owned(self) -> bool:
        """Whether it names something of a clinic's."""
        return any(name not in NOBODYS for name in self.names.values())

    @property
    def link(self) -> str:
        """The example that is a link; empty if none is."""
        return next((name for name in self.names.values() if name in LINKS), "")


def addresses(app: Flask, table: Mapping[str, Row]) -> Iterator[Address]:
    """Every address of every endpoint: an endpoint may have several, an address several endpoints."""
    for rule in app.url_map.iter_rules():
        names = {name: table[rule.endpoint].names.get(name, name) for name in sorted(rule.arguments)}
        yield Address(rule.rule, rule.endpoint, names)


def path_of(app: Flask, address: Address, things: Mapping[str, Any]) -> str:
    """The address filled in with somebody's things."""
    found = {**NOBODYS, **things}
    values = {argument: found[name] for argument, name in address.names.items()}
    return app.url_map.bind("portal.test").build(address.endpoint, values)


def endpoint_at(app: Flask, path: str, method: str) -> str | None:
    """Which endpoint answers there; None where the method is not taken."""
    try:
        endpoint, _values = app.url_map.bind("portal.test").match(path, method=method)
    except MethodNotAllowed:
        return None
    return str(endpoint)


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint with one method, and an address of it."""

    endpoint: str
    method: str
    path: str
    arguments: frozenset[str]


def routes(app: Flask, **values: Any) -> Iterator[Route]:
    """Every endpoint with every method of its own; ``values`` fill in what stands in addresses, else 1 or x does."""
    address = app.url_map.bind("portal.test")
    for rule in app.url_map.iter_rules():
        samples = {name: 1 if isinstance(kind, IdConverter) else "x" for name, kind in rule._converters.items()}
        wanted = {name: value for name, value in {**samples, **NOBODYS, **values}.items() if name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path = address.build(rule.endpoint, wanted, method=method)
            yield Route(rule.endpoint, method, path, frozenset(rule.arguments))
