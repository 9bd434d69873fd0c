"""The meeting's doors: the winner's lobby, the clinic's own way in, the meeting server's question."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from shared.meeting import pin_text
from shared.models import Clinic, Request, Visit
from shared.states import RequestState, Role, VisitStatus
from tests.databases import OUTSIDE_DEVELOPMENT, SqliteTemplate
from tests.web.checks import PATIENT, dump, soup_of, words
from tests.web.conftest import checked
from tests.web.test_vendor_table import GONE
from tests.world import World, build_world

SECRET = "the-meeting-servers-secret"
STARTS = datetime.fromisoformat("2026-11-24T17:30:00+00:00")
ENDS = STARTS + timedelta(minutes=45)
OPENS, CLOSES = STARTS - timedelta(minutes=15), ENDS + timedelta(minutes=30)
INSTANT = timedelta(milliseconds=1)


@pytest.fixture
def met(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """A world with a meeting server that signs and asks."""
    environ = {
        "MEETING_URL": "https://meet.example",
        "MEETING_JWT_APP_ID": "dispatch",
        "MEETING_JWT_SECRET": "a-secret-of-the-meeting-server-and-ours",
        "CONFERENCE_MAPPER_SECRET": SECRET,
        "CONFERENCE_DOMAIN": "conference.meet.example",
    }
    with sqlite_template.database() as url, build_world(url, **environ) as world:
        yield checked(world)


def accepted(world: World, *, notes: str = "") -> tuple[int, str]:
    """A visit that Clearsign accepted, and the guest link from its mail."""
    visit = world.book(ask=["Clearsign", "Northlight"], notes=notes)
    world.tick()
    world.open_mail(to="Clearsign").press("Accept", name="R. Medina")
    world.tick()
    return visit, world.open_mail(to="Clearsign").link("meet")


def room_of(world: World) -> str:
    row = dump(world)["appointment"][0]
    return next(value for value in row if isinstance(value, str) and value.startswith("visit-"))


def pin_of(world: World) -> str:
    row = dump(world)["appointment"][0]
    return next(value for value in row if isinstance(value, str) and value.isdigit() and len(value) == 9)


def can_join(world: World, meet: str) -> bool:
    """Whether the lobby offers the way in; offers and door always agree."""
    page = world.vendor.get(meet)
    assert page.status_code == 200
    assert "Join meeting" in words(page) or world.now >= CLOSES
    offered = soup_of(page).find("a", href=f"{meet}/join") is not None
    door = world.vendor.get(f"{meet}/join")
    assert door.status_code == 303
    assert (urlsplit(door.location).path != meet) == offered
    return offered


def test_the_door_is_open_from_fifteen_minutes_before_the_start_to_thirty_after_the_end(world: World) -> None:
    _visit, meet = accepted(world)

    for instant, is_open in (
        (OPENS - timedelta(hours=3), False),
        (OPENS - INSTANT, False),
        (OPENS, True),
        (STARTS, True),
        (ENDS, True),
        (CLOSES - INSTANT, True),
        (CLOSES, False),
        (CLOSES + timedelta(days=300), False),
    ):
        world.now = instant
        assert can_join(world, meet) is is_open, instant


def test_the_lobby_says_when_and_how(world: World) -> None:
    _visit, meet = accepted(world, notes="Cardiology vocabulary.")

    shown = words(world.vendor.get(meet))

    for fact in (
        "Riverside Clinic",
        "American Sign Language",
        "Tue 24 Nov",
        "09:30",
        "PST (UTC−8)",
        "R. Medina",
        "+1 555 0100",
        "A-10001",
        "Cardiology vocabulary.",
    ):
        assert fact in shown, fact
    assert pin_of(world) in shown.replace(" ", "")
    for secret in PATIENT:
        assert secret not in shown


def test_no_room_is_named_while_the_door_is_closed(met: World) -> None:
    world = met
    visit, meet = accepted(world)
    room = room_of(world)
    provider = world.login(Role.PROVIDER)

    for instant in (OPENS - INSTANT, OPENS, CLOSES):
        world.now = instant
        provider = world.login(Role.PROVIDER)
        pages = [world.vendor.get(meet), world.vendor.get(meet, headers={"HX-Request": "true"})]
        pages += [provider.get(f"/visits/{visit}"), provider.get("/schedule?date=2026-11-24"), provider.get("/board")]
        for page in pages:
            assert room not in page.text
        if instant != OPENS:
            for door in (world.vendor.get(f"{meet}/join"), provider.get(f"/visits/{visit}/join")):
                assert room not in door.text + str(door.headers)


def test_the_interpreter_and_the_provider_meet_in_the_same_room(world: World) -> None:
    visit, meet = accepted(world)
    world.now = OPENS

    ours = world.login(Role.PROVIDER).get(f"/visits/{visit}/join")
    theirs = world.vendor.get(f"{meet}/join")

    assert (ours.status_code, theirs.status_code) == (303, 303)
    assert ours.location == theirs.location
    assert room_of(world) in ours.location


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.SCHEDULER, Role.ADMIN])
def test_the_clinics_door_keeps_the_same_hours(world: World, role: Role) -> None:
    visit = world.book()

    for instant, is_open in ((OPENS - INSTANT, False), (OPENS, True), (CLOSES - INSTANT, True), (CLOSES, False)):
        world.now = instant
        client = world.login(role)
        door = client.get(f"/visits/{visit}/join")
        assert door.status_code == 303
        assert (door.location != f"/visits/{visit}") is is_open, instant
        page = client.get(f"/visits/{visit}")
        assert (soup_of(page).find("a", href=f"/visits/{visit}/join") is not None) is is_open, instant


def test_staff_is_not_offered_the_door(world: World) -> None:
    visit = world.book()
    world.now = OPENS

    assert "/join" not in world.login(Role.STAFF).get(f"/visits/{visit}").text


@pytest.mark.parametrize("state", [RequestState.WITHDRAWN, RequestState.CANCELLED, RequestState.HANDED_BACK])
def test_the_guest_link_is_dead_once_the_assignment_is_gone(world: World, state: RequestState) -> None:
    visit, meet = accepted(world)
    world.change(Request, world.request_of(visit).id, state=state)
    world.now = STARTS

    for path in (meet, f"{meet}/join"):
        page = world.vendor.get(path)
        assert page.status_code == 410
        assert GONE in words(page)
        assert "+1 555 0142" in words(page)
        assert room_of(world) not in page.text + str(page.headers)


def test_a_company_that_did_not_win_has_no_way_in(world: World) -> None:
    visit, _meet = accepted(world)
    loser = world.invites_of(visit)[1]
    tokens = world.vendor_portal.extensions["services"].tokens
    world.now = STARTS

    for path in ("", "/join"):
        page = world.vendor.get(f"/meet/{tokens.link('guest', loser.guest_id)}{path}")
        assert page.status_code == 410


def test_the_door_alone_is_a_fragment_for_htmx(world: World) -> None:
    _visit, meet = accepted(world)

    part = world.vendor.get(meet, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "HX-Request" in part.headers["Vary"]
    whole = world.vendor.get(meet)
    assert "<html" in whole.text
    assert "HX-Request" in whole.headers["Vary"]


def test_rooms_are_signed_for_the_hours_of_the_meeting_when_the_server_wants_that(met: World) -> None:
    world = met
    visit, meet = accepted(world)
    world.now = OPENS

    for door, name, affiliation in (
        (world.login(Role.PROVIDER).get(f"/visits/{visit}/join"), "Provider of Riverside Clinic", "owner"),
        (world.vendor.get(f"{meet}/join"), "Interpreter, R. Medina (Clearsign)", "member"),
    ):
        target = urlsplit(door.location)
        assert f"{target.scheme}://{target.netloc}{target.path}" == f"https://meet.example/{room_of(world)}"
        claims = jwt.decode(
            parse_qs(target.query)["jwt"][0],
            "a-secret-of-the-meeting-server-and-ours",
            algorithms=["HS256"],
            audience="dispatch",
            issuer="dispatch",
            options={"verify_exp": False, "verify_nbf": False},
        )
        assert claims["room"] == room_of(world)
        assert claims["nbf"] == OPENS.timestamp()
        assert claims["exp"] == CLOSES.timestamp()
        assert claims["context"]["user"]["name"] == name
        assert claims["context"]["user"]["affiliation"] == affiliation


def ask_mapper(world: World, pin: str, secret: str | None = SECRET):
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return world.vendor.get("/conference-mapper", query_string={"id": pin}, headers=headers)


def test_the_mapper_tells_the_meeting_server_which_room_a_pin_opens(met: World) -> None:
    world = met
    world.book()

    answer = ask_mapper(world, pin_of(world))

    assert answer.status_code == 200
    assert answer.is_json
    assert answer.json["id"] == int(pin_of(world))
    assert answer.json["conference"] == f"{room_of(world)}@conference.meet.example"


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET[:-1], "é", "x" * 5000])
def test_the_mapper_tells_nobody_else_and_the_log_that_somebody_asked(
    met: World, secret: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    met.book()
    caplog.set_level("INFO", logger="shared.edge")

    answer = ask_mapper(met, pin_of(met), secret)

    assert answer.status_code == 403
    assert room_of(met) not in answer.text
    assert [vars(record)["refused"] for record in caplog.records if "refused" in vars(record)] == ["secret"]


def test_without_a_secret_there_is_no_mapper(world: World) -> None:
    world.book()

    for secret in (None, "", SECRET):
        answer = ask_mapper(world, pin_of(world), secret)
        assert answer.status_code == 404
        assert room_of(world) not in answer.text


@pytest.mark.parametrize(
    "pin", ["", "0", "000000000", "1" * 13, "9" * 6000, "abc", "１２３", "-1", "1 or 1=1", "\0", "%00"]
)
def test_an_unknown_pin_opens_nothing(met: World, pin: str) -> None:
    met.book()

    answer = ask_mapper(met, pin)

    assert answer.status_code == 200
    assert answer.json["conference"] is False


def test_a_pin_works_until_the_last_door_has_closed(met: World) -> None:
    world = met
    visit = world.book()
    pin = pin_of(world)

    for instant, works in ((CLOSES - INSTANT, True), (CLOSES, False)):
        world.now = instant
        assert bool(ask_mapper(world, pin).json["conference"]) is works
    world.now = STARTS
    world.change(Visit, visit, status=VisitStatus.CANCELLED)
    assert ask_mapper(world, pin).json["conference"] is False


def test_pins_and_rooms_of_two_clinics_never_meet(met: World) -> None:
    world = met
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    for _ in range(5):
        world.book()
        world.book(clinic=harbor)

    rows = dump(world)["appointment"]
    names = [value for row in rows for value in row if isinstance(value, str)]
    assert len(set(names)) == len(names) == 20


def test_a_changed_dial_in_number_shows_at_once_on_the_lobby(world: World) -> None:
    _visit, meet = accepted(world)
    world.change(Clinic, world.clinic.id, dial_in_number="+1 555 0777")

    assert "+1 555 0777" in words(world.vendor.get(meet))


def test_in_development_the_room_is_a_page_of_our_own(world: World) -> None:
    _visit, meet = accepted(world)
    world.now = OPENS

    door = world.vendor.get(f"{meet}/join")
    page = world.vendor.get(urlsplit(door.location).path)

    assert page.status_code == 200
    assert room_of(world) in words(page)


@pytest.mark.parametrize("role", list(Role))
def test_who_may_not_join_reads_no_way_into_the_meeting(world: World, role: Role) -> None:
    visit = world.book(ask=["Clearsign"])
    page = world.login(role).get(f"/visits/{visit}")
    shown = {label.get_text() for label in soup_of(page).select("dt")}

    assert "Meeting" in shown
    assert ({"Dial-in", "PIN"} <= shown) is (role is not Role.STAFF)
    assert (pin_text(pin_of(world)) in words(page)) is (role is not Role.STAFF)
    assert pin_of(world) not in page.text
    assert room_of(world) not in page.text


def test_outside_development_there_is_no_such_page(sqlite_template: SqliteTemplate) -> None:
    with sqlite_template.database() as url, build_world(url, **OUTSIDE_DEVELOPMENT) as world:
        assert world.vendor.get("/dev/room/x").status_code == 404
        assert world.portal.test_client().get("/dev/mailbox").status_code == 404
