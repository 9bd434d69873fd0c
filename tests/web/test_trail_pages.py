"""The audit trail for administrators: a page of a period, and files that spreadsheets can be trusted with."""

import csv
import gc
import io
import tracemalloc
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

from portal.admin.trail_csv import HEADER, MARK, harmless
from shared.actions import add_group, remove_group
from shared.audit import About, Actor, AuditEvent, record
from shared.db import transaction
from shared.models import AuditEntry, Company, User
from shared.queries import trail as trail_queries
from shared.queries._trail import FIELD_WORDS, sentence_of
from shared.queries.trail import PAGE_SIZE
from shared.states import Role
from tests.web.checks import complaint, csrf_of, soup_of, words
from tests.world import ZONE, World

TRAIL, TODAY = "/admin/trail", date(2026, 11, 23)
ADMIN = "Admin of Riverside Clinic"


def lines(page: TestResponse) -> list[str]:
    """The sentences on the page, in its order."""
    return [" ".join(line.span.get_text().split()) for line in soup_of(page).select(".trail li") if line.span]


def write(world: World, what: AuditEvent, about: About | None = None, fields: tuple[str, ...] = ()) -> None:
    """A line by the administrator, as an action would write it."""
    by = Actor(user_id=world.clinic.users["admin"])
    with world.jobs.app_context(), transaction() as session:
        record(session, what, clinic_id=world.clinic.id, by=by, now=world.now, fields=fields, about=about)


def download(client: FlaskClient, path: str = "csv", **values: object) -> TestResponse:
    """Press Download CSV."""
    token = csrf_of(client.get(TRAIL))
    return client.post(f"{TRAIL}/{path}", data={"csrf_token": token, **values})


def table(answer: TestResponse) -> list[dict[str, str]]:
    """The file's rows by its heading."""
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith(MARK)
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix(MARK), newline="")))


# ---- the page


@pytest.mark.parametrize(
    ("what", "kind", "fields", "sentence"),
    [
        (AuditEvent.SETTINGS_CHANGED, "clinic", ("time_zone", "pin"), "changed the settings: time zone and PIN"),
        (AuditEvent.LANGUAGE_ADDED, "language", ("es",), "added the language Spanish"),
        (AuditEvent.LANGUAGE_CHANGED, "language", ("es", "short_name"), "changed the language Spanish: short name"),
        (AuditEvent.LANGUAGE_REMOVED, "language", ("xx",), "removed the language xx"),
        (AuditEvent.COMPANY_ADDED, "company", (), "added the company Clearsign"),
        (AuditEvent.COMPANY_CHANGED, "company", ("addresses",), "changed the company Clearsign: dispatch addresses"),
        (AuditEvent.COMPANY_SUSPENDED, "company", (), "suspended the company Clearsign"),
        (AuditEvent.COMPANY_ACCREDITED, "company", (), "accredited the company Clearsign"),
        (AuditEvent.HUNT_GROUP_ADDED, "hunt_group", ("ASL days",), "added the hunt group ASL days"),
        (AuditEvent.HUNT_GROUP_CHANGED, "hunt_group", ("Days", "companies"), "changed the hunt group Days: companies"),
        (AuditEvent.HUNT_GROUP_REMOVED, "hunt_group", ("ASL days",), "deleted the hunt group ASL days"),
        (AuditEvent.LANGUAGE_REMOVED, "language", ("yue",), "removed the language Yue Chinese"),
        (AuditEvent.USER_INVITED, "user", (), "invited Provider of Riverside Clinic"),
        (AuditEvent.USER_CHANGED, "user", ("role",), "changed the user Provider of Riverside Clinic: role"),
        (AuditEvent.USER_DEACTIVATED, "user", (), "deactivated the user Provider of Riverside Clinic"),
        (AuditEvent.USER_REACTIVATED, "user", (), "reactivated the user Provider of Riverside Clinic"),
        (AuditEvent.FACTOR_RESET, "user", (), "reset the second factor of Provider of Riverside Clinic"),
        (AuditEvent.DISPLAY_MADE, "display", ("Front desk",), "made the display Front desk"),
        (AuditEvent.DISPLAY_REVOKED, "display", ("Front desk",), "switched the display Front desk off"),
        (AuditEvent.TRAIL_EXPORTED, "", (), "downloaded the audit trail"),
    ],
)  # fmt: skip
def test_what_an_administrator_does_is_a_sentence_with_names(
    world_on_either: World, what: AuditEvent, kind: str, fields: tuple[str, ...], sentence: str
) -> None:
    world = world_on_either
    clinic = world.clinic
    ids = {
        "clinic": clinic.id,
        "language": clinic.id,
        "company": clinic.companies["Clearsign"],
        "hunt_group": clinic.groups["ASL daytime"],
        "user": clinic.users["provider"],
        "display": 1,
    }
    write(world, what, About(kind, ids[kind]) if kind else None, fields)

    assert f"{ADMIN} {sentence}" in lines(world.login(Role.ADMIN).get(TRAIL))


