"""Search on the schedule: what it finds, who finds it, what its addresses hold, and what bad input gets."""

from collections.abc import Mapping
from datetime import date, time, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import Tag
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.search import PATIENT_IN_ADDRESS
from shared.models import Request, User, Visit
from shared.queries.search import PAGE_SIZE
from shared.rules import badge_kind
from shared.states import BADGE_WORDS, BadgeKind, RequestState, Role, VisitStatus
from tests.web.checks import complaint, csrf_of, dump, soup_of, values_of, words
from tests.world import TOMORROW, World

SEARCH = "/schedule/search"


def found(page: TestResponse) -> list[int]:
    """The visits that the page lists, in its order."""
    return [int(str(link["href"]).rpartition("/")[2]) for link in soup_of(page).select(".rows .who a")]


def look(client: FlaskClient, **values: object) -> list[int]:
    """What a shared address finds."""
    page = client.get(SEARCH, query_string={name.rstrip("_"): value for name, value in values.items()})
    assert page.status_code == 200, words(page)
    return found(page)


def send(client: FlaskClient, values: Mapping[str, str]) -> TestResponse:
    """Fill in the form and press Search."""
    page = client.get(SEARCH)
    data = values_of(page, field="patient") | {name: [value] for name, value in values.items()}
    return client.post(SEARCH, data=data)


def patient(client: FlaskClient, name: str) -> list[int]:
    """What a search for a patient finds."""
    page = send(client, {"patient": name})
    assert page.status_code == 200
    return found(page)


def in_all_states(world: World) -> dict[BadgeKind, set[int]]:
    """Visits in every state that a badge knows, by the badge they should have."""
    expected: dict[BadgeKind, set[int]] = {kind: set() for kind in BadgeKind}
    for state in RequestState:
        for status in VisitStatus:
            for ahead in (True, False):
                visit = world.book(ask=["Clearsign"])
                deadline = world.now + timedelta(seconds=1 if ahead else 0)
                request = world.request_of(visit).id
                world.change(Request, request, state=state, deadline=deadline)
                world.change(Visit, visit, status=status)
                expected[badge_kind(status, state, deadline, now=world.now)].add(visit)
    expected[BadgeKind.NONE].add(world.book())
    return expected


def test_every_status_finds_the_visits_whose_badge_reads_so(world_on_either: World) -> None:
    world = world_on_either
    expected = in_all_states(world)
    client = world.login()

    for kind, visits in expected.items():
        assert set(look(client, status=kind.value)) == visits, kind
        page = client.get(SEARCH, query_string={"status": kind.value})
        badges = soup_of(page).select(".rows .badge, .rows .no-badge")
        assert {badge.get_text(strip=True) for badge in badges} == {BADGE_WORDS[kind]}


def test_a_pending_request_reads_not_accepted_from_its_deadline_on(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    assert look(client, status="pending") == [visit]

    world.now = world.request_of(visit).deadline

    assert look(world.login(), status="pending") == []
    assert look(world.login(), status="not-accepted") == [visit]


@pytest.mark.parametrize("text", ["10002", "A-10002", "a-10002", "A10002", " A – 10002 "])
def test_the_number_is_found_with_and_without_its_letter(world: World, text: str) -> None:
    world.book()
    second = world.book()

    assert look(world.login(), number=text) == [second]


def test_provider_company_and_dates_each_narrow_the_search(world_on_either: World) -> None:
    world = world_on_either
    colleague = world.add_user(Role.PROVIDER, "Dr. Second")
    first = world.book(ask=["Clearsign", "Northlight"])
    second = world.book(ask=["Northlight"], provider_id=colleague, day=TOMORROW + timedelta(days=1))
    third = world.book(day=TOMORROW + timedelta(days=2))
    world.accept(first, "Clearsign")
    client, companies = world.login(), world.clinic.companies

    assert look(client, provider=colleague) == [second]
    assert look(client, company=companies["Northlight"]) == [second, first]
    assert look(client, company=companies["Northlight"], status="accepted") == []
    assert look(client, company=companies["Clearsign"], status="accepted") == [first]
    assert look(client, company=companies["Lumen"]) == []
    assert look(client, from_=TOMORROW + timedelta(days=1)) == [third, second]
    assert look(client, to=TOMORROW + timedelta(days=1)) == [second, first]
    assert look(client, from_=TOMORROW, to=TOMORROW) == [first]
    assert look(client, provider=colleague, company=companies["Clearsign"]) == []


def test_dates_are_days_in_the_clinics_zone(world: World) -> None:
    late = world.book(day=TOMORROW, wall=time(23, 30))  # the next day in UTC
    early = world.book(day=TOMORROW + timedelta(days=1), wall=time(0, 15))
    client = world.login()

    assert look(client, from_=TOMORROW, to=TOMORROW) == [late]
    assert look(client, from_=TOMORROW + timedelta(days=1), to=TOMORROW + timedelta(days=1)) == [early]


@pytest.mark.parametrize(
    "text",
    ["garcía", "GARCIA", "lopez garcia", "josé garcía-lópez", "jose LOPEZ", "arc", "O'Brien jose", "obrien", "o’brien"],
)
def test_a_patient_is_found_by_any_part_in_any_order_without_accents_or_capitals(
    world_on_either: World, text: str
) -> None:
    wanted = world_on_either.book(patient_name="José García-López O’Brien")
    world_on_either.book(patient_name="Ruth Abara")

    assert patient(world_on_either.login(), text) == [wanted]


@pytest.mark.parametrize("text", ["zzz", "Ruth Pike", "Ru%x", "rutha", "uth abarax"])
def test_what_the_name_does_not_hold_finds_nobody(world_on_either: World, text: str) -> None:
    world_on_either.book(patient_name="Ruth Abara")

    assert patient(world_on_either.login(), text) == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "' '", "*", "..."])
