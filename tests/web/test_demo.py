"""The demo clinic: what a newcomer finds after one command."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared import clock, demo
from shared.db import reading, transaction
from shared.models import Visit
from shared.queries import badges
from shared.rules import Scope
from shared.states import BadgeKind, Role
from tests.databases import SqliteTemplate
from tests.web.checks import csrf_of, dump, words
from tests.web.conftest import checked
from tests.world import World, build_world

EVERY_STATUS = {BadgeKind.PENDING, BadgeKind.ACCEPTED, BadgeKind.NOT_ACCEPTED, BadgeKind.NONE}
BEHIND = EVERY_STATUS - {BadgeKind.PENDING}


def empty_world(url: str) -> Iterator[World]:
    """A world without a clinic, into which the demo is loaded."""
    with build_world(url) as world:
        with world.jobs.app_context(), transaction() as session:
            for table in ("hunt_group_member", "hunt_group", "company_language", "company_address", "company"):
                session.connection().exec_driver_sql(f"delete from {table}")
            for table in ("clinic_language", "user_account", "clinic"):
                session.connection().exec_driver_sql(f"delete from {table}")
        yield checked(world)


def load(world: World) -> bool:
    with world.jobs.app_context():
        return demo.load_if_empty(password=demo.PASSWORD, now=clock.utc_now())


@pytest.fixture
def empty(either_database: str) -> Iterator[World]:
    yield from empty_world(either_database)


@pytest.fixture(scope="module")
def loaded(sqlite_template: SqliteTemplate) -> Iterator[World]:
    """The demo as it is right after it was loaded. Tests change nothing in it."""
    with sqlite_template.database() as url:
        for world in empty_world(url):
            assert load(world)
            yield world


def test_the_demo_is_loaded_once_and_its_mail_leaves_once(empty: World) -> None:
    assert load(empty)
    before = dump(empty)
    assert len(before["clinic"]) == 2
    assert not load(empty)
    assert dump(empty) == before

    empty.tick()
    received = len(empty.post.received)
    assert received > 0
    empty.pass_time(seconds=5)
    empty.tick()
    assert len(empty.post.received) == received

    empty.pass_time(days=30)
    assert not load(empty)


def test_a_database_with_any_clinic_is_left_alone(world: World) -> None:
    before = dump(world)

    assert not load(world)

    assert dump(world) == before


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 11, 29, 18, 0, tzinfo=UTC),  # Sunday morning
        datetime(2027, 3, 13, 18, 0, tzinfo=UTC),  # the day before the clock jumps
    ],
    ids=lambda start: f"{start:%a-%d-%b-%H%M}",
)
def test_whenever_it_is_loaded_every_status_is_there_ahead_and_behind(
    sqlite_template: SqliteTemplate, start: datetime
) -> None:
    with sqlite_template.database() as url:
        for world in empty_world(url):
            world.now = start
            assert load(world)
            with world.jobs.app_context(), reading() as session:
                visits = session.query(Visit).filter(Visit.clinic_id == 1).all()
            scope = Scope(visits[0].clinic_id, 0, Role.ADMIN)
            with world.jobs.app_context():
                found = {
                    item.badge.visit_id: item.badge.kind for item in badges(scope, [v.id for v in visits], now=start)
                }
            ahead = Counter(found[visit.id] for visit in visits if visit.starts_at > start)
            behind = Counter(found[visit.id] for visit in visits if visit.ends_at <= start)
            assert set(ahead) == EVERY_STATUS
            assert set(behind) >= BEHIND
            assert behind[BadgeKind.PENDING] == 0
            assert any(abs(visit.starts_at - start) < timedelta(hours=24) for visit in visits)


@pytest.mark.parametrize(("email", "role"), demo.LOGINS)
def test_every_login_that_is_printed_works(loaded: World, email: str, role: str) -> None:
    client = loaded.portal.test_client()
    token = csrf_of(client.get("/login"))

    answer = client.post("/login", data={"csrf_token": token, "email": email, "password": demo.PASSWORD})

    assert (answer.status_code, answer.location) == (303, "/")
    page = client.get("/")
    assert page.status_code == 200
    assert role.split()[0] in words(page)
    for path in ("/schedule", "/schedule?view=week", "/board"):
        assert client.get(path).status_code == 200


def test_the_second_clinic_sees_nothing_of_the_first(loaded: World) -> None:
    client = loaded.portal.test_client()
    token = csrf_of(client.get("/login"))
    client.post("/login", data={"csrf_token": token, "email": "admin@other.example", "password": demo.PASSWORD})

    pages = [client.get(path) for path in ("/", "/schedule", "/schedule?view=week", "/board", "/visits/new")]
    for page in pages:
        for name in ("Riverside", "Alvarez", "Clearsign", "Northlight"):
            assert name not in page.text
    with loaded.jobs.app_context(), reading() as session:
        theirs = [row.id for row in session.query(Visit).filter(Visit.clinic_id == 1)]
        ours = [row.id for row in session.query(Visit).filter(Visit.clinic_id != 1)]
    assert len(ours) == 1
    assert len(theirs) >= 20
    assert client.get(f"/visits/{ours[0]}").status_code == 200
    assert {client.get(f"/visits/{visit}").status_code for visit in theirs[:5]} == {404}


def test_every_visit_of_the_demo_has_a_page_that_is_right(loaded: World) -> None:
    client = loaded.login(Role.ADMIN)
    with loaded.jobs.app_context(), reading() as session:
        visits = [(row.id, row.patient_name) for row in session.query(Visit).filter(Visit.clinic_id == 1)]

    for visit, patient in visits:
        page = client.get(f"/visits/{visit}")
        assert page.status_code == 200
        assert patient in words(page)


def test_the_board_of_the_demo_is_sorted_worst_first_and_names_no_patient(loaded: World) -> None:
    page = loaded.login(Role.STAFF).get("/board")
    shown = words(page)

    for patient in demo.PATIENTS:
        assert patient not in page.text
    for reason in ("Medication review", "Physical therapy"):
        assert reason not in page.text
    body = shown[shown.index("A-10") :]
    order = [body.find(word) for word in ("Not Accepted", "Pending Request", "Accepted ·")]
    assert order[0] < order[1]
