"""Every route of both apps under random and hostile requests: never a 5xx, always a page in the app's own look."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from shared.states import Role
from tests.databases import SqliteTemplate
from tests.web.checks import csrf_of, dump, soup_of
from tests.web.conftest import checked
from tests.web.routes import Route, routes
from tests.world import World, build_world

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
LARGEST = 256 * 1024

fuzz = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

names = st.sampled_from(
    [
        "patient_name", "patient_contact", "provider", "date", "start_time", "duration", "visit_type", "reason",
        "language", "interpreter", "notes", "do", "preview", "author", "next", "draft", "email", "password", "seen",
        "view", "responder", "answer", "nonce", "reason", "id", "pressed", "x", "", "csrf_token",
    ]
)  # fmt: skip
values = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "", "0", "-1", "9" * 400, "1e9", "nan", "2026-11-24", "09:30", "ase", "company:1", "group:1", "accept",
            "decline", "week", "choices", "back", "preview", "\0", "\u202e", "../../etc/passwd", "{{7*7}}", "%s%n",
            "<script>", "//evil.example", "1.p000000", "x" * 3000, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        ]
    ),
)  # fmt: skip
pairs = st.lists(st.tuples(names, values), max_size=12)
raw = st.binary(max_size=200)
content_types = st.sampled_from(
    [
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16",
        "multipart/form-data; boundary=x", "multipart/form-data", "application/json", "text/plain",
        "application/xml", "", "\xe9", "multipart/form-data; boundary=" + "x" * 300,
    ]
)  # fmt: skip
htmx = st.sampled_from([{}, {"HX-Request": "true"}, {"HX-Request": "true", "HX-Boosted": "true"}, {"HX-Request": "x"}])


def looks_right(app: str, answer: TestResponse) -> None:
    """No 5xx; an error is a whole page of the app's own, with its sheet and its words."""
    assert answer.status_code < 500, (answer.request.method, answer.request.path, answer.status_code)
    if answer.status_code < 400 or answer.request.method in {"HEAD", "OPTIONS"}:
        return
    assert answer.mimetype == "text/html", (answer.request.path, answer.mimetype)
    if answer.status_code == 401 and not answer.data:
        assert answer.headers["HX-Redirect"]
        return
    page = soup_of(answer)
    assert page.find("link", rel="stylesheet") is not None
    assert page.find("main") is not None
    assert "Interpreter Dispatch" in page.text or app == "portal"
    assert "Traceback" not in answer.text
    assert "Werkzeug" not in answer.text


def all_routes(app: Flask, **arguments: object) -> list[Route]:
    return [*routes(app, **arguments), Route("", "GET", "/no/such/page", frozenset())]


@pytest.fixture(scope="module")
def clinic(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory):
    """A world to throw things at."""
    folder = tmp_path_factory.mktemp("hostile")
    with sqlite_template.database(folder) as url, build_world(url, folder) as world:
        checked(world)
        visit = world.book(ask=["Clearsign", "Northlight"])
        world.tick()
        yield world, visit


def browser(world: World, *, illegible: bool = True) -> FlaskClient:
    client = world.login(Role.ADMIN)
    client.illegible = illegible  # type: ignore[attr-defined]
    return client


def test_every_route_answers_every_method_with_a_page(clinic: tuple[World, int]) -> None:
    world, visit = clinic
    token = world.open_mail(to="Clearsign").link("accept").split("/")[2]
    apps = {
        "portal": (world.portal, browser(world), {"visit_id": visit}),
        "vendor": (world.vendor_portal, world.vendor, {"token": token}),
    }
    for name, (app, client, arguments) in apps.items():
        for route in all_routes(app, **arguments):
            for method in METHODS:
                if route.endpoint != "auth.log_out_now":
                    answer = client.open(route.path, method=method)
                    looks_right(name, answer)
                    if answer.status_code == 405:
                        assert "Allow" in answer.headers


@fuzz
@given(st.integers(0, 10**6), st.sampled_from(METHODS), pairs, pairs, htmx, st.booleans())
def test_the_portal_survives_junk_in_forms_and_addresses(
    clinic: tuple[World, int], number: int, method: str, form, query, headers, logged_in: bool
) -> None:
    world, visit = clinic
    client = _kept_browser(world) if logged_in else world.portal.test_client()
    client.illegible = True  # type: ignore[attr-defined]
    found = [
        route
        for route in all_routes(world.portal, visit_id=visit)
        if route.endpoint not in {"auth.log_out_now", "auth.submit_login"}
    ]
    route = found[number % len(found)]
    data = _multi([*form, ("csrf_token", _kept_token(world, client))] if logged_in else form)

    answer = client.open(
        route.path,
        method=method,
        query_string=_multi(query),
        headers=headers,
        data=data if method in {"POST", "PUT", "PATCH"} else None,
    )

    looks_right("portal", answer)


