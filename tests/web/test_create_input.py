"""Create New Visit with input that is wrong: 422, one clear message at its field, a summary on top, nothing lost."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.db import transaction
from shared.models import Company, CompanyAddress, HuntGroupMember, User
from shared.states import Role
from tests.web.booking import Values, confirm, filled, is_form, is_preview, kept, preview, send_form
from tests.web.checks import complaint, csrf_of, dump, soup_of, words
from tests.world import ClinicInWorld, World

UNREADABLE = "This holds characters that can't be read. Type it again."
ONE_LINE = "Write this on one line."
NO_DATE = "Write the date as year-month-day, for example 2026-11-24."
NO_TIME = "Write the time as hours and minutes, for example 09:30."
PASSED = "That time has passed in Los Angeles. Choose a later one."
NOT_LISTED = "One of the interpreters chosen is not on the list any more. Choose again."
NO_PROVIDER = "Choose a provider from the list."
NO_CONTACT = "Write an e-mail address or a phone number."
NO_NAME = "Write the patient's name."

WRONG: list[tuple[str, str | list[str], str]] = [
    ("patient_name", "", NO_NAME),
    ("patient_name", "   ", NO_NAME),
    ("patient_name", "\u00a0\u2003", NO_NAME),
    ("patient_name", "x" * 121, "120 characters"),
    ("patient_name", "x" * 50_000, "120 characters"),
    ("patient_name", "a\0b", UNREADABLE),
    ("patient_name", "a\x07b", UNREADABLE),
    ("patient_name", "a\x9fb", UNREADABLE),
    ("patient_name", "a\ufffdb", UNREADABLE),
    ("patient_name", "Jonah\nPike", ONE_LINE),
    ("patient_name", "Jonah\u2028Pike", ONE_LINE),
    ("patient_name", "Jonah\tPike", ONE_LINE),
    ("patient_contact", "x@", "This is not a complete e-mail address."),
    ("patient_contact", "a@b@c.example", "This is not a complete e-mail address."),
    ("patient_contact", "call me", NO_CONTACT),
    ("patient_contact", "1234", NO_CONTACT),
    ("patient_contact", "5" * 255, "254 characters"),
    ("patient_contact", "<b>+1 555 0199</b>", NO_CONTACT),
    ("provider", "", "Choose a provider."),
    ("provider", "0", NO_PROVIDER),
    ("provider", "-1", NO_PROVIDER),
    ("provider", "1.0", NO_PROVIDER),
    ("provider", "999999", NO_PROVIDER),
    ("provider", "9" * 30, NO_PROVIDER),
    ("provider", "9" * 5000, NO_PROVIDER),
    ("provider", "１", NO_PROVIDER),
    ("provider", "1 or 1=1", NO_PROVIDER),
    ("provider", "\0", NO_PROVIDER),
    ("date", "", "Choose a date."),
    ("date", "24/11/2026", NO_DATE),
    ("date", "2026-13-01", NO_DATE),
    ("date", "2027-02-29", NO_DATE),
    ("date", "99999-01-01", NO_DATE),
    ("date", "0000-00-00", NO_DATE),
    ("date", "x" * 2000, NO_DATE),
    ("date", ["2026-11-24", "2026-11-25"], NO_DATE),
    ("date", "2026-11-20", "That date has passed. Choose a later one."),
    ("date", "0001-01-01", "That date has passed. Choose a later one."),
    ("date", "2028-12-01", "Choose a date within the next two years."),
    ("date", "9999-12-31", "Choose a date within the next two years."),
    ("start_time", "", "Choose a start time."),
    ("start_time", "9.30", NO_TIME),
    ("start_time", "25:00", NO_TIME),
    ("start_time", "09:60", NO_TIME),
    ("start_time", "half past nine", NO_TIME),
    ("start_time", ["09:30", "10:30"], NO_TIME),
    ("duration", "", "Choose a duration from the list."),
    ("duration", "0", "Choose a duration from the list."),
    ("duration", "7", "Choose a duration from the list."),
    ("duration", "-30", "Choose a duration from the list."),
    ("duration", "9" * 5000, "Choose a duration from the list."),
    ("visit_type", "", "Choose a visit type from the list."),
    ("visit_type", "hologram", "Choose a visit type from the list."),
    ("reason", "x" * 201, "200 characters"),
    ("reason", "a\x1b[31m", UNREADABLE),
    ("reason", "two\nlines", ONE_LINE),
    ("notes", "x" * 1001, "1000 characters"),
    ("notes", "a\0b", UNREADABLE),
    ("language", "xx", "Choose the language that the interpreter is for."),
    ("language", "ASE", "Choose the language that the interpreter is for."),
    ("language", "", "Choose the language that the interpreter is for."),
    ("language", "ase' --", "Choose the language that the interpreter is for."),
    ("language", "es", "Clearsign does not interpret Spanish. Choose another."),
    ("interpreter", [], "Choose at least one company or group to ask, or choose no language."),
    ("interpreter", ["company:999999"], NOT_LISTED),
    ("interpreter", ["company:" + "9" * 30], NOT_LISTED),
    ("interpreter", ["company:"], NOT_LISTED),
    ("interpreter", ["company:１"], NOT_LISTED),
    ("interpreter", ["company:1 or 1"], NOT_LISTED),
    ("interpreter", ["group:999"], NOT_LISTED),
    ("interpreter", [""], NOT_LISTED),
    ("interpreter", ["x"], NOT_LISTED),
    ("interpreter", ["\0"], NOT_LISTED),
    ("interpreter", ["company:" + "1" * 50], "Choose from the list."),
    ("interpreter", [f"company:{number}" for number in range(101)], "Choose from the list."),
]


@dataclass
class Desk:
    """A world that no test here changes, and a browser in it."""

    world: World
    client: FlaskClient
    harbor: ClinicInWorld


@pytest.fixture(scope="module")
def desk(shared_world: World) -> Iterator[Desk]:
    harbor = shared_world.add_clinic("Harbor Family Health", domain="harbor")
    client = shared_world.login()
    client.illegible = True  # type: ignore[attr-defined]
    yield Desk(shared_world, client, harbor)
    assert dump(shared_world)["visit"] == []


def assert_refused(answer: TestResponse, name: str, sentence: str) -> None:
    """422, the form, the message at the field once, and in a summary above the form that leads to the field."""
    assert answer.status_code == 422, words(answer)
    assert is_form(answer)
    page = soup_of(answer)
    if name != "interpreter":
        field = page.find(True, attrs={"name": name})
        assert field is not None
        assert field.get("aria-invalid") == "true"
        assert complaint(answer, name).near.count(sentence) == 1
    summary = [link for link in page.select("a[href^='#']") if sentence in link.get_text()]
    assert len(summary) == 1, f"{sentence}: {words(answer)}"
    assert page.find(id=str(summary[0]["href"]).removeprefix("#")) is not None
    form = page.find("input", attrs={"name": "patient_name"})
    assert form in summary[0].find_all_next("input")
    assert words(answer).count(sentence) == 2, words(answer)


def as_shown(values: Values) -> dict[str, str | list[str]]:
    """How a browser reads back what was sent: trimmed, without what HTML can't carry, choices out of the lists."""
    shown: dict[str, str | list[str]] = {}
    for name, value in values.items():
        if isinstance(value, str):
            shown[name] = value.strip().replace("\0", "\ufffd")
        else:
            shown[name] = " ".join(value) if name in {"date", "start_time"} else list(value)
    return shown


