"""The way in and back, and what each role is shown. Who gets where is walked in tests/web/test_isolation.py."""

from datetime import time
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.access import ACCESS, BOOKING, DISPLAY, DRAFTS, EVERYBODY, NO_ACTIVITY, PUBLIC, RELOADED
from shared.models import Visit
from shared.states import Role
from tests.web.checks import counts, csrf_of, dump, soup_of, words
from tests.web.routes import routes
from tests.world import TOMORROW, World


def test_every_endpoint_is_either_public_or_has_its_roles_and_no_row_is_stale(shared_world: World) -> None:
    existing = {rule.endpoint for rule in shared_world.portal.url_map.iter_rules()}

    assert not PUBLIC & ACCESS.keys()
    assert not DISPLAY & (PUBLIC | ACCESS.keys())
    assert PUBLIC | DISPLAY | ACCESS.keys() == existing
    assert existing >= NO_ACTIVITY | DRAFTS | RELOADED


def test_nothing_but_the_login_the_way_to_a_password_probes_and_files_is_public() -> None:
    public = {"static", "probes", "auth", "second_step", "passwords", "display", "dev"}
    assert {name.partition(".")[0] for name in PUBLIC} == public
    assert {name for name in PUBLIC if name.startswith("display.")} == {"display.enter", "display.open_board"}
    assert {name for name in PUBLIC if name.startswith("auth.")} == {"auth.login", "auth.submit_login", "auth.favicon"}
    assert not {"passwords.account", "passwords.change"} & PUBLIC


def test_every_role_may_look_and_staff_may_not_book() -> None:
    assert set(EVERYBODY) == set(Role)
    assert set(BOOKING) == set(Role) - {Role.STAFF}
    changing = [name for name in ACCESS if name.startswith("changes.")]
    assert len(changing) == 9
    for endpoint in ("visits.new", "visits.preview", "visits.create", "visits.interpreters", "visits.join", *changing):
        assert ACCESS[endpoint] == BOOKING


def test_a_stranger_is_sent_to_the_login_from_every_guarded_page_and_back_afterwards(shared_world: World) -> None:
    guarded = [route for route in routes(shared_world.portal) if route.endpoint not in PUBLIC | DISPLAY]
    assert len(guarded) >= 12

    for route in guarded:
        answer = shared_world.portal.test_client().open(route.path + "?a=1&b=%C3%A9", method=route.method)
        if route.endpoint in DRAFTS and route.method == "POST":
            assert answer.status_code == 401, route
            continue
        assert answer.status_code == 303, route
        target = urlsplit(answer.location)
        assert target.path == "/login", route
        expected = [route.path + "?a=1&b=%C3%A9"] if route.method == "GET" else None
        assert parse_qs(target.query).get("next") == expected, route


def test_a_fragment_without_a_login_says_so_to_the_whole_page_that_holds_no_form(shared_world: World) -> None:
    for route in routes(shared_world.portal):
        if route.endpoint not in PUBLIC | DISPLAY:
            answer = shared_world.portal.test_client().open(
                route.path, method=route.method, headers={"HX-Request": "true"}
            )
            assert answer.status_code == 401, route
            assert answer.headers["HX-Redirect"] == "/login", route
            assert answer.text == "", route


def test_a_fragment_without_a_login_leaves_a_page_with_a_form_as_it_is_and_says_so(shared_world: World) -> None:
    for route in routes(shared_world.portal):
        if route.endpoint not in PUBLIC | DISPLAY:
            answer = shared_world.portal.test_client().open(
                route.path, method=route.method, headers={"HX-Request": "true", "Holds-Form": "true"}
            )
            assert answer.status_code == 401, route
            assert "HX-Redirect" not in answer.headers, route
            assert answer.headers["HX-Retarget"] == "#form-notice", route
            assert "You have been logged out. Everything you filled in is still here." in words(answer), route


def test_pages_that_hold_a_form_say_so_and_others_do_not(world: World) -> None:
    client, visit, group = world.login(Role.ADMIN), world.book(ask=["Clearsign"]), world.clinic.groups["ASL daytime"]
    forms = (
        *(f"/visits/{visit}/{kind}" for kind in ("edit", "ask", "cancel")),
        f"/admin/groups/{group}",
        "/visits/new",
    )

    for path in (*forms, "/", "/board", "/schedule", f"/visits/{visit}"):
        page = soup_of(client.get(path))
        main = page.find("main")
        assert main is not None
        assert (main.get("hx-headers") == '{"Holds-Form": "true"}') is (path in forms), path
        asking = ("hx-get", "hx-post")
        assert all(main.find_all(True, attrs={a: True}) == page.find_all(True, attrs={a: True}) for a in asking), path


