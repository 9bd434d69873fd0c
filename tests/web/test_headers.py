"""What every answer of both apps carries, and what no page of theirs holds. As outside development."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import TestResponse

from shared.states import Role
from tests.databases import SqliteTemplate
from tests.web import booking, changing
from tests.web.checks import check_nothing_inline, csrf_of, soup_of
from tests.web.outside import outside_world
from tests.web.routes import routes
from tests.world import World

CSP = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


@pytest.fixture
def outside(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A world outside development."""
    with outside_world(sqlite_template) as world:
        yield world


def check(answer: TestResponse) -> None:
    """The headers of one answer, and its markup if it is a page."""
    where = (answer.request.method, answer.request.path, answer.status_code)
    policy = answer.headers["Content-Security-Policy"]
    assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == CSP, where
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, where
    permissions = answer.headers["Permissions-Policy"].split(", ")
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(permissions), where
    assert all(feature.endswith("=()") for feature in permissions), where
    if not answer.request.path.startswith("/static/"):
        assert answer.headers["Cache-Control"] == "no-store", where
    assert not {"Server", "X-Powered-By", "Access-Control-Allow-Origin"} & set(answer.headers.keys()), where
    if answer.mimetype == "text/html" and answer.data:
        for tag in soup_of(answer).find_all(True):
            check_nothing_inline(tag, str(where))
            assert tag.name != "iframe", where


def walk(world: World, role: Role) -> list[TestResponse]:
    """Every page of the portal that somebody of this role can ask for, and what its forms say to nothing at all.

    Whatever other tests see is checked for what is inline as well: tests/web/checks.py.
    """
    visit, client = world.book(ask=["Clearsign"]), world.login(role)
    values = {
        "visit_id": visit,
        "company_id": world.clinic.companies["Clearsign"],
        "group_id": world.clinic.groups["ASL daytime"],
        "user_id": world.clinic.users["staff"],
    }
    token = csrf_of(client.get("/"))
    harmless = [route for route in routes(world.portal, **values) if route.endpoint != "auth.log_out_now"]
    found = [client.get(route.path) for route in harmless if route.method == "GET"]
    found += [client.get(route.path, headers={"HX-Request": "true"}) for route in harmless if route.method == "GET"]
    found += [booking.preview(client, booking.filled(world, ask=["Lumen"], start_time="13:00"))]
    found += [changing.preview(client, visit, "edit", notes="Cardiology"), changing.preview(client, visit, "ask")]
    found += [
        client.post(route.path, data={"csrf_token": token} if known else {})
        for route in harmless
        if route.method == "POST"
        for known in (False, True)
    ]
    return found


def walk_vendor(world: World) -> list[TestResponse]:
    """Every page of a company: open, answered, won, assigned elsewhere, closed, the lobby, and wrong links."""
    world.book(ask=["Clearsign", "Northlight", "Bridgeway"])
    world.tick()
    opened = {name: world.open_mail(to=name) for name in ("Clearsign", "Northlight", "Bridgeway")}
    found = [world.vendor.open(route.path, method=route.method) for route in routes(world.vendor_portal)]
    found += [opened["Clearsign"].open(), opened["Clearsign"].open("decline"), opened["Northlight"].press("Decline")]
    found += [world.vendor.post(opened["Clearsign"].link("accept"), data={}), opened["Clearsign"].press("Accept")]
    world.tick()
    meet = world.open_mail(to="Clearsign").link("meet")
    found += [opened["Bridgeway"].open(), world.vendor.get(meet), world.vendor.get(f"{meet}/join")]
    return [*found, world.vendor.get("/"), world.vendor.options("/r/x.y"), world.vendor.get("/favicon.ico")]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PROVIDER])
def test_every_page_of_the_portal_is_hardened_and_holds_nothing_inline_or_from_elsewhere(
    outside: World, role: Role
) -> None:
    answers = walk(outside, role)

    assert {answer.status_code for answer in answers} >= {200, 400, 404 if role is Role.ADMIN else 403}
    assert sum(answer.mimetype == "text/html" and answer.status_code == 200 for answer in answers) > 20
    for answer in answers:
        check(answer)