@pytest.mark.parametrize(
    ("name", "value", "sentence"), WRONG, ids=[f"{name}-{repr(value)[:24]}" for name, value, _ in WRONG]
)
def test_a_bad_value_is_said_once_at_its_field_and_nothing_is_lost(
    desk: Desk, name: str, value: str | list[str], sentence: str
) -> None:
    values = filled(desk.world, ask=["Clearsign"]) | {name: value}

    answer = send_form(desk.client, values)

    at = "interpreter" if sentence.startswith("Clearsign") else name
    assert_refused(answer, at, sentence)
    left_out = {name} if name in {"provider", "duration", "visit_type", "language", "interpreter"} else set()
    left_out |= {"interpreter"} if name == "language" else set()
    expected = {key: shown for key, shown in as_shown(values).items() if key not in left_out}
    assert {key: shown for key, shown in kept(answer).items() if key not in left_out} == expected


@pytest.mark.parametrize("name", ["patient_name", "provider", "date", "start_time", "duration", "visit_type"])
def test_a_field_that_is_missing_altogether_is_an_error_and_no_crash(desk: Desk, name: str) -> None:
    values = filled(desk.world)
    del values[name]

    answer = send_form(desk.client, values)

    assert answer.status_code == 422
    assert complaint(answer, name).near