def test_signs_alone_find_nobody_and_say_why(world: World, text: str) -> None:
    world.book(patient_name="Ruth Abara")
    page = send(world.login(), {"patient": text})

    assert page.status_code == 422
    assert complaint(page, "patient").near.endswith("Write at least one letter of the patient's name.")
    assert found(page) == []


def test_a_name_that_changes_is_found_by_the_new_one_alone(world: World) -> None:
    visit = world.book(patient_name="Ruth Abara")
    world.change(Visit, visit, patient_name="Zoë Lindqvist")
    client = world.login()

    assert patient(client, "zoe") == [visit]
    assert patient(client, "abara") == []


def test_other_fields_narrow_a_patients_search_too(world: World) -> None:
    asked = world.book(ask=["Clearsign"], patient_name="Ruth Abara")
    world.book(patient_name="Ruth Abara")

    assert found(send(world.login(), {"patient": "Ruth", "status": "pending"})) == [asked]


# ---- addresses


def test_a_search_without_a_patient_gets_an_address_that_can_be_shared(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    company = str(world.clinic.companies["Clearsign"])
    values = {"number": "a-10001", "status": "pending", "company": company, "from": str(TOMORROW)}
    answer = send(world.login(), values)

    assert answer.status_code == 303
    assert dict(parse_qsl(urlsplit(answer.location).query)) == values | {"number": "10001"}
    colleague = world.login(Role.STAFF).get(answer.location)
    assert found(colleague) == [visit]
    assert values_of(colleague, field="patient")["status"] == ["pending"]


def addresses(page: TestResponse) -> list[str]:
    """Everything on a page that becomes an address: links, forms' targets, what HTMX asks for."""
    names = ("href", "src", "action", "formaction", "hx-get", "hx-post", "hx-push-url")
    return [str(tag[name]) for tag in soup_of(page).find_all(True) for name in names if tag.has_attr(name)]


def test_a_patients_name_never_stands_in_an_address(world: World) -> None:
    for _ in range(PAGE_SIZE + 1):
        world.book(patient_name="Quentin Marker")
    client = world.login()

    for values in ({"patient": "Quentin Marker"}, {"patient": "Quentin", "status": "none", "from": str(TOMORROW)}):
        page = send(client, values)
        assert page.status_code == 200
        assert "Location" not in page.headers
        assert len(found(page)) == PAGE_SIZE
        assert [address for address in addresses(page) if "uentin" in address or "arker" in address] == []
        title = soup_of(page).title
        assert title is not None
        assert "Quentin" not in title.get_text()


def pages_form(page: TestResponse) -> Tag:
    found = soup_of(page).find("form", attrs={"aria-label": "Pages"})
    assert isinstance(found, Tag)
    return found


def test_the_pages_of_a_patients_search_are_posted_again(world: World) -> None:
    for _ in range(PAGE_SIZE + 2):
        world.book(patient_name="Quentin Marker")
    client = world.login()
    first = send(client, {"patient": "quentin", "from": str(TOMORROW)})
    form = pages_form(first)

    data = {str(field["name"]): str(field["value"]) for field in form.find_all("input")}
    second = client.post(str(form["action"]), data=data | {"page": "2"})

    assert second.status_code == 200
    assert len(found(second)) == 2
    assert not set(found(first)) & set(found(second))
    assert f"{PAGE_SIZE + 1}–{PAGE_SIZE + 2} of {PAGE_SIZE + 2} visits" in words(second)


@pytest.mark.parametrize("name", ["patient", "either"])
def test_a_patient_in_an_address_is_not_searched_for_nor_repeated(world: World, name: str) -> None:
    world.book(patient_name="Quentin Marker")

    page = world.login().get(SEARCH, query_string={name: "Quentin"})

    assert page.status_code == 422
    assert PATIENT_IN_ADDRESS in words(page)
    assert found(page) == []
    assert "Quentin" not in page.text


def test_the_schedules_short_form_takes_a_number_or_a_patient(world: World) -> None:
    visit = world.book(patient_name="Ruth Abara")
    client = world.login()
    hidden = values_of(client.get("/schedule"), field="either")

    by_number = client.post(SEARCH, data=hidden | {"either": ["a-10001"]})
    by_name = client.post(SEARCH, data=hidden | {"either": ["ruth"]})
    by_nothing = client.post(SEARCH, data=hidden)

    assert by_number.location == f"{SEARCH}?number=10001"
    assert found(by_name) == [visit]
    assert by_nothing.location == SEARCH
    assert values_of(client.get(SEARCH), field="patient")["patient"] == [""]


def test_a_search_needs_the_forms_token(world: World) -> None:
    assert world.login().post(SEARCH, data={"patient": "Ruth"}).status_code == 400


# ---- bad input


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("number", "ten", "Write the number as it stands on the visit, for example A-10487."),
        ("number", "1" * 19, "Write the number as it stands on the visit, for example A-10487."),
        ("number", "10001; DROP TABLE visit", "Write the number as it stands on the visit, for example A-10487."),
        ("from", "24/11/2026", "Write the date as year-month-day, for example 2026-11-24."),
        ("to", "2026-02-30", "Write the date as year-month-day, for example 2026-11-24."),
        ("from", "0001-01-01", "Choose a date from 2000-01-08 to 2100-12-24."),
        ("to", "9999-12-31", "Choose a date from 2000-01-08 to 2100-12-24."),
        ("provider", "999999", "Choose a provider from the list."),
        ("provider", "' OR 1=1", "Choose a provider from the list."),
        ("company", "999999", "Choose a company from the list."),
        ("company", "9" * 40, "Choose a company from the list."),
        ("status", "great", "Choose a status from the list."),
    ],
)
def test_bad_input_gets_one_clear_message_at_its_field(world: World, field: str, value: str, sentence: str) -> None:
    world.book()
    client = world.login()

    for page in (client.get(SEARCH, query_string={field: value}), send(client, {field: value})):
        assert page.status_code == 422
        assert complaint(page, field).near.endswith(sentence)
        assert found(page) == []
        assert soup_of(page).find(id="errors") is not None