@fuzz
@given(st.integers(0, 10**6), st.sampled_from(METHODS), pairs, pairs, htmx)
def test_the_vendor_portal_survives_junk_in_forms_and_addresses(
    clinic: tuple[World, int], number: int, method: str, form, query, headers
) -> None:
    world, _visit = clinic
    world.vendor.illegible = True  # type: ignore[attr-defined]
    token = world.open_mail(to="Clearsign").link("accept").split("/")[2]
    found = all_routes(world.vendor_portal, token=token if number % 3 else "wrong.token")
    route = found[number % len(found)]

    answer = world.vendor.open(
        route.path,
        method=method,
        query_string=_multi(query),
        headers=headers,
        data=_multi(form) if method in {"POST", "PUT", "PATCH"} else None,
    )

    looks_right("vendor", answer)


@fuzz
@given(st.integers(0, 10**6), raw, content_types, raw, st.booleans())
def test_both_apps_survive_bytes_that_are_no_form(
    clinic: tuple[World, int], number: int, body: bytes, content_type: str, query: bytes, portal: bool
) -> None:
    world, visit = clinic
    token = world.open_mail(to="Clearsign").link("accept").split("/")[2]
    app = world.portal if portal else world.vendor_portal
    client = _kept_browser(world) if portal else world.vendor
    client.illegible = True  # type: ignore[attr-defined]
    found = [route for route in all_routes(app, visit_id=visit, token=token) if route.endpoint != "auth.log_out_now"]
    route = found[number % len(found)]

    answer = client.open(
        route.path,
        method="POST" if number % 2 else "GET",
        data=body,
        content_type=content_type,
        environ_overrides={"QUERY_STRING": query.decode("latin-1")},
    )

    looks_right("portal" if portal else "vendor", answer)


@fuzz
@given(
    st.text(max_size=80),
    st.sampled_from(["/visits/", "/r/", "/meet/", "/static/", "/", "/dev/mailbox/"]),
    st.booleans(),
)
def test_both_apps_survive_any_path(clinic: tuple[World, int], tail: str, prefix: str, portal: bool) -> None:
    world, _visit = clinic
    client = _kept_browser(world) if portal else world.vendor

    answer = client.open(environ_overrides={"PATH_INFO": (prefix + tail).encode().decode("latin-1")}, path="/")

    looks_right("portal" if portal else "vendor", answer)


@pytest.mark.parametrize(
    "number", ["0", "9" * 18, "9" * 19, "9" * 30, "9" * 5000, "1.0", "-1", "+1", "1e3", "١", "%31%00"]
)
def test_any_visit_number_is_found_or_not_found(clinic: tuple[World, int], number: str) -> None:
    world, _visit = clinic
    client = _kept_browser(world)

    for path in (f"/visits/{number}", f"/visits/{number}/interpreter", f"/visits/{number}/join"):
        assert client.get(path, headers={"HX-Request": "true"}).status_code in {200, 303, 404}, path


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_is_too_large_is_refused_with_a_page(clinic: tuple[World, int], kind: str) -> None:
    world, _visit = clinic
    token = world.open_mail(to="Clearsign").link("accept")
    body = b"patient_name=" + b"x" * LARGEST
    if kind.startswith("multipart"):
        body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * LARGEST + b"\r\n--x--\r\n"
    before = dump(world)

    for client, paths in (
        (_kept_browser(world), ("/visits/new", "/visits", "/login", "/logout")),
        (world.vendor, (token,)),
    ):
        for path in paths:
            answer = client.post(path, data=body, content_type=kind)
            assert answer.status_code == 413, path
            looks_right("portal", answer)
    for path in ("/visits/new", "/visits"):
        answer = world.portal.test_client().post(path, data=body, content_type=kind)
        assert answer.status_code == 413, path
    assert dump(world) == before


def test_a_form_of_too_many_parts_is_refused_with_a_page(clinic: tuple[World, int]) -> None:
    world, _visit = clinic
    part = b'--x\r\nContent-Disposition: form-data; name="interpreter"\r\n\r\n1\r\n'

    answer = _kept_browser(world).post(
        "/visits/new", data=part * 600 + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code == 413


def test_a_form_of_very_many_fields_is_answered(clinic: tuple[World, int]) -> None:
    world, _visit = clinic
    client = _kept_browser(world)

    answer = client.post("/visits/new", data={"csrf_token": _kept_token(world, client), "interpreter": ["1"] * 15_000})

    assert answer.status_code == 422


def test_an_error_names_no_file_and_no_secret(clinic: tuple[World, int]) -> None:
    world, _visit = clinic
    for app in (world.portal, world.vendor_portal):
        answer = app.test_client().get("/no/such/page")
        assert answer.status_code == 404
        assert str(Path(__file__).parents[2]) not in answer.text
        assert world.settings.secret_keys[0] not in answer.text


_browsers: dict[int, tuple[FlaskClient, str]] = {}


def _kept_browser(world: World) -> FlaskClient:
    """One login for many requests; anew if a request ended it."""
    if id(world) not in _browsers or _browsers[id(world)][0].get("/badges?seen=1.p000000").status_code == 303:
        client = browser(world)
        _browsers[id(world)] = client, csrf_of(client.get("/board"))
    return _browsers[id(world)][0]


def _kept_token(world: World, client: FlaskClient) -> str:
    kept, token = _browsers[id(world)]
    return token if client is kept else csrf_of(client.get("/board"))


def _multi(items: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in items:
        found.setdefault(name, []).append(value.encode("utf-8", "replace").decode())
    return found