def test_an_empty_form_names_every_field_that_is_needed(desk: Desk) -> None:
    answer = desk.client.post("/visits/new", data={"csrf_token": csrf_of(desk.client.get("/visits/new"))})

    assert answer.status_code == 422
    links = {str(link["href"]) for link in soup_of(answer).select("a[href^='#']")}
    assert links >= {
        f"#{name}" for name in ("patient_name", "provider", "date", "start_time", "duration", "visit_type")
    }


def test_people_who_are_no_active_providers_of_the_clinic_can_not_be_booked(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    left = world.add_user(Role.PROVIDER, "Dr. Left", active=False)
    client = world.login()

    for user in (world.clinic.users["scheduler"], world.clinic.users["admin"], harbor.users["provider"], left):
        answer = send_form(client, filled(world, provider=str(user)))
        assert_refused(answer, "provider", NO_PROVIDER)


def test_a_provider_who_leaves_after_the_preview_is_said_at_the_field(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world))
    world.change(User, world.clinic.users["provider"], active=False)

    assert_refused(confirm(client, page), "provider", NO_PROVIDER)


def test_another_clinics_companies_and_groups_are_not_on_the_list(desk: Desk) -> None:
    theirs = [f"company:{number}" for number in desk.harbor.companies.values()]
    theirs += [f"group:{number}" for number in desk.harbor.groups.values()]

    for pick in theirs:
        answer = send_form(desk.client, filled(desk.world, ask=["Clearsign"]) | {"interpreter": [pick]})
        assert_refused(answer, "interpreter", NOT_LISTED)
        assert "Harbor" not in answer.text


def test_notes_without_a_language_are_said_and_kept(desk: Desk) -> None:
    values = filled(desk.world, notes="For whom?")

    answer = send_form(desk.client, values)

    assert_refused(answer, "language", "Notes for Interpreter need a language and an interpreter, or clear the notes.")
    assert kept(answer) == values


@pytest.mark.parametrize("start", ["12:00", "11:59", "00:00"])
def test_a_start_that_is_not_in_the_future_is_refused(desk: Desk, start: str) -> None:
    answer = send_form(desk.client, filled(desk.world, date="2026-11-23", start_time=start))

    assert_refused(answer, "start_time", PASSED)


def test_yesterday_in_the_clinics_zone_has_passed(desk: Desk) -> None:
    answer = send_form(desk.client, filled(desk.world, date="2026-11-22", start_time="23:59"))

    assert_refused(answer, "start_time", PASSED)


def test_the_next_minute_can_be_booked(desk: Desk) -> None:
    assert is_preview(send_form(desk.client, filled(desk.world, date="2026-11-23", start_time="12:01")))


@pytest.mark.parametrize("start", ["02:00", "02:30", "02:59"])
def test_a_time_that_the_clock_jumps_over_is_refused(desk: Desk, start: str) -> None:
    values = filled(desk.world, ask=["Clearsign"], date="2027-03-14", start_time=start)

    answer = send_form(desk.client, values)

    assert_refused(
        answer, "start_time", "The clock jumps over this time on that day. Choose an earlier or a later one."
    )
    assert kept(answer) == values


@pytest.mark.parametrize(("start", "zone"), [("01:59", "PST (UTC−8)"), ("03:00", "PDT (UTC−7)")])
def test_the_minutes_around_the_jump_can_be_booked(desk: Desk, start: str, zone: str) -> None:
    page = send_form(desk.client, filled(desk.world, date="2027-03-14", start_time=start))

    assert is_preview(page)
    assert zone in words(page)


def test_a_time_that_comes_twice_takes_the_first_and_says_so(desk: Desk) -> None:
    page = send_form(desk.client, filled(desk.world, date="2027-11-07", start_time="01:30"))

    assert is_preview(page)
    assert "The clock goes back on that day and 01:30 comes twice. The visit takes the first, PDT (UTC−7)." in words(
        page
    )


def test_a_suspended_company_can_not_be_asked(world: World) -> None:
    world.change(Company, world.clinic.companies["Clearsign"], accredited=False)
    client = world.login()

    answer = send_form(client, filled(world, ask=["Clearsign", "Northlight"]))

    assert_refused(answer, "interpreter", "Clearsign is suspended and can't be asked. Choose another.")
    offered = {str(box["value"]): box.has_attr("checked") for box in soup_of(answer).select("[name=interpreter]")}
    assert f"company:{world.clinic.companies['Clearsign']}" not in offered
    assert offered[f"company:{world.clinic.companies['Northlight']}"]


