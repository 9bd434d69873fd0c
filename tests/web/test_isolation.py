"""Who gets where: every address of both apps with every method, as everybody, for things of one's own and of others.

What is allowed stands in one table, tests/web/routes.py. Whatever is refused changes no row, and no answer holds
anything of another clinic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.access import ACCESS, DISPLAY, DRAFTS, PUBLIC
from shared.states import Role
from tests.web.checks import csrf_of, holds_none, rows_of
from tests.web.clinics import Things, TwoClinics
from tests.web.displays import link_on, make, open_link
from tests.web.routes import (
    GET,
    LINKS,
    METHODS,
    PORTAL,
    POST,
    VENDOR,
    Address,
    Row,
    addresses,
    endpoint_at,
    path_of,
)
from tests.world import World, hidden


@dataclass
class Caller:
    """Somebody at a browser: a role of Riverside's, or nobody in particular."""

    world: World
    role: Role | None
    client: FlaskClient
    csrf: str

    def call(self, path: str, method: str, *, to_the_end: bool = False, fragment: bool = False) -> TestResponse:
        """Send a request with no field but the CSRF token, as a page of one's own would carry it."""
        headers = {"HX-Request": "true"} if fragment else {}
        data = None if method in {GET, "HEAD", "OPTIONS"} else {"csrf_token": self.csrf}
        return self.client.open(
            path, method=method, data=data, headers=headers, buffered=True, follow_redirects=to_the_end
        )


def caller(world: World, role: Role | None) -> Caller:
    """A browser that is logged in, or not."""
    client = world.login(role) if role else world.portal.test_client()
    return Caller(world, role, client, csrf_of(client.get("/account" if role else "/login")))


LOGGING_IN = frozenset({"auth.submit_login", "second_step.check", "second_step.finish"})
"""Without a token they show the login page again, or lead on whoever is logged in by now."""


# ---- the table itself


@pytest.mark.parametrize("name", ["portal", "vendor_portal"])
def test_every_endpoint_has_a_row_and_no_row_is_stale(clinics: TwoClinics, name: str) -> None:
    app, table = the_app(clinics.world, name)
    existing: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        existing.setdefault(rule.endpoint, set()).update((rule.methods or set()) - {"HEAD", "OPTIONS"})

    assert {endpoint: {row.method} for endpoint, row in table.items()} == existing, "see tests/web/routes.py"


def test_the_portal_lets_in_whom_the_table_says() -> None:
    assert {endpoint for endpoint, row in PORTAL.items() if row.is_public} == PUBLIC | DISPLAY
    assert {endpoint: row.who for endpoint, row in PORTAL.items() if not row.is_public} == ACCESS