def test_a_deleted_group_keeps_its_name_and_its_number_goes_to_no_other(world: World) -> None:
    scope, now = world.clinic.scope(Role.ADMIN), world.now
    with world.jobs.app_context():
        first = add_group(scope, name="Nights", language_tag="ase", now=now).id
        assert first is not None
        remove_group(scope, first, now=now)
        second = add_group(scope, name="Weekends", language_tag="ase", now=now).id

    said = lines(world.login(Role.ADMIN).get(TRAIL))
    assert first != second
    assert f"{ADMIN} added the hunt group Nights" in said
    assert f"{ADMIN} deleted the hunt group Nights" in said
    assert f"{ADMIN} added the hunt group Weekends" in said


def test_every_event_has_a_sentence_of_its_own(world: World) -> None:
    for what in AuditEvent:
        write(world, what, About("user", world.clinic.users["provider"]))
    with world.jobs.app_context():
        scope = world.clinic.scope(Role.ADMIN)
        batches = list(trail_queries.trail_of_period(scope, world.now, world.now + timedelta(days=1), now=world.now))

    for facts in batches[0]:
        stored = facts.what.replace("_", " ").capitalize()
        assert sentence_of(facts) != stored or facts.what == AuditEvent.REQUEST_MOVED, facts.what


def test_logins_and_visits_are_in_it_and_visits_are_linked(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    page = world.login(Role.ADMIN).get(TRAIL)

    assert lines(page) == [
        f"{ADMIN} logged in",
        "Request to dispatch@clearsign.example was taken by the mail server",
        "Scheduler of Riverside Clinic asked for an interpreter",
        "Scheduler of Riverside Clinic created the visit",
    ]
    links = [(link.get_text(), link["href"]) for link in soup_of(page).select(".trail a")]
    assert links == [("A-10001", f"/visits/{visit}")] * 3


def test_a_period_shows_its_days_in_the_clinics_zone(world: World) -> None:
    world.now = world.now.replace(hour=7, minute=59)  # 23:59 of the day before in Los Angeles
    write(world, AuditEvent.SETTINGS_CHANGED, fields=("name",))
    world.now = world.now.replace(hour=8, minute=0)
    write(world, AuditEvent.SETTINGS_CHANGED, fields=("contact_phone",))
    client = world.login(Role.ADMIN)

    day_before = client.get(TRAIL, query_string={"from": "2026-11-22", "to": "2026-11-22"})
    day = client.get(TRAIL, query_string={"from": "2026-11-23", "to": "2026-11-23"})

    assert lines(day_before) == [f"{ADMIN} changed the settings: name"]
    assert f"{ADMIN} changed the settings: contact phone" in lines(day)
    assert f"{ADMIN} changed the settings: name" not in lines(day)


def test_the_last_seven_days_are_shown_at_first(world: World) -> None:
    world.now -= timedelta(days=7)
    write(world, AuditEvent.SETTINGS_CHANGED, fields=("name",))
    world.now += timedelta(days=1)
    write(world, AuditEvent.SETTINGS_CHANGED, fields=("contact_phone",))
    world.now += timedelta(days=6)
    page = world.login(Role.ADMIN).get(TRAIL)

    assert f"{ADMIN} changed the settings: contact phone" in lines(page)
    assert f"{ADMIN} changed the settings: name" not in lines(page)
    fields = {str(field["name"]): field.get("value") for field in soup_of(page).select(".period input")}
    assert fields == {"from": "2026-11-17", "to": "2026-11-23"}


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"from": "2026-11-20"}, ("2026-11-20", "2026-11-23")),
        ({"from": "2026-12-20"}, ("2026-12-20", "2026-12-20")),
        ({"to": "2026-10-07"}, ("2026-10-01", "2026-10-07")),
        ({"to": "2000-01-08"}, ("2000-01-08", "2000-01-08")),
        ({"from": "2100-12-24"}, ("2100-12-24", "2100-12-24")),
    ],
)
def test_one_date_alone_is_enough(world: World, values: dict[str, str], shown: tuple[str, str]) -> None:
    client = world.login(Role.ADMIN)
    page = client.get(TRAIL, query_string=values)

    assert page.status_code == 200
    assert tuple(field["value"] for field in soup_of(page).select(".period input")) == shown
    assert download(client, **dict(zip(("from", "to"), shown, strict=True))).status_code == 200


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"from": "x"}, "from"),
        ({"to": "24.11.2026"}, "to"),
        ({"from": "2026-11-24", "to": "2026-11-23"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "to"),
    ],
)
def test_dates_that_make_no_period_get_a_message(world: World, values: dict[str, str], field: str) -> None:
    client = world.login(Role.ADMIN)
    before = len(world.trail())

    for page in (client.get(TRAIL, query_string=values), download(client, **values)):
        assert page.status_code == 422
        assert complaint(page, field).near
        assert lines(page) == []
    assert len(world.trail()) == before