def test_a_group_of_suspended_companies_can_not_be_asked(world: World) -> None:
    for name in ("Clearsign", "Northlight", "Bridgeway"):
        world.change(Company, world.clinic.companies[name], accredited=False)

    answer = send_form(world.login(), filled(world, ask=["ASL daytime"]))

    assert answer.status_code == 422
    assert "ASL daytime: No company of this group can be asked now." in words(answer)
    box = soup_of(answer).find("input", attrs={"value": f"group:{world.clinic.groups['ASL daytime']}"})
    assert box is not None
    assert box.has_attr("disabled")


def test_an_empty_group_can_not_be_asked(world: World) -> None:
    with world.jobs.app_context(), transaction() as session:
        session.query(HuntGroupMember).delete()

    answer = send_form(world.login(), filled(world, ask=["ASL daytime"]))

    assert answer.status_code == 422
    assert "ASL daytime: No company of this group can be asked now." in words(answer)


def test_a_company_without_a_working_address_can_not_be_asked(world: World) -> None:
    for row in dump(world)["company_address"]:
        if "dispatch@clearsign.example" in row:
            world.change(CompanyAddress, row[0], refused_at=world.now)

    answer = send_form(world.login(), filled(world, ask=["Clearsign"]))

    assert answer.status_code == 422
    assert "Clearsign: No working mail address. Call +1 555 0170." in words(answer)


FINE = [
    "דנה וייטפילד",
    "دانا‌ وایتفیلد",
    "山田 太郎",
    "👩🏽‍⚕️ Nurse",
    "Zoe\u0308",
    'O\'Neil "Bo" & <b>Co</b>',
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} {% raw %}",
    "' or 1=1; drop table visit --",
    "x" * 120,
    "𝔍" * 120,
    "\u202eekiP hanoJ",
    "%00 %s %(x)s \\0 &amp; &#60;",
]


@pytest.mark.parametrize("name", FINE, ids=range(len(FINE)))
def test_whatever_people_are_called_is_kept_and_shown_as_text(world: World, name: str) -> None:
    client = world.login()

    page = preview(client, filled(world, ask=["Clearsign"], patient_name=name, reason=name, notes=name))
    answer = confirm(client, page)
    assert answer.status_code == 303

    held = name.replace("Zoe\u0308", "Zo\u00eb")
    details = client.get(answer.location)
    for shown in (page, details):
        assert " ".join(held.split()) in words(shown)
        assert "<script>alert" not in shown.text
        assert "<b>Co" not in shown.text
    assert held in [value for row in dump(world)["visit"] for value in row]


@pytest.mark.parametrize("body", [b"patient_name=Jos%E9", b"patient_name=Jos\xe9", b"patient_name=%C3%28", b"%ff=%fe"])
def test_bytes_that_are_no_text_are_refused_at_the_field(desk: Desk, body: bytes) -> None:
    token = csrf_of(desk.client.get("/visits/new")).encode()

    answer = desk.client.post(
        "/visits/new", data=b"csrf_token=" + token + b"&" + body, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 422
    expected = NO_NAME if body.startswith(b"%ff") else UNREADABLE
    assert expected in complaint(answer, "patient_name").near


def test_bytes_that_are_no_text_are_refused_in_a_multipart_form_too(desk: Desk) -> None:
    token = csrf_of(desk.client.get("/visits/new")).encode()
    parts = [b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + token]
    parts += [b'--x\r\nContent-Disposition: form-data; name="patient_name"\r\n\r\nJos\xe9', b"--x--\r\n"]

    answer = desk.client.post("/visits/new", data=b"\r\n".join(parts), content_type="multipart/form-data; boundary=x")

    assert answer.status_code == 422
    assert UNREADABLE in complaint(answer, "patient_name").near


def test_a_field_sent_twice_counts_as_the_preview_shows_it(desk: Desk) -> None:
    values = filled(desk.world) | {"patient_name": ["First Name", "Second Name"], "duration": ["45", "60"]}

    page = send_form(desk.client, values)

    assert "First Name" in words(page)
    assert "Second Name" not in page.text
    assert "45 minutes" in words(page)


def test_lines_of_notes_are_kept_whatever_the_browser_ends_them_with(world: World) -> None:
    client = world.login()

    page = preview(client, filled(world, ask=["Clearsign"], notes="one\r\ntwo\rthree\n\nfour"))
    assert confirm(client, page).status_code == 303

    assert dump(world)["request"][0][7] == "one\ntwo\nthree\n\nfour"