# ---- the portal


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the walk: whose things it asks for, and the row of what answers it (None: the method is not
    taken)."""

    address: Address
    method: str
    whose: str
    path: str
    endpoint: str | None
    row: Row | None

    def expected(self, role: Role | None) -> set[int]:
        """The statuses that are right for somebody."""
        if self.row is None:
            return {405}
        if not self.row.is_public and role is None:
            return {401} if self.endpoint in DRAFTS and self.method == POST else {303}
        if not self.row.is_public and role not in self.row.who:
            return {403}
        if self.method == "OPTIONS":
            return {self.row.options}
        if self.whose != "mine":
            return {404}
        return {self.row.logged_in if role else self.row.status}

    def is_refused(self, role: Role | None) -> bool:
        """Whether nothing may come of it."""
        return self.method == "OPTIONS" or self.whose != "mine" or self.row is None or not self.is_open_to(role)

    def is_open_to(self, role: Role | None) -> bool:
        """Whether it needs no login, or theirs will do."""
        return self.row is not None and (self.row.is_public or role in self.row.who)


def calls(app: Flask, table: Mapping[str, Row], address: Address, things: Things, whose: str) -> Iterator[Call]:
    """The address with every method that its endpoint answers there, or that nobody does."""
    path = path_of(app, address, things)
    for method in METHODS:
        endpoint = endpoint_at(app, path, method)
        if endpoint in {None, address.endpoint}:
            yield Call(address, method, whose, path, endpoint, table[endpoint] if endpoint else None)


def the_app(world: World, name: str) -> tuple[Flask, Mapping[str, Row]]:
    return (world.portal, PORTAL) if name == "portal" else (world.vendor_portal, VENDOR)


@pytest.mark.parametrize("role", [None, *Role])
def test_whatever_is_refused_changes_nothing_and_shows_nothing_of_others(
    clinics: TwoClinics, role: Role | None
) -> None:
    who = caller(clinics.world, role)
    before = rows_of(clinics.world)
    for address in addresses(clinics.world.portal, PORTAL):
        tried = [call for call in all_calls(clinics, address, role) if call.is_refused(role)]
        assert len(tried) >= 4, address
        for call in tried:
            answer = who.call(call.path, call.method, to_the_end=404 in call.expected(role))
            assert answer.status_code in call.expected(role), call
            assert answer.status_code != 403 or call.method == "HEAD" or "Not yours to see" in answer.text, call
            holds_none(answer, hidden_from(clinics, role))
        assert rows_of(clinics.world) == before, address


@pytest.mark.parametrize("role", [None, *Role])
def test_a_form_without_its_token_is_refused_by_every_route_and_changes_nothing(
    clinics: TwoClinics, role: Role | None
) -> None:
    client = caller(clinics.world, role).client
    before, tried = rows_of(clinics.world), 0
    for address in addresses(clinics.world.portal, PORTAL):
        for call in calls(clinics.world.portal, PORTAL, address, clinics.mine, "mine"):
            if call.method != POST or not call.is_open_to(role):
                continue
            answer = client.post(call.path, buffered=True)
            if call.endpoint in LOGGING_IN and role:
                assert (answer.status_code, answer.location) == (303, "/"), call
            else:
                said = "This page was out of date" if call.endpoint in LOGGING_IN else "Its security token does not"
                assert answer.status_code == 400, call
                assert said in answer.text, call
            assert rows_of(clinics.world) == before, call
            tried += 1
    assert tried >= (6 if role is None else 12)


@pytest.mark.parametrize("role", [None, *Role])
def test_looking_changes_nothing(clinics: TwoClinics, role: Role | None) -> None:
    who = caller(clinics.world, role)
    link = link_on(make(clinics.world.login(Role.ADMIN), f"Screen for {role}"))
    assert open_link(who.client, link).status_code == 303
    before, tried = rows_of(clinics.world), 0
    for address in addresses(clinics.world.portal, PORTAL):
        for call in calls(clinics.world.portal, PORTAL, address, clinics.mine, "mine"):
            if call.method not in {GET, "HEAD"} or not call.is_open_to(role):
                continue
            for fragment in (False, True):
                answer = who.call(call.path, call.method, fragment=fragment)
                assert answer.status_code < 500, call
                tried += 1
        assert rows_of(clinics.world) == before, address
    assert tried > 40


@pytest.mark.parametrize("role", [None, *Role])
def test_whoever_may_call_a_route_is_answered_by_it_and_sees_nothing_of_others(
    clinics: TwoClinics, role: Role | None
) -> None:
    who = caller(clinics.world, role)
    for address in addresses(clinics.world.portal, PORTAL):
        for call in all_calls(clinics, address, role):
            if call.row is None or call.is_refused(role):
                continue
            answer = who.call(call.path, call.method)
            assert answer.status_code in call.expected(role), call
            holds_none(answer, hidden_from(clinics, role))
            if call.row.ends_login:
                who = caller(clinics.world, role)


@pytest.mark.parametrize("role", list(Role))
def test_a_fragment_of_somebody_elses_is_not_found_either(clinics: TwoClinics, role: Role) -> None:
    who = caller(clinics.world, role)
    before = rows_of(clinics.world)
    for address in addresses(clinics.world.portal, PORTAL):
        for call in all_calls(clinics, address, role):
            if call.whose != "mine" and call.method in {GET, POST} and call.is_open_to(role):
                answer = who.call(call.path, call.method, fragment=True)
                assert answer.status_code == 404, call
                holds_none(answer, hidden_from(clinics, role))
    assert rows_of(clinics.world) == before


def all_calls(clinics: TwoClinics, address: Address, role: Role | None) -> list[Call]:
    """The address with every method, for Riverside's things, Harbor's, and for a provider a colleague's. What links
    open, they open for whoever has them: see below."""
    whoses = ["mine"]
    if address.is_owned and not address.link:
        whoses.append("theirs")
        whoses += ["colleagues"] if role is Role.PROVIDER and "visit_id" in address.names else []
    app = clinics.world.portal
    return [call for whose in whoses for call in calls(app, PORTAL, address, getattr(clinics, whose), whose)]


def hidden_from(clinics: TwoClinics, role: Role | None) -> frozenset[str]:
    """What somebody of Riverside never sees; a provider sees nothing of a colleague's visits either."""
    return clinics.only_theirs | (clinics.only_colleagues if role is Role.PROVIDER else frozenset())