def test_an_end_before_the_beginning_is_told(world: World) -> None:
    page = world.login().get(SEARCH, query_string={"from": "2026-11-24", "to": "2026-11-23"})

    assert page.status_code == 422
    assert complaint(page, "to").near == "This is before the first date. Choose a later one."


@pytest.mark.parametrize("name", ["\x00", "Ruth\x00", "a\nb", "\ufffd", "x" * 121])
def test_a_name_that_can_not_be_one_is_told(world: World, name: str) -> None:
    client = world.login()
    setattr(client, "illegible", True)  # noqa: B010 - the form shows again what it was sent
    page = send(client, {"patient": name})

    assert page.status_code == 422
    assert complaint(page, "patient").near


# ---- who sees what


@pytest.mark.parametrize("role", list(Role))
def test_nothing_of_another_clinic_is_found_or_told(world: World, role: Role) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.book(clinic=harbor, ask=["Clearsign"], patient_name="Someone Else")
    mine = world.book(ask=["Clearsign"])
    client = world.login(role)
    before = dump(world)

    assert look(client, number="10001") == [mine]
    assert look(client, status="pending") == [mine]
    assert "1–1 of 1 visit," in words(client.get(SEARCH, query_string={"status": "pending"}))
    assert patient(client, "someone") == []
    for field, theirs in (("provider", harbor.users["provider"]), ("company", harbor.companies["Clearsign"])):
        page = client.get(SEARCH, query_string={field: theirs})
        assert page.status_code == 422
        assert found(page) == []
        assert "Harbor" not in page.text
    after = dump(world)
    assert after == before


def test_a_provider_finds_own_visits_only(world: World) -> None:
    colleague = world.add_user(Role.PROVIDER, "Dr. Second")
    mine = world.book(patient_name="Ruth Abara")
    world.book(patient_name="Ruth Abara", provider_id=colleague)
    client = world.login(Role.PROVIDER)

    assert look(client, status="none") == [mine]
    assert patient(client, "ruth") == [mine]
    assert "1–1 of 1 visit," in words(send(client, {"patient": "ruth"}))
    assert look(client, number="10002") == []
    page = client.get(SEARCH, query_string={"provider": colleague})
    assert page.status_code == 422
    assert "Dr. Second" not in page.text


def test_a_provider_who_has_left_can_still_be_searched_for(world: World) -> None:
    left = world.add_user(Role.PROVIDER, "Dr. Gone")
    visit = world.book(provider_id=left)
    world.change(User, left, active=False)

    assert look(world.login(), provider=left) == [visit]


def test_a_lost_login_forgets_the_patient(world: World) -> None:
    client = world.login()
    token = csrf_of(client.get(SEARCH))
    world.pass_time(hours=1)

    answer = client.post(SEARCH, data={"csrf_token": token, "patient": "Quentin"})

    assert answer.status_code == 303
    assert answer.location == "/login"
    assert "Quentin" not in answer.text + str(answer.headers)


def test_a_whole_year_is_searched_as_well_as_a_day(world: World) -> None:
    visit = world.book()

    assert look(world.login(), from_=date(2000, 1, 8), to=date(2100, 12, 24)) == [visit]
