"""The portal's two cookies: from this host alone, over HTTPS alone, out of reach of scripts."""

import hashlib
from collections.abc import Iterator

import pytest
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.test import TestResponse

from shared.states import Role
from tests.databases import SqliteTemplate
from tests.web.checks import csrf_of
from tests.web.conftest import checked
from tests.web.displays import link_on, make, open_link
from tests.web.outside import outside_world
from tests.world import PASSWORD, World, build_world

HTTPS = "https://portal.test"


@pytest.fixture
def secure(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A world behind HTTPS."""
    environ = {"SECURE_COOKIES": "1", "PORTAL_URL": HTTPS}
    with sqlite_template.database() as url, build_world(url, **environ) as world:
        yield checked(world)


def log_in(world: World, base: str) -> TestResponse:
    client = world.portal.test_client()
    token = csrf_of(client.get("/login", base_url=base))
    data = {"csrf_token": token, "email": "scheduler@demo.example", "password": PASSWORD}
    answer = client.post("/login", data=data, base_url=base)
    assert answer.status_code == 303
    assert client.get("/board", base_url=base).status_code == 200
    return answer


def screens_cookies(world: World) -> list[tuple[str, dict[str, str]]]:
    """What a screen is given with its link and with its Board: name and attributes of each cookie."""
    screen = world.portal.test_client()
    opened = open_link(screen, link_on(make(world.login(Role.ADMIN))))
    given = [cookies_of(answer) for answer in (opened, screen.get("/display/board"))]
    found = [(name, one) for cookies in given for name, one in cookies.items() if name.endswith("display")]
    assert len(found) == 2
    return found


def cookies_of(answer: TestResponse) -> dict[str, dict[str, str]]:
    """The attributes of each cookie that is set, by its name."""
    found = {}
    for header in answer.headers.getlist("Set-Cookie"):
        pair, _, rest = header.partition(";")
        attributes = [part.strip().partition("=") for part in rest.split(";")]
        found[pair.partition("=")[0]] = {name.lower(): value for name, _, value in attributes}
    return found


def test_behind_https_their_names_bind_them_to_this_host(secure: World) -> None:
    cookies = cookies_of(log_in(secure, HTTPS))

    assert set(cookies) == {"__Host-session", "__Host-known"}
    for name, attributes in cookies.items():
        assert "secure" in attributes, name
        assert attributes["path"] == "/", name
        assert "domain" not in attributes, name


@pytest.mark.parametrize("base", [HTTPS, "http://portal.test"])
def test_scripts_and_other_sites_don_t_get_them(world: World, secure: World, base: str) -> None:
    cookies = cookies_of(log_in(secure if base == HTTPS else world, base))

    assert len(cookies) == 2
    for name, attributes in cookies.items():
        assert "httponly" in attributes, name
        assert attributes["samesite"] == "Lax", name


def test_the_login_s_cookie_ends_with_the_browser_and_the_other_one_stays(secure: World) -> None:
    cookies = cookies_of(log_in(secure, HTTPS))

    assert not {"expires", "max-age"} & cookies["__Host-session"].keys()
    assert cookies["__Host-known"]["max-age"] == str(180 * 24 * 3600)


@pytest.mark.parametrize(("digest", "holds"), [(hashlib.sha256, True), (hashlib.sha1, False)])
def test_the_session_s_cookie_is_signed_by_hmac_with_sha_256(secure: World, digest: object, holds: bool) -> None:
    [header] = [one for one in log_in(secure, HTTPS).headers.getlist("Set-Cookie") if one.startswith("__Host-session=")]
    signer = {"key_derivation": "hmac", "digest_method": digest}
    reader = URLSafeTimedSerializer(secure.settings.secret_keys[0], salt="cookie-session", signer_kwargs=signer)
    try:
        reader.loads(header.partition("=")[2].partition(";")[0])
    except BadSignature:
        assert not holds
    else:
        assert holds


def test_a_cookie_that_a_neighbouring_host_could_set_is_no_login(secure: World) -> None:
    client = secure.portal.test_client()
    token = csrf_of(client.get("/login", base_url=HTTPS))
    data = {"csrf_token": token, "email": "scheduler@demo.example", "password": PASSWORD}
    client.post("/login", data=data, base_url=HTTPS)
    held = client.get_cookie("__Host-session", domain="portal.test")
    assert held is not None

    other = secure.portal.test_client()
    other.set_cookie("session", held.value, domain="portal.test")
    assert other.get("/board", base_url=HTTPS).status_code == 303


def test_behind_https_a_screens_cookie_goes_over_https_alone_to_its_own_pages(sqlite_template: SqliteTemplate) -> None:
    with outside_world(sqlite_template) as world:
        for _name, attributes in screens_cookies(world):
            assert {"secure", "httponly"} <= attributes.keys()
            assert (attributes["samesite"], attributes["path"]) == ("Lax", "/display")
            assert "domain" not in attributes


def test_behind_https_the_name_of_a_screens_cookie_lets_nobody_set_it_without(
    world: World, sqlite_template: SqliteTemplate
) -> None:
    assert {name for name, _attributes in screens_cookies(world)} == {"display"}
    with outside_world(sqlite_template) as outside:
        assert {name for name, _attributes in screens_cookies(outside)} == {"__Secure-display"}
