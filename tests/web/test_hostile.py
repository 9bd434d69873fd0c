"""Every route of both apps under random and hostile requests: never a 5xx, always a page in the app's own look."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from portal import create_portal
from shared.settings import Settings, from_environ
from shared.states import Role
from tests.databases import OUTSIDE_DEVELOPMENT, SqliteTemplate, environ_for
from tests.web.checks import csrf_of, dump
from tests.web.routes import Route, routes
from tests.world import World, build_world
from vendor_portal import create_vendor_portal

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
LARGEST = 256 * 1024

fuzz = settings(max_examples=250, deadline=None, derandomize=True)

Pairs = list[tuple[str, str]]


def text(longest: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=longest)


names = st.sampled_from(
    [
        "patient_name", "patient_contact", "provider", "date", "start_time", "duration", "visit_type", "reason",
        "language", "interpreter", "notes", "do", "preview", "author", "next", "draft", "email", "password", "seen",
        "view", "responder", "answer", "nonce", "reason", "id", "pressed", "code", "recovery_code", "key", "x", "",
        "csrf_token",
    ]
)  # fmt: skip
values = st.one_of(
    text(60),
    st.sampled_from(
        [
            "", "0", "-1", "9" * 400, "1e9", "nan", "2026-11-24", "09:30", "ase", "company:1", "group:1", "accept",
            "decline", "week", "choices", "back", "preview", "\0", "\u202e", "../../etc/passwd", "{{7*7}}", "%s%n",
            "<script>", "//evil.example", "1.p000000", "x" * 3000, "\U0001f600",
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
htmx = st.sampled_from(
    [
        {},
        {"HX-Request": "true"},
        {"HX-Request": "true", "HX-Boosted": "true"},
        {"HX-Request": "x"},
        {"HX-Request": "true", "HX-Current-URL": "http://["},
    ]
)


def looks_right(answer: TestResponse) -> None:
    """No 5xx; what is text names its characters; an error is a whole page of the app's own, with its sheet and its
    words."""
    assert answer.status_code < 500, (answer.request.method, answer.request.path, answer.status_code)
    kind = answer.mimetype or ""
    if kind.startswith("text/") or kind.endswith(("/xml", "+xml")):
        assert answer.mimetype_params.get("charset", "").lower() == "utf-8", (answer.request.path, answer.content_type)
    if answer.status_code < 400 or answer.request.method in {"HEAD", "OPTIONS"}:
        return
    if answer.status_code == 401 and not answer.data:
        assert answer.headers["HX-Redirect"].startswith("/login")
        return
    assert answer.mimetype == "text/html", (answer.request.path, answer.mimetype)
    assert answer.text.lower().startswith("<!doctype html>")
    for part in ("<main", 'rel="stylesheet"', "<h1"):
        assert part in answer.text, answer.text
    for trace in ("Traceback", "werkzeug", "Werkzeug"):
        assert trace not in answer.text


def values_by_name(items: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in items:
        found.setdefault(name, []).append(value)
    return found


def all_routes(app: Flask, **arguments: object) -> list[Route]:
    return [*routes(app, **arguments), Route("", "GET", "/no/such/page", frozenset())]


@dataclass
class Target:
    """A world to throw things at, with a browser that is logged in and a link that works."""

    world: World
    visit: int
    token: str
    client: FlaskClient
    csrf: str

    def log_in(self) -> None:
        self.client = self.world.login(Role.ADMIN)
        self.csrf = csrf_of(self.client.get("/board"))


@pytest.fixture(scope="module")
def target(sqlite_template: SqliteTemplate) -> Iterator[Target]:
    with sqlite_template.database() as url, build_world(url) as world:
        visit = world.book(ask=["Clearsign", "Northlight"])
        world.tick()
        found = Target(world, visit, world.open_mail(to="Clearsign").link("accept").split("/")[2], world.vendor, "")
        found.log_in()
        yield found


def test_every_route_answers_every_method_with_a_page(target: Target) -> None:
    world = target.world
    for app, client in ((world.portal, target.client), (world.vendor_portal, world.vendor)):
        for route in all_routes(app, visit_id=target.visit, token=target.token):
            for method in METHODS:
                if route.endpoint != "auth.log_out_now":
                    answer = client.open(route.path, method=method, buffered=True)
                    looks_right(answer)
                    assert answer.status_code != 405 or answer.headers["Allow"]


@fuzz
@given(st.integers(0, 10**6), st.sampled_from(METHODS), pairs, pairs, htmx, st.booleans())
def test_the_portal_survives_junk_in_forms_and_addresses(
    target: Target, number: int, method: str, form: Pairs, query: Pairs, headers: dict[str, str], logged_in: bool
) -> None:
    client = target.client if logged_in else target.world.portal.test_client()
    left_out = {"auth.log_out_now", "auth.submit_login"} if logged_in else set()
    found = [
        route for route in all_routes(target.world.portal, visit_id=target.visit) if route.endpoint not in left_out
    ]

    answer = client.open(
        found[number % len(found)].path,
        method=method,
        query_string=values_by_name(query),
        headers=headers,
        data=values_by_name([*form, ("csrf_token", target.csrf)]) if method in {"POST", "PUT", "PATCH"} else None,
        buffered=True,
    )

    looks_right(answer)


@fuzz
@given(st.integers(0, 10**6), st.sampled_from(METHODS), pairs, pairs, htmx)
def test_the_vendor_portal_survives_junk_in_forms_and_addresses(
    target: Target, number: int, method: str, form: Pairs, query: Pairs, headers: dict[str, str]
) -> None:
    token = target.token if number % 3 else "wrong.token"
    found = all_routes(target.world.vendor_portal, token=token)

    answer = target.world.vendor.open(
        found[number % len(found)].path,
        method=method,
        query_string=values_by_name(query),
        headers=headers,
        data=values_by_name(form) if method in {"POST", "PUT", "PATCH"} else None,
        buffered=True,
    )

    looks_right(answer)


@fuzz
@given(st.integers(0, 10**6), raw, content_types, raw, st.booleans())
def test_both_apps_survive_bytes_that_are_no_form(
    target: Target, number: int, body: bytes, content_type: str, query: bytes, portal: bool
) -> None:
    world = target.world
    app, client = (world.portal, target.client) if portal else (world.vendor_portal, world.vendor)
    found = all_routes(app, visit_id=target.visit, token=target.token)

    answer = client.open(
        found[number % len(found)].path,
        method="POST" if number % 2 else "GET",
        data=body,
        content_type=content_type,
        environ_overrides={"QUERY_STRING": query.decode("latin-1")},
        buffered=True,
    )

    looks_right(answer)


@fuzz
@given(text(80), st.sampled_from(["/visits/", "/r/", "/meet/", "/static/", "/", "/dev/"]), st.booleans())
def test_both_apps_survive_any_path(target: Target, tail: str, prefix: str, portal: bool) -> None:
    client = target.client if portal else target.world.vendor
    path = (prefix + tail).encode("utf-8", "replace").decode("latin-1")

    looks_right(client.get("/", environ_overrides={"PATH_INFO": path}, buffered=True))


@pytest.mark.parametrize(
    "number", ["0", "9" * 18, "9" * 19, "9" * 30, "9" * 5000, "1.0", "-1", "+1", "1e3", "١", "%31%00"]
)
def test_any_visit_number_is_found_or_not_found(target: Target, number: str) -> None:
    for path in (f"/visits/{number}", f"/visits/{number}/interpreter", f"/visits/{number}/join"):
        answer = target.client.get(path, headers={"HX-Request": "true"})
        assert answer.status_code in {200, 303, 404}, path
        looks_right(answer)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_is_too_large_is_refused_with_a_page(target: Target, kind: str) -> None:
    world = target.world
    body = b"patient_name=" + b"x" * LARGEST
    if kind.startswith("multipart"):
        body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * LARGEST + b"\r\n--x--\r\n"
    before = dump(world)
    sent = [(target.client, path) for path in ("/visits/new", "/visits", "/login", "/logout")]
    sent += [(world.portal.test_client(), path) for path in ("/visits/new", "/visits", "/login")]
    sent += [(world.vendor, f"/r/{target.token}{tail}") for tail in ("", "/accept", "/decline", "/reason")]

    for client, path in sent:
        answer = client.post(path, data=body, content_type=kind)
        assert answer.status_code == 413, path
        looks_right(answer)
    assert dump(world) == before


def test_a_form_of_too_many_parts_is_refused_with_a_page(target: Target) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="interpreter"\r\n\r\n1\r\n'

    answer = target.client.post(
        "/visits/new", data=part * 600 + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code == 413
    looks_right(answer)


@pytest.mark.parametrize("end", [b"\r\n--x--\r\n", b""])
def test_a_file_that_somebody_sends_is_never_put_on_the_disk(
    target: Target, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    def on_the_disk(**_settings: object) -> None:
        raise AssertionError

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", on_the_disk)
    part = b'--x\r\nContent-Disposition: form-data; name="notes"; filename="a.exe"\r\n\r\n' + b"1" * 200_000 + end

    for client, path in ((target.client, "/visits/new"), (target.world.vendor, f"/r/{target.token}")):
        answer = client.post(path, data=part, content_type="multipart/form-data; boundary=x")
        assert answer.status_code in {400, 422}
        looks_right(answer)


@pytest.mark.parametrize("name", ["patient_name", "key", "provider", "date", "interpreter", "repeat_count", "notes"])
def test_a_field_that_is_sent_as_a_file_counts_as_not_sent(target: Target, name: str) -> None:
    client = target.client

    answer = client.post("/visits/new", data={"csrf_token": target.csrf, name: (BytesIO(b"Jonah"), "a.txt")})

    assert answer.status_code == 422
    assert "Write the patient&#39;s name." in answer.text
    looks_right(answer)


def test_a_form_of_very_many_fields_is_answered(target: Target) -> None:
    answer = target.client.post("/visits/new", data={"csrf_token": target.csrf, "interpreter": ["1"] * 15_000})

    assert answer.status_code == 422


def fails(**_values: object) -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("build", "address"), [(create_portal, "PORTAL_URL"), (create_vendor_portal, "VENDOR_PORTAL_URL")]
)
def test_a_debug_flag_left_in_the_environment_shows_nothing_outside_development(
    build: Callable[[Settings], Flask], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    environ = environ_for(f"sqlite:///{tmp_path}/none.sqlite3", tmp_path)
    assert build(from_environ(environ)).debug

    app = build(from_environ(environ | OUTSIDE_DEVELOPMENT))
    app.view_functions["static"] = fails
    answer = app.test_client().get("/static/app.css", base_url=OUTSIDE_DEVELOPMENT[address])
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_an_error_names_no_file_and_no_secret(target: Target) -> None:
    for app in (target.world.portal, target.world.vendor_portal):
        answer = app.test_client().get("/no/such/page")
        assert answer.status_code == 404
        assert str(Path(__file__).parents[2]) not in answer.text
        assert target.world.settings.secret_keys[0] not in answer.text
