"""Whose word counts about where a request came from and where it was meant to go: the settings', not the caller's."""

import logging
from collections.abc import Iterator

import pytest
from flask import request

from shared import edge
from tests.databases import SqliteTemplate
from tests.web.outside import outside_world
from tests.web.routes import routes
from tests.world import World

SPOOFED = {"X-Forwarded-For": "1.1.1.1, 2.2.2.2, 3.3.3.3", "X-Forwarded-Proto": "ftp, gopher, http"}


@pytest.fixture(scope="module")
def outside(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A world outside development that may be asked by a third name."""
    with outside_world(sqlite_template, TRUSTED_HOSTS="Old-Portal.test, third.test") as world:
        yield world


@pytest.mark.parametrize(
    "host", ["portal.test", "PORTAL.test", "portal.test:443", "old-portal.test", "third.test:8443"]
)
def test_a_host_that_the_settings_name_is_served(outside: World, host: str) -> None:
    assert outside.portal.test_client().get("/login", base_url=f"https://{host}").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.test", "portal.test.elsewhere.test", "xportal.test", "sub.portal.test", "vendor.test", "127.0.0.1",
        "localhost", "", "portal.test@elsewhere.test", "portal.test:x", "[::1]", "portal.test.", "a" * 300, "\xe9",
    ],
)  # fmt: skip
def test_any_other_host_is_refused_on_every_route_and_not_repeated(outside: World, host: str) -> None:
    client = outside.portal.test_client()
    for route in routes(outside.portal):
        if not route.endpoint.startswith("probes."):
            answer = client.open(route.path, method=route.method, headers={"Host": host})
            assert answer.status_code == 400, route
            assert host == "" or host not in answer.text, route
            assert not any(host and host in value for value in answer.headers.values()), route
            assert "Set-Cookie" not in answer.headers
    assert (
        outside.vendor.get("/r/x.y", headers={"Host": host if host != "vendor.test" else "portal.test"}).status_code
        == 400
    )


def test_development_takes_the_loopback_names_as_well(shared_world: World) -> None:
    for host, status in (("localhost:5000", 200), ("127.0.0.1:5000", 200), ("elsewhere.test", 400)):
        assert shared_world.portal.test_client().get("/login", headers={"Host": host}).status_code == status


def test_another_host_in_a_proxys_header_changes_nothing(outside: World, sqlite_template: SqliteTemplate) -> None:
    headers = {"X-Forwarded-Host": "elsewhere.test", "X-Forwarded-Prefix": "/x", "X-Forwarded-Port": "1", **SPOOFED}
    with outside_world(sqlite_template, PROXY_COUNT="1") as behind_one:
        for world in (outside, behind_one):
            answer = world.portal.test_client().get("/board", headers=headers)
            assert answer.status_code == 303
            assert answer.location == "/login?next=/board"


def test_no_address_of_ours_is_made_of_the_host(outside: World) -> None:
    client = outside.login()
    for path in ("/", "/board", "/nothing", "/visits//new", "/visits/new/"):
        answer = client.get(path, base_url="https://third.test")
        assert "third.test" not in answer.text, path
        assert "third.test" not in str(answer.headers), path


@pytest.mark.parametrize(
    ("count", "address", "scheme"),
    [("0", "127.0.0.1", "https"), ("1", "3.3.3.3", "http"), ("2", "2.2.2.2", "gopher"), ("3", "1.1.1.1", "ftp")],
)
def test_as_many_proxies_are_believed_as_the_settings_say(
    sqlite_template: SqliteTemplate, monkeypatch: pytest.MonkeyPatch, count: str, address: str, scheme: str
) -> None:
    seen: list[tuple[str | None, str]] = []

    def view(**_arguments: object) -> tuple[str, int]:
        seen.append((request.remote_addr, request.scheme))
        return "", 204

    with outside_world(sqlite_template, PROXY_COUNT=count) as world:
        monkeypatch.setitem(world.portal.view_functions, "auth.login", view)
        client = world.portal.test_client()
        client.get("/login", headers=SPOOFED)
        client.get("/login", headers={"X-Forwarded-For": "nobody", "Forwarded": "for=9.9.9.9", "X-Real-IP": "9.9.9.9"})

    assert seen[0] == (address, scheme)
    assert seen[1] == ("nobody" if count == "1" else "127.0.0.1", "https")


def test_who_speaks_for_a_proxy_that_the_settings_do_not_know_is_noted_once_and_not_believed(
    sqlite_template: SqliteTemplate, caplog: pytest.LogCaptureFixture
) -> None:
    edge._tell_of_proxy.cache_clear()
    with outside_world(sqlite_template) as world, caplog.at_level(logging.WARNING):
        for _ in range(3):
            world.portal.test_client().get("/login", headers=SPOOFED)

    assert ["PROXY_COUNT is 0" in record.message for record in caplog.records] == [True]
    assert "1.1.1.1" not in caplog.text


def test_a_request_id_is_taken_from_a_proxy_and_from_nobody_else(
    outside: World, sqlite_template: SqliteTemplate
) -> None:
    given = {"X-Request-ID": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    with outside_world(sqlite_template, PROXY_COUNT="1") as behind_one:
        assert behind_one.vendor.get("/", headers=given).headers["X-Request-ID"] == given["X-Request-ID"]
        for bad in ("dispatch@clearsign.example", "0123", "g" * 32, "a" * 65):
            assert behind_one.vendor.get("/", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad
    assert outside.vendor.get("/", headers=given).headers["X-Request-ID"] != given["X-Request-ID"]