def test_a_stranger_sees_nothing_less_hardened(outside: World) -> None:
    client = outside.portal.test_client()
    for route in routes(outside.portal):
        check(client.open(route.path, method=route.method))


def test_every_page_of_the_vendor_portal_is_hardened_and_holds_nothing_inline_or_from_elsewhere(outside: World) -> None:
    answers = walk_vendor(outside)

    assert {answer.status_code for answer in answers} >= {200, 303, 404, 409, 410, 422}
    for answer in answers:
        check(answer)
        assert "Set-Cookie" not in answer.headers


ERRORS: dict[int, Callable[[], Exception]] = {
    429: TooManyRequests,
    500: ZeroDivisionError,
    503: lambda: OperationalError("select", {}, Exception("away")),
}


def raising(error: Callable[[], Exception]) -> Callable[..., None]:
    """A view that raises."""

    def view(**_arguments: object) -> None:
        raise error()

    return view


@pytest.mark.parametrize(("app", "endpoint"), [("portal", "auth.login"), ("vendor_portal", "respond.show")])
def test_every_page_about_an_error_is_hardened_too(
    outside: World, monkeypatch: pytest.MonkeyPatch, app: str, endpoint: str
) -> None:
    outside.book(ask=["Clearsign"])
    outside.tick()
    path = "/login" if app == "portal" else outside.open_mail(to="Clearsign").link("accept")
    flask: Flask = getattr(outside, app)
    client, large = flask.test_client(), b"x=" + b"y" * 300_000
    kind = "application/x-www-form-urlencoded"
    answers = [client.get(path, base_url="https://elsewhere.test"), client.get("/no/such/page"), client.put(path)]
    answers += [client.post(path, data=large, content_type=kind)]
    for error in ERRORS.values():
        monkeypatch.setitem(flask.view_functions, endpoint, raising(error))
        answers.append(client.get(path))

    assert [answer.status_code for answer in answers] == [400, 404, 405, 413, *ERRORS]
    for answer in answers:
        check(answer)
        assert answer.mimetype == "text/html"


def test_the_development_mailbox_alone_may_frame_and_only_itself(shared_world: World) -> None:
    policy = shared_world.portal.test_client().get("/dev/mailbox").headers["Content-Security-Policy"]
    assert policy.endswith("; frame-src 'self'")

    assert "frame-src" not in shared_world.portal.test_client().get("/login").headers["Content-Security-Policy"]


def test_without_https_nothing_is_said_about_it(shared_world: World) -> None:
    for client in (shared_world.portal.test_client(), shared_world.vendor):
        assert "Strict-Transport-Security" not in client.get("/").headers


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='color:red'>x</p>",
        "<style>p {}</style>",
        "<script>go()</script>",
        "<p onclick='go()'>x</p>",
        "<p hx-on:click='go()'>x</p>",
        "<a href='javascript:go()'>x</a>",
        "<script src='https://cdn.example/x.js'></script>",
        "<link rel='stylesheet' href='//cdn.example/x.css'>",
        "<img src='https://cdn.example/x.png' alt='x'>",
        "<form action='https://elsewhere.example/'></form>",
        "<iframe src='/x' title='x'></iframe>",
        "<p hx-get='https://elsewhere.example/'>x</p>",
    ],
)
def test_the_walk_would_see_a_page_that_is_not_so(outside: World, monkeypatch: pytest.MonkeyPatch, markup: str) -> None:
    page = (
        f"<!doctype html><html lang=en><head><title>x</title></head><body><main><h1>x</h1>{markup}</main></body></html>"
    )
    monkeypatch.setitem(outside.vendor_portal.view_functions, "respond.show", lambda **_arguments: page)

    with pytest.raises(AssertionError, match=r"/r/x\.y"):
        check(outside.vendor_portal.test_client().get("/r/x.y"))