def test_a_long_period_comes_in_pages(world_on_either: World) -> None:
    world = world_on_either
    for _ in range(PAGE_SIZE + 4):
        write(world, AuditEvent.SETTINGS_CHANGED, fields=("name",))
    client = world.login(Role.ADMIN)

    first, second = client.get(TRAIL), client.get(TRAIL, query_string={"page": 2})
    beyond = client.get(TRAIL, query_string={"page": 10**9})

    assert len(lines(first)) == PAGE_SIZE
    assert len(lines(second)) == 5
    assert f"{PAGE_SIZE + 1}–{PAGE_SIZE + 5} of {PAGE_SIZE + 5} lines" in words(second)
    assert beyond.status_code == 422
    assert "There is no such page. This is page 2 of 2." in words(beyond)
    assert lines(beyond) == lines(second)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_reads_or_takes_it(world: World, role: Role) -> None:
    visit = world.book()
    client = world.login(role)
    token = csrf_of(client.get("/"))
    before = len(world.trail())

    assert client.get(TRAIL).status_code == 403
    assert client.post(f"{TRAIL}/csv", data={"csrf_token": token}).status_code == 403
    assert client.post(f"{TRAIL}/visits/{visit}/csv", data={"csrf_token": token}).status_code == 403
    assert "Download CSV" not in client.get(f"/visits/{visit}").text
    assert len(world.trail()) == before


