"""Create New Visit: the form, its preview, Back and Confirm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta

import pytest

from shared.models import Clinic, Company, CompanyAddress, HuntGroupMember, Visit
from shared.states import BadgeKind, Role
from tests.web.booking import back, confirm, filled, is_form, is_preview, kept, preview, send_form
from tests.web.checks import counts, csrf_of, dump, soup_of, words
from tests.world import TOMORROW, World

CHANGED = "The visit was changed after its preview. Check it and press Create Visit again."
REGROUPED = "Whom you ask, or the clinic's time zone, has changed since the preview. Look at everything again."
HTMX = {"HX-Request": "true"}


def visit_ids(world: World) -> list[int]:
    return [int(row[0]) for row in dump(world)["visit"]]


def made(location: str | None) -> int:
    """The visit that an answer leads to."""
    assert location is not None
    assert location.startswith("/visits/")
    return int(location.removeprefix("/visits/"))


def without_sessions(world: World) -> dict[str, int]:
    return {name: count for name, count in counts(world).items() if name != "user_session"}


def test_a_filled_form_is_previewed_without_storing_anything_and_confirmed(world_on_either: World) -> None:
    world = world_on_either
    client = world.login()
    before = without_sessions(world)

    page = preview(client, filled(world, ask=["Clearsign", "ASL daytime"]))
    shown = words(page)
    for fact in (
        "Jonah Pike",
        "+1 555 0199",
        "Provider of Riverside Clinic",
        "Tue 24 Nov 2026",
        "09:30",
        "PST",
        "45 minutes",
        "Video",
        "New patient",
        "American Sign Language",
        "Clearsign",
        "Northlight",
        "Bridgeway",
        "Cardiology vocabulary.",
        "Pending Request",
        "sent when you confirm",
    ):
        assert fact in shown, fact
    assert "Lumen" not in shown
    assert without_sessions(world) == before
    world.tick()
    assert world.post.received == []

    answer = confirm(client, page)
    assert answer.status_code == 303
    visit = made(answer.location)
    after = without_sessions(world)
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "appointment": 1,
        "visit": 1,
        "confirmation": 1,
        "request": 1,
        "request_visit": 1,
        "invite": 3,
        "invite_address": 3,
        "mail": 3,
        "audit_entry": after["audit_entry"] - before["audit_entry"],
        "job_run": after["job_run"],
    }
    details = client.get(answer.location)
    for fact in ("Jonah Pike", "A-10001", "Pending Request", "Clearsign", "Northlight", "Bridgeway"):
        assert fact in words(details), fact
    assert world.badge(visit) == "Pending Request"


def test_back_returns_everything_as_it_was_filled_in(world: World) -> None:
    client = world.login()
    values = filled(
        world,
        ask=["ASL daytime", "Lumen"],
        patient_name='Zoë <b>O\'Neil</b> & "Co"',
        notes="First line\n\n  indented\nlast & <line>",
        reason="  two  blanks inside ",
        start_time="00:05",
        date="2026-12-31",
    )
    before = without_sessions(world)

    form = back(client, preview(client, values))

    assert form.status_code == 200
    assert is_form(form)
    assert kept(form) == values | {"reason": "two  blanks inside"}
    assert without_sessions(world) == before
    assert is_preview(send_form(client, kept(form), page=form))


def test_a_second_confirm_of_the_same_preview_shows_the_visit_already_made(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world, ask=["Clearsign"]))

    first, second = confirm(client, page), confirm(client, page)
    world.pass_time(minutes=5)
    third = confirm(client, page)

    assert (first.status_code, second.status_code, third.status_code) == (303, 303, 303)
    assert first.location == second.location == third.location
    assert len(visit_ids(world)) == 1
    assert len(world.outbox()) == 1


def test_two_confirms_at_once_make_one_visit(world_on_either: World) -> None:
    world = world_on_either
    client = world.login()
    page = preview(client, filled(world, ask=["Clearsign"]))
    held = client.get_cookie("session")
    assert held is not None

    def press(_number: int) -> str | None:
        browser = world.portal.test_client()
        browser.set_cookie("session", held.value)
        return confirm(browser, page).location

    with ThreadPoolExecutor(8) as pool:
        locations = set(pool.map(press, range(8)))

    assert locations == {f"/visits/{visit_ids(world)[0]}"}
    assert len(visit_ids(world)) == 1


def test_the_same_preview_still_leads_to_its_visit_after_the_start(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world))
    first = confirm(client, page)
    world.now = world.now + timedelta(days=3)

    assert confirm(world.login(), page, csrf_token=csrf_of(world.login().get("/"))).status_code == 400
    again = world.login()
    answer = confirm(again, page, csrf_token=csrf_of(again.get("/")))
    assert (answer.status_code, answer.location) == (303, first.location)


@pytest.mark.parametrize(
    "tampered",
    [
        {"patient_name": "Somebody Else"},
        {"patient_contact": ""},
        {"reason": "Other"},
        {"start_time": "10:30"},
        {"date": "2026-11-25"},
        {"duration": "60"},
        {"visit_type": "phone"},
        {"notes": "Other notes"},
        {"interpreter": ["company:4"]},
        {"preview": ""},
        {"preview": "made.up"},
        {"preview": "é\0"},
    ],
    ids="-".join,
)
def test_a_preview_that_does_not_fit_its_content_shows_the_form_and_says_so(
    world: World, tampered: dict[str, str | list[str]]
) -> None:
    client = world.login()
    values = filled(world, ask=["Clearsign", "Northlight"])
    page = preview(client, values)

    answer = confirm(client, page, **tampered)

    assert answer.status_code == 422
    assert is_form(answer)
    assert CHANGED in words(answer)
    assert kept(answer) == values | {name: value for name, value in tampered.items() if name != "preview"}
    assert visit_ids(world) == []


def test_a_used_preview_with_other_content_makes_no_second_visit(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world))
    confirm(client, page)

    answer = confirm(client, page, patient_name="Somebody Else")

    assert answer.status_code == 422
    assert CHANGED in words(answer)
    assert len(visit_ids(world)) == 1


def test_a_preview_is_its_users_alone(world: World) -> None:
    scheduler, admin = world.login(), world.login(Role.ADMIN)
    page = preview(scheduler, filled(world))

    answer = confirm(admin, page, csrf_token=csrf_of(admin.get("/")))

    assert answer.status_code == 422
    assert CHANGED in words(answer)
    assert visit_ids(world) == []


def test_a_token_signed_for_something_else_is_no_preview(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world))
    author = soup_of(page).find("input", attrs={"name": "author"})
    assert author is not None

    answer = confirm(client, page, preview=str(author["value"]))

    assert answer.status_code == 422
    assert CHANGED in words(answer)


def test_a_start_that_passes_between_preview_and_confirm_is_said_at_its_field(world: World) -> None:
    client = world.login()
    values = filled(world, ask=["Clearsign"], date="2026-11-23", start_time="12:05")
    page = preview(client, values)
    world.pass_time(minutes=5)

    answer = confirm(client, page)

    assert answer.status_code == 422
    assert is_form(answer)
    assert "That time has passed in Los Angeles. Choose a later one." in words(answer)
    assert kept(answer) == values
    assert visit_ids(world) == []


def test_a_group_that_changed_after_the_preview_is_previewed_again(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world, ask=["ASL daytime"]))
    group, company = world.clinic.groups["ASL daytime"], world.clinic.companies["Northlight"]
    world.change(Company, company, accredited=False)

    again = confirm(client, page)

    assert again.status_code == 200
    assert is_preview(again)
    assert REGROUPED in words(again)
    assert "Clearsign" in words(again)
    assert "Northlight" not in words(again)
    assert visit_ids(world) == []

    visit = made(confirm(client, again).location)
    assert [invite.company_id for invite in world.invites_of(visit)] == [
        world.clinic.companies["Clearsign"],
        world.clinic.companies["Bridgeway"],
    ]
    assert (group, company) in {(row[0], row[1]) for row in dump(world)[HuntGroupMember.__tablename__]}


def test_a_group_whose_order_changed_needs_no_second_preview(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world, ask=["ASL daytime"]))
    world.change(HuntGroupMember, (world.clinic.groups["ASL daytime"], world.clinic.companies["Clearsign"]), position=9)

    assert confirm(client, page).status_code == 303


def test_a_company_suspended_after_the_preview_is_an_error_at_the_interpreter(world: World) -> None:
    client = world.login()
    values = filled(world, ask=["Clearsign", "Northlight"])
    page = preview(client, values)
    world.change(Company, world.clinic.companies["Clearsign"], accredited=False)

    answer = confirm(client, page)

    assert answer.status_code == 422
    assert "Clearsign is suspended and can't be asked. Choose another." in words(answer)
    assert visit_ids(world) == []


def test_a_company_named_by_two_groups_and_by_itself_is_asked_once(world: World) -> None:
    client = world.login()
    company = f"company:{world.clinic.companies['Clearsign']}"
    page = preview(client, filled(world, ask=["ASL daytime", "Clearsign"]))
    twice = filled(world, ask=["ASL daytime", "Clearsign"])
    twice["interpreter"] = [*twice["interpreter"], company, company]

    for shown in (page, preview(client, twice)):
        visit = made(confirm(client, shown).location)
        assert len(world.invites_of(visit)) == 3


def test_a_visit_without_an_interpreter_sends_nothing(world: World) -> None:
    client = world.login()

    page = preview(client, filled(world))
    assert "Pending Request" not in words(page)
    visit = made(confirm(client, page).location)

    assert world.badge(visit) == "No interpreter asked"
    assert world.outbox() == []
    assert "No interpreter asked" in words(client.get(f"/visits/{visit}"))


def test_an_overlapping_visit_is_a_warning_and_no_error(world: World) -> None:
    world.book(wall=time(9, 0))
    client = world.login()

    page = preview(client, filled(world))
    assert "Provider of Riverside Clinic already has a visit at that time" in words(page)
    assert confirm(client, page).status_code == 303


def test_a_new_form_is_for_the_day_that_the_schedule_showed(world: World) -> None:
    client = world.login()

    assert kept(client.get("/visits/new?date=2026-12-24"))["date"] == "2026-12-24"
    for unusable in ("", "2020-01-01", "nonsense", "2026-11-31", "9999-12-31"):
        assert kept(client.get(f"/visits/new?date={unusable}"))["date"] == "2026-11-23", unusable


def test_mandatory_fields_carry_a_star(shared_world: World) -> None:
    page = soup_of(shared_world.login().get("/visits/new"))

    def label(name: str) -> str:
        field = page.find(True, attrs={"name": name})
        assert field is not None, name
        found = page.find("label", attrs={"for": str(field.get("id"))}) or field.find_parent("fieldset")
        assert found is not None, name
        return found.get_text(" ", strip=True)

    for name in ("patient_name", "provider", "date", "start_time", "duration", "visit_type"):
        assert "*" in label(name), name
    for name in ("patient_contact", "reason", "language", "notes"):
        assert "*" not in label(name), name


def test_the_language_is_offered_with_the_clinics_languages_alone(shared_world: World) -> None:
    page = soup_of(shared_world.login().get("/visits/new"))
    options = {str(option["value"]) for option in page.select("select[name=language] option")}

    assert options == {"", "ase", "es"}


def test_the_choices_for_a_language_come_as_a_fragment_to_htmx_and_as_a_page_to_others(world: World) -> None:
    client = world.login()

    fragment = client.get("/visits/interpreters?language=ase", headers=HTMX)
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    boxes = soup_of(fragment).select("input[name=interpreter]")
    assert {str(box["value"]) for box in boxes} == {
        f"group:{world.clinic.groups['ASL daytime']}",
        *(f"company:{number}" for number in world.clinic.companies.values()),
    }

    for headers in ({}, HTMX | {"HX-Boosted": "true"}, HTMX | {"HX-History-Restore-Request": "true"}):
        plain = client.get("/visits/interpreters?language=ase", headers=headers)
        assert (plain.status_code, plain.location) == (303, "/visits/new"), headers


@pytest.mark.parametrize("language", ["", "xx", "es%00", "%00", "%ff", "a" * 5000, "ASE", "ase ", "<b>"])
def test_a_language_that_the_clinic_does_not_have_offers_nobody(world_on_either: World, language: str) -> None:
    answer = world_on_either.login().get(f"/visits/interpreters?language={language}", headers=HTMX)

    assert answer.status_code == 200
    assert not soup_of(answer).select("input[name=interpreter]")


def test_without_scripts_a_button_reloads_the_choices_and_keeps_everything(world: World) -> None:
    client = world.login()
    values = filled(world, language="ase", date="", start_time="nonsense", patient_name="")

    answer = send_form(client, values, do="choices")

    assert answer.status_code == 200
    assert len(soup_of(answer).select("input[name=interpreter]")) == 5
    assert kept(answer) == values | {"interpreter": []}
    assert visit_ids(world) == []


def test_a_company_without_a_working_address_is_greyed_with_why(world: World) -> None:
    world.add_company("Silent", emails=["nobody@silent.example"])
    page = world.login().get("/visits/interpreters?language=ase", headers=HTMX)
    assert "No working mail address" not in words(page)

    address = next(row[0] for row in dump(world)["company_address"] if "nobody@silent.example" in row)
    world.change(CompanyAddress, address, refused_at=world.now)
    page = world.login().get("/visits/interpreters?language=ase", headers=HTMX)
    box = soup_of(page).find("input", attrs={"value": f"company:{world.clinic.companies['Silent']}"})
    assert box is not None
    assert box.has_attr("disabled")
    assert "No working mail address. Call +1 555 0170." in words(page)


def test_with_dispatch_off_no_interpreter_is_offered_and_none_can_be_asked(world: World) -> None:
    client = world.login()
    page = client.get("/visits/new")
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    form = soup_of(client.get("/visits/new"))
    for name in ("language", "interpreter", "notes"):
        assert form.find(True, attrs={"name": name, "type": lambda kind: kind != "hidden"}) is None, name
    fragment = client.get("/visits/interpreters?language=ase", headers=HTMX)
    assert not soup_of(fragment).select("input[name=interpreter]")

    refused = send_form(client, filled(world, ask=["Clearsign"]), page=page)
    assert refused.status_code == 422
    said = words(refused)
    assert "Interpreter requests are switched off for this clinic. An administrator can switch them on." in said
    assert "Pressed again, the button creates a visit without an interpreter." in said
    assert is_preview(send_form(client, filled(world)))


def test_dispatch_switched_off_after_the_preview_stops_the_confirm(world: World) -> None:
    client = world.login()
    page = preview(client, filled(world, ask=["Clearsign"]))
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    answer = confirm(client, page)

    assert answer.status_code == 422
    assert "Interpreter requests are switched off" in words(answer)
    assert visit_ids(world) == []


def test_a_visit_keeps_the_zone_that_the_clinic_had_when_it_was_made(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.change(Clinic, world.clinic.id, time_zone="America/New_York")
    client = world.login()

    page = words(client.get(f"/visits/{visit}"))
    assert "09:30" in page
    assert "PST" in page
    assert f"/visits/{visit}" in client.get(f"/schedule?date={TOMORROW}").text
    with world.jobs.app_context():
        assert {row[Visit.__table__.c.keys().index("time_zone")] for row in dump(world)["visit"]} == {
            "America/Los_Angeles"
        }


def test_the_badge_of_the_preview_is_the_pending_one(world: World) -> None:
    page = preview(world.login(), filled(world, ask=["Clearsign"]))

    badge = soup_of(page).select_one(f".badge.{BadgeKind.PENDING.value}")
    assert badge is not None
    assert badge.get_text(strip=True) == "Pending Request"


def test_the_deadline_of_the_preview_is_the_start_if_that_is_sooner(world: World) -> None:
    client = world.login()

    near = preview(client, filled(world, ask=["Clearsign"], date="2026-11-23", start_time="15:45"))
    assert "15:45 PST" in words(near)
    far = preview(client, filled(world, ask=["Clearsign"], date=str(date(2026, 12, 1))))
    assert "12:00 PST" in words(far)