@pytest.mark.parametrize(
    ("shown", "target"),
    [
        ("http://portal.test/board", "/login?next=/board"),
        ("http://portal.test/schedule?date=2026-11-24", "/login?next=/schedule?date%3D2026-11-24"),
        ("https://evil.example/board", "/login?next=/board"),
        ("http://[", "/login"),
        ("", "/login"),
    ],
)
def test_a_fragment_without_a_login_leads_back_to_the_page_it_was_on(
    shared_world: World, shown: str, target: str
) -> None:
    client = shared_world.portal.test_client()

    answer = client.get("/badges?seen=1.p000000", headers={"HX-Request": "true", "HX-Current-URL": shown})

    assert answer.headers["HX-Redirect"] == target


def test_a_stranger_changes_nothing_whatever_is_called(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    before = dump(world)

    for route in routes(world.portal, visit_id=visit):
        world.portal.test_client().open(route.path, method=route.method)

    assert dump(world) == before


def test_a_page_that_does_not_exist_looks_the_same_to_strangers_and_colleagues(shared_world: World) -> None:
    for client in (shared_world.portal.test_client(), shared_world.login()):
        answer = client.get("/no/such/page")
        assert answer.status_code == 404
        assert "Page not found" in words(answer)


def test_staff_is_offered_no_booking_and_refused_it(world: World) -> None:
    client = world.login(Role.STAFF)
    before = counts(world)
    for path in ("/", "/schedule", "/schedule?view=week", "/board"):
        page = client.get(path)
        assert page.status_code == 200
        assert soup_of(page).find("a", href=lambda href: bool(href and "/visits/new" in href)) is None, path

    token = csrf_of(client.get("/"))
    assert client.post("/visits/new", data={"csrf_token": token}).status_code == 403
    assert client.post("/visits", data={"csrf_token": token}).status_code == 403
    assert counts(world) == before


def test_nothing_of_another_clinic_is_on_any_list(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.book(ask=["Clearsign"], clinic=harbor, patient_name="Someone Else")
    client = world.login(Role.ADMIN)

    for path in ("/", "/board", f"/schedule?date={TOMORROW}", f"/schedule?date={TOMORROW}&view=week", "/visits/new"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Someone Else" not in answer.text
        assert "Harbor" not in answer.text


def test_a_provider_sees_own_visits_only_everywhere(world: World) -> None:
    colleague = world.add_user(Role.PROVIDER, "Dr. Second")
    world.pass_time(hours=-10)  # so that both visits are ahead today
    mine = world.book(ask=["Clearsign"], patient_name="Mine Alone", wall=time(16), day=TOMORROW)
    theirs = world.book(ask=["Clearsign"], patient_name="Not Mine", wall=time(17), day=TOMORROW, provider_id=colleague)
    world.pass_time(hours=24)
    client = world.login(Role.PROVIDER)

    for path in ("/", "/schedule", "/schedule?view=week", "/board", f"/schedule?date={TOMORROW}"):
        page = client.get(path)
        assert page.status_code == 200
        assert f"/visits/{mine}" in page.text, path
        assert f"/visits/{theirs}" not in page.text, path
        assert "Not Mine" not in page.text, path
    assert client.get(f"/visits/{mine}").status_code == 200
    for path in (f"/visits/{theirs}", f"/visits/{theirs}/join"):
        assert client.get(path).status_code == 404
    assert client.get(f"/visits/{theirs}/interpreter", headers={"HX-Request": "true"}).status_code == 404
    badges = client.get(f"/badges?seen={mine}.p000000-{theirs}.p000000", headers={"HX-Request": "true"})
    assert f"badge-{mine}" in badges.text
    assert f"badge-{theirs}" not in badges.text


def test_a_provider_books_for_nobody_else(world: World) -> None:
    colleague = world.add_user(Role.PROVIDER, "Dr. Second")
    client = world.login(Role.PROVIDER)

    page = client.get("/visits/new")
    offered = {
        str(option["value"]) for option in soup_of(page).select("select[name=provider] option") if option["value"]
    }
    offered |= {str(field["value"]) for field in soup_of(page).select("input[name=provider]")}
    assert offered == {str(world.clinic.users["provider"])}

    answer = client.post(
        "/visits/new",
        data={
            "csrf_token": csrf_of(page),
            "patient_name": "Jonah Pike",
            "provider": str(colleague),
            "date": str(TOMORROW),
            "start_time": "09:30",
            "duration": "45",
            "visit_type": "video",
        },
    )
    assert answer.status_code == 422
    assert "Choose a provider from the list." in words(answer)


def test_a_cancelled_visit_has_no_door(world: World) -> None:
    visit = world.book()
    world.change(Visit, visit, status="cancelled")
    world.now = world.now.replace(day=24, hour=17, minute=30)

    assert world.login().get(f"/visits/{visit}/join").status_code == 404