def test_another_clinics_trail_is_neither_shown_nor_taken(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = world.book(ask=["Clearsign"], clinic=harbor)
    client = world.login(Role.ADMIN)
    before = len(world.trail())

    assert lines(client.get(TRAIL)) == [f"{ADMIN} logged in"]
    assert download(client, f"visits/{theirs}/csv").status_code == 404
    assert len(world.trail()) == before
    assert {row["actor"] for row in table(download(client))} == {ADMIN}


# ---- the files


def test_a_periods_file_holds_every_line_and_its_own_making(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    world.pass_time(minutes=1)
    world.accept(visit, "Clearsign")
    world.pass_time(minutes=1)
    client = world.login(Role.ADMIN)
    answer = download(client, **{"from": str(TODAY), "to": str(TODAY)})
    rows = table(answer)

    assert answer.headers["Content-Disposition"] == 'attachment; filename="trail-2026-11-23-to-2026-11-23.csv"'
    assert answer.content_type == "text/csv; charset=utf-8"
    assert [row["event"] for row in rows] == [
        "visit_created", "request_made", "invite_accepted", "request_moved", "logged_in", "trail_exported",
    ]  # fmt: skip
    assert [entry.what for entry in world.trail()][-1] == "trail_exported"
    request = str(world.request_of(visit).id)
    assert rows[2] == dict.fromkeys(HEADER, "") | {
        "at (UTC)": "2026-11-23T20:01:00Z",
        "at (clinic)": "2026-11-23T12:01:00-08:00",
        "actor kind": "company",
        "actor": "Clearsign",
        "event": "invite_accepted",
        "visit": "A-10001",
        "visit id": str(visit),
        "request id": request,
        "company": "Clearsign",
        "to": "accepted",
        "responder": "T. Boyle",
    }
    assert (rows[3]["from"], rows[3]["to"], rows[3]["actor kind"]) == ("pending", "accepted", "company")
    assert (rows[0]["actor kind"], rows[0]["actor"]) == ("user", "Scheduler of Riverside Clinic")


def test_a_visits_file_holds_its_history_alone(world_on_either: World) -> None:
    world = world_on_either
    visit, _other = world.book(ask=["Clearsign"]), world.book(ask=["Lumen"])
    world.tick()
    answer = download(world.login(Role.ADMIN), f"visits/{visit}/csv")
    rows = table(answer)

    assert [row["event"] for row in rows] == ["visit_created", "request_made", "mail_sent", "trail_exported"]
    assert (rows[2]["mail"], rows[2]["mail to"]) == ("invite", "dispatch@clearsign.example")
    assert rows[2]["actor kind"] == "product"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="trail-visit-{visit}.csv"'
    assert world.trail()[-1].visit_id == visit


def test_the_details_offer_the_file_to_administrators(world: World) -> None:
    visit = world.book()
    client = world.login(Role.ADMIN)
    form = soup_of(client.get(f"/visits/{visit}")).find("form", action=f"{TRAIL}/visits/{visit}/csv")
    assert form is not None

    data = {str(field["name"]): str(field["value"]) for field in form.find_all("input")}
    assert len(table(client.post(str(form["action"]), data=data))) == 2


def test_looking_at_the_file_is_no_get(world: World) -> None:
    client = world.login(Role.ADMIN)

    assert client.get(f"{TRAIL}/csv").status_code == 405
    assert client.post(f"{TRAIL}/csv").status_code == 400  # without the form's token
    assert [entry.what for entry in world.trail()] == ["logged_in"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_nothing_in_a_file_is_a_formula(world: World, start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"
    evil = f'{start}HYPERLINK("http://evil.example")'
    world.accept(world.book(ask=["Clearsign"]), "Clearsign")
    world.change(Company, world.clinic.companies["Clearsign"], name=evil)
    world.change(User, world.clinic.users["scheduler"], name=evil)
    write(world, AuditEvent.COMPANY_CHANGED, About("company", world.clinic.companies["Clearsign"]), ("name",))

    rows = table(download(world.login(Role.ADMIN)))

    assert not [value for row in rows for value in row.values() if value.startswith(start)]
    assert f"'{evil}" in {row["company"] for row in rows} & {row["about"] for row in rows}


@pytest.mark.parametrize("name", ["Zoë, “Ltd”", 'Quote " and, comma', "Line\nbreak", "日本手話"])
def test_names_survive_the_file(world: World, name: str) -> None:
    world.accept(world.book(ask=["Clearsign"]), "Clearsign")
    world.change(Company, world.clinic.companies["Clearsign"], name=name)

    assert name in {row["company"] for row in table(download(world.login(Role.ADMIN)))}


def test_no_patient_is_in_any_file_or_on_the_page(world: World) -> None:
    marks = ("Zyxomma", "987654", "Quenchless")
    visit = world.book(
        ask=["Clearsign"], patient_name="Zyxomma Marker", patient_contact="+1 555 987654", reason="Quenchless cough"
    )
    write(world, AuditEvent.VISIT_CHANGED, fields=("patient_name", "patient_contact", "reason"))
    client = world.login(Role.ADMIN)

    for answer in (client.get(TRAIL), download(client), download(client, f"visits/{visit}/csv")):
        assert answer.status_code == 200
        assert not [mark for mark in marks if mark in answer.text]


def test_fields_are_listed_by_their_stored_names(world: World) -> None:
    write(world, AuditEvent.VISIT_CHANGED, fields=tuple(FIELD_WORDS)[:3])

    assert "patient_name patient_contact start_time" in {
        row["fields"] for row in table(download(world.login(Role.ADMIN)))
    }


def test_batches_leave_nothing_out_and_repeat_nothing(world_on_either: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_on_either
    monkeypatch.setattr(trail_queries, "BATCH_SIZE", 3)
    for number in range(10):
        world.now += timedelta(seconds=number // 4)  # several lines at one instant, across batches
        write(world, AuditEvent.SETTINGS_CHANGED, fields=(f"field_{number}",))

    rows = table(download(world.login(Role.ADMIN)))

    assert [row["fields"] for row in rows] == [*(f"field_{number}" for number in range(10)), "", ""]


def lengthen(world: World, lines: int) -> None:
    entry = {"clinic_id": world.clinic.id, "at": world.now, "what": "settings_changed", "fields": ["name"]}
    with world.jobs.app_context(), transaction() as session:
        session.execute(insert(AuditEntry), [entry] * lines)


def lines_and_peak(client: FlaskClient, token: str) -> tuple[int, int]:
    """How many lines a download has, and how many bytes were in memory at once for it, what waits to be collected
    aside."""
    gc.collect()
    gc.freeze()  # what is there already need not be looked through again and again
    tracemalloc.start()
    answer = client.post(f"{TRAIL}/csv", data={"csrf_token": token}, buffered=False)
    found = collected = 0
    for piece in answer.iter_encoded():
        found += piece.count(b"\r\n")
        if found >= collected + trail_queries.BATCH_SIZE:
            collected = found
            gc.collect()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    gc.unfreeze()
    answer.close()
    return found, peak


def test_a_long_trail_is_sent_as_it_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory at once is a batch, not the file: ten times as many lines need no more of it."""
    monkeypatch.setattr(trail_queries, "BATCH_SIZE", 50)
    lengthen(world, 200)
    client = world.login(Role.ADMIN)
    token = csrf_of(client.get(TRAIL))
    lines_and_peak(client, token)  # fills the caches that stay
    short, once = lines_and_peak(client, token)
    lengthen(world, 1_800)
    long, later = lines_and_peak(client, token)

    assert (short, long) == (200 + 4, 2_000 + 5)  # the heading, the login, a line for each download
    assert later < 1.5 * once, (once, later)


def test_the_file_is_in_the_clinics_zone_whatever_the_readers(world: World) -> None:
    rows = table(download(world.login(Role.ADMIN)))

    assert ZONE == "America/Los_Angeles"
    assert {row["at (clinic)"][-6:] for row in rows} == {"-08:00"}