# ---- links, which need no login: the vendor portal's, and those to choose a password


@pytest.mark.parametrize("name", ["portal", "vendor_portal"])
def test_a_link_of_another_kind_or_a_forged_one_opens_nothing_with_any_method(clinics: TwoClinics, name: str) -> None:
    app, table = the_app(clinics.world, name)
    client = app.test_client()
    before, tried = rows_of(clinics.world), 0
    for address in addresses(app, table):
        for token in wrong_links(clinics, address.link):
            things = clinics.mine | {address.link: token}
            for call in calls(app, table, address, things, "theirs"):
                data = {"csrf_token": csrf_of(client.get("/login"))} if name == "portal" else None
                answer = client.open(call.path, method=call.method, data=data, follow_redirects=True, buffered=True)
                assert answer.status_code == 405 if call.row is None else answer.status_code in {200, 410}, call
                assert answer.status_code == 410 or call.method in {"OPTIONS"} or call.row is None, call
                holds_none(answer, clinics.only_mine | clinics.only_theirs)
                tried += 1
    assert tried > 50
    assert rows_of(clinics.world) == before


def wrong_links(clinics: TwoClinics, right: str) -> list[str]:
    """Links that are good elsewhere, and the right one with another signature, or without one."""
    if not right:
        return []
    same_kind = {"invite", "declined"} if right in {"invite", "declined"} else {right}
    others = [clinics.mine[kind] for kind in sorted(LINKS - same_kind)]
    public_id, _, signature = clinics.mine[right].partition(".")
    theirs = clinics.theirs[right].partition(".")[2]
    return [*others, f"{public_id}.{signature[:-2]}AA", f"{public_id}.{theirs}", public_id, f"{public_id}."]


@pytest.mark.parametrize("whose", ["mine", "theirs"])
@pytest.mark.parametrize("name", ["portal", "vendor_portal"])
def test_a_link_shows_its_own_clinic_and_nothing_of_another(clinics: TwoClinics, name: str, whose: str) -> None:
    app, table = the_app(clinics.world, name)
    client = app.test_client()
    hidden = clinics.only_theirs if whose == "mine" else clinics.only_mine
    tried = 0
    for address in addresses(app, table):
        for call in calls(app, table, address, getattr(clinics, whose), whose):
            if call.row is None or not call.row.is_public or not (address.link or name == "vendor_portal"):
                continue
            data = {"csrf_token": csrf_of(client.get("/login"))} if name == "portal" else None
            answer = client.open(call.path, method=call.method, data=data, buffered=True)
            assert answer.status_code == (200 if call.method == "OPTIONS" else call.row.status), call
            holds_none(answer, hidden)
            tried += 1
    assert tried >= 4


def test_a_companys_page_shows_nothing_of_another_company_that_was_asked(clinics: TwoClinics) -> None:
    mine, other = (clinics.world.vendor.get(f"/r/{clinics.mine[kind]}/accept") for kind in ("invite", "other_invite"))

    assert "Northlight for Riverside" not in mine.text
    assert "Clearsign for Riverside" not in other.text
    holds_none(other, [clinics.mine["invite"]])


@pytest.mark.parametrize("whose", ["a colleague's invite", "another clinic's invite"])
def test_a_page_of_another_link_answers_no_invite(clinics: TwoClinics, whose: str) -> None:
    world = clinics.world
    from_page = clinics.mine["other_invite"] if whose == "a colleague's invite" else clinics.theirs["invite"]
    nonce = hidden(world.vendor.get(f"/r/{from_page}"), "nonce")
    world.vendor.get(f"/r/{clinics.mine['invite']}")  # so that it is noted as opened
    before = rows_of(world)
    world.pass_time(seconds=3)

    for button in ("accept", "decline"):
        answer = world.vendor.post(
            f"/r/{clinics.mine['invite']}/{button}", data={"responder": "T. Boyle", "answer": button, "nonce": nonce}
        )
        assert answer.status_code == 422
        holds_none(answer, clinics.only_theirs)
    assert rows_of(world) == before
