"""Edit: what the form holds, what the preview says first, and what Confirm does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time

import pytest

from shared.db import transaction
from shared.models import Clinic, ClinicLanguage, Company, CompanyAddress, HuntGroup, HuntGroupMember, User, Visit
from shared.states import Role
from tests.web.changing import (
    accepted,
    confirm,
    held,
    is_promise,
    open_change,
    press_back,
    preview,
    save,
    send,
    ticked,
    told,
)
from tests.web.checks import csrf_of, dump, form_of, soup_of, words
from tests.world import World

CHANGED = "The form was changed after its preview. Check it and go on to the preview again."


def stored(world: World, visit: int) -> dict[str, object]:
    """The visit's row."""
    columns = Visit.__table__.c.keys()
    return next(dict(zip(columns, row, strict=True)) for row in dump(world)["visit"] if row[0] == visit)


def test_the_form_opens_with_the_visit_as_it_is_and_its_status(world: World) -> None:
    visit = accepted(world, notes="Cardiology vocabulary.")

    page = open_change(world.login(), visit)

    expected = {
        "patient_name": "Jonah Pike",
        "patient_contact": "+1 555 0199",
        "provider": str(world.clinic.users["provider"]),
        "date": "2026-11-24",
        "start_time": "09:30",
        "duration": "45",
        "visit_type": "video",
        "reason": "New patient",
        "language": "ase",
        "notes": "Cardiology vocabulary.",
        "version": "1",
    }
    assert {name: held(page, name) for name in expected} == expected
    assert ticked(page) == [f"group:{world.clinic.groups['ASL daytime']}"]
    assert "Los Angeles time" in words(page)
    assert soup_of(page).select_one(f".badge-{visit} .badge.accepted") is not None
    assert soup_of(page).select_one("#watch[hx-get]") is not None


def test_what_companies_do_not_see_withdraws_nothing_and_mails_nobody(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    client = world.login()
    request, mails = world.request_of(visit).id, len(world.outbox())

    page = preview(client, visit, patient_contact="ruth@family.example", reason="Follow-up")
    assert told(page) == "What saving will do No company sees any of this: nobody is told."
    confirm(client, page)

    assert stored(world, visit)["patient_contact"] == "ruth@family.example"
    assert stored(world, visit)["version"] == 2
    assert world.request_of(visit).id == request
    assert len(world.outbox()) == mails
    assert world.badge(visit) == "Accepted"


def test_a_new_time_withdraws_the_winner_and_asks_everyone_again_and_the_preview_says_so_first(
    world_on_either: World,
) -> None:
    world = world_on_either
    visit = accepted(world)
    old_link = world.mails(to="Clearsign")[0]
    client = world.login()

    page = preview(client, visit, start_time="10:15")
    said = told(page)
    assert said.startswith(
        "What saving will do Clearsign has accepted. Saving withdraws it and asks everyone again. "
        "Clearsign gets a cancellation and a new request. The meeting room and its PIN change."
    )
    assert "Start time from 09:30 → to 10:15" in words(page)
    for company in ("Clearsign", "Northlight", "Bridgeway"):
        assert f"dispatch@{company.lower()}.example" in words(page)
    assert world.badge(visit) == "Accepted"
    confirm(client, page)
    world.tick()

    assert world.badge(visit) == "Pending Request"
    assert old_link.open().status_code == 410
    kinds = {subject.partition(" ·")[0] for subject in world.subjects(to="Clearsign")[-2:]}
    assert kinds == {"Cancelled: ASL Interpreter", "Request for ASL Interpreter"}
    assert "10:15" in world.open_mail(to="Northlight").text


def test_a_pending_request_is_withdrawn_and_whoever_is_not_asked_again_is_told(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    world.tick()
    client = world.login()

    page = preview(client, visit, interpreter=[f"company:{world.clinic.companies['Clearsign']}"])
    assert (
        "3 companies have been asked and have not answered. Saving withdraws their request and asks anew. "
        "Told that there is nothing to do: Northlight and Bridgeway."
    ) in told(page)
    assert "Interpreter from ASL daytime → to Clearsign" in words(page)
    confirm(client, page)
    world.tick()

    assert len(world.subjects(to="Clearsign")) == 2
    for company in ("Northlight", "Bridgeway"):
        assert "nothing to do" in world.subjects(to=company)[-1].lower()


def test_taking_the_interpreter_away_asks_nobody(world: World) -> None:
    visit = accepted(world)
    client = world.login()

    page = preview(client, visit, language="", interpreter=[], notes="")
    assert "Clearsign has accepted. Saving withdraws it. Nobody is asked instead." in told(page)
    confirm(client, page)

    assert world.badge(visit) == "No interpreter asked"


def test_a_told_change_of_a_visit_that_nobody_was_asked_for_tells_nobody(world: World) -> None:
    page = preview(world.login(), world.book(), start_time="11:00")

    assert "No company has accepted or is waiting to answer: nobody is told, and nobody is asked." in told(page)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("patient_name", "Jona Pike", "Patient name from Jonah Pike → to Jona Pike"),
        ("patient_contact", "", "Patient e-mail or phone from +1 555 0199 → to nothing"),
        ("date", "2026-11-25", "Date from Tue 24 Nov 2026 → to Wed 25 Nov 2026"),
        ("duration", "60", "Duration from 45 minutes → to 1 hour"),
        ("visit_type", "phone", "Visit type from Video → to Phone"),
        ("reason", "Other", "Reason from New patient → to Other"),
        ("notes", "Bring a form.", "Notes for Interpreter from nothing → to Bring a form."),
    ],
)
def test_every_changed_field_is_shown_old_and_new_and_saved(world: World, field: str, value: str, shown: str) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()

    page = preview(client, visit, **{field: value})

    assert shown in words(page)
    assert words(page).count("→") == 1
    assert confirm(client, page).status_code == 303
    assert held(open_change(client, visit), field) == value


def test_nothing_changed_leads_back_to_the_form_and_stores_nothing(world: World) -> None:
    visit = accepted(world)
    client = world.login()
    page = open_change(client, visit)
    before = dump(world)["visit"], dump(world)["audit_entry"]

    answer = send(client, page)

    assert answer.status_code == 200
    assert not is_promise(answer)
    assert "Nothing is changed yet. Change a field, or go back to the visit." in words(answer)
    assert (dump(world)["visit"], dump(world)["audit_entry"]) == before


def test_back_returns_everything_as_it_was_filled_in(world: World) -> None:
    visit = world.book(ask=["ASL daytime"])
    client = world.login()
    lumen = f"company:{world.clinic.companies['Lumen']}"
    changes = {"patient_name": 'Zoë "Bo" & <b>', "notes": "First\n\n  last", "start_time": "00:05"}

    form = press_back(client, preview(client, visit, **changes, interpreter=[lumen]))

    assert {name: held(form, name) for name in changes} == changes
    assert ticked(form) == [lumen]
    assert is_promise(send(client, form))


def test_confirm_twice_and_reload_change_it_once(world: World) -> None:
    visit = accepted(world)
    client = world.login()
    page = preview(client, visit, start_time="10:15")

    answers = [confirm(client, page) for _ in range(2)]
    world.pass_time(minutes=5)
    answers.append(confirm(client, page))

    assert {(answer.status_code, answer.location) for answer in answers} == {(303, f"/visits/{visit}")}
    assert stored(world, visit)["version"] == 2
    world.tick()
    assert len([s for s in world.subjects(to="Northlight") if s.startswith("Request")]) == 2


def test_two_confirms_at_once_change_it_once(world_on_either: World) -> None:
    world = world_on_either
    visit = accepted(world)
    client = world.login()
    page = preview(client, visit, start_time="10:15")
    cookie = client.get_cookie("session")
    assert cookie is not None

    def press(_number: int) -> int:
        browser = world.portal.test_client()
        browser.set_cookie("session", cookie.value)
        return confirm(browser, page).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(press, range(6))) == {303}
    assert stored(world, visit)["version"] == 2


@pytest.mark.parametrize(
    "tampered",
    [{"patient_name": "Somebody"}, {"start_time": "11:00"}, {"interpreter": []}, {"promise": ""}, {"promise": "x.y"}],
    ids="-".join,
)
def test_a_form_that_does_not_fit_its_preview_comes_back_and_says_so(world: World, tampered) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    page = preview(client, visit, start_time="10:15")

    answer = confirm(client, page, **({"language": "", "notes": ""} if "interpreter" in tampered else {}), **tampered)

    assert answer.status_code == 422
    assert CHANGED in words(answer)
    assert held(answer, "start_time") == tampered.get("start_time", "10:15")
    assert stored(world, visit)["version"] == 1
    assert confirm(client, send(client, answer)).status_code == 303


def test_a_preview_is_its_users_and_its_visits_alone(world: World) -> None:
    visit, other = world.book(ask=["Clearsign"]), world.book(patient_name="Ruth Abara", wall=time(14))
    scheduler, admin = world.login(), world.login(Role.ADMIN)
    page = preview(scheduler, visit, start_time="10:15")

    assert CHANGED in words(confirm(admin, page, csrf_token=csrf_of(admin.get("/"))))
    data = {field["name"]: field["value"] for field in form_of(page, field="promise").select("input")}
    answer = scheduler.post(f"/visits/{other}/edit/confirm", data=data)
    assert answer.status_code == 422
    assert [row[Visit.__table__.c.keys().index("version")] for row in dump(world)["visit"]] == [1, 1]


def test_an_overlap_is_a_warning_and_the_visits_own_time_is_none(world: World) -> None:
    visit = world.book()
    world.book(wall=time(14))
    client = world.login()

    assert "already has a visit" not in words(preview(client, visit, start_time="09:45"))
    assert "Provider of Riverside Clinic already has a visit at that time" in words(
        preview(client, visit, start_time="13:30")
    )


# ---- what can't be chosen any more


def take_away(world: World, what: str) -> None:
    clearsign = world.clinic.companies["Clearsign"]
    if what == "suspended":
        world.change(Company, clearsign, accredited=False)
    elif what == "bounced":
        address = next(row[0] for row in dump(world)["company_address"] if "dispatch@clearsign.example" in row)
        world.change(CompanyAddress, address, refused_at=world.now)


@pytest.mark.parametrize(
    ("what", "why"), [("suspended", "Suspended."), ("bounced", "No working mail address. Call +1 555 0170.")]
)
def test_a_company_that_could_not_be_asked_any_more_stays_ticked_and_marked(world: World, what: str, why: str) -> None:
    visit = accepted(world, ask=["Clearsign"])
    take_away(world, what)
    client = world.login()
    pick = f"company:{world.clinic.companies['Clearsign']}"

    page = open_change(client, visit)
    assert ticked(page) == [pick]
    assert f"{why} Can't be asked anew." in words(page)
    assert "nobody is told" in told(send(client, page, reason="Follow-up"))
    confirm(client, send(client, page, reason="Follow-up"))
    assert world.badge(visit) == "Accepted"

    answer = send(client, open_change(client, visit), start_time="10:15")
    assert answer.status_code == 422
    assert "Clearsign" in " ".join(link.get_text() for link in soup_of(answer).select("a[href='#interpreter']"))
    assert ticked(answer) == [pick]


def test_a_group_and_a_language_taken_off_the_list_stay_as_they_are(world: World) -> None:
    visit = accepted(world)
    group = world.clinic.groups["ASL daytime"]
    with world.jobs.app_context(), transaction() as session:
        session.query(HuntGroupMember).delete()
        session.query(HuntGroup).delete()
        session.query(ClinicLanguage).filter_by(tag="ase").delete()
    client = world.login()

    page = open_change(client, visit)
    assert held(page, "language") == "ase"
    assert ticked(page) == [f"group:{group}"]
    save(client, visit, reason="Follow-up")
    assert world.badge(visit) == "Accepted"
    answer = send(client, open_change(client, visit), start_time="10:15")
    assert answer.status_code == 422
    assert "Choose the language that the interpreter is for." in words(answer)


def test_a_provider_who_has_left_stays_until_another_is_chosen(world: World) -> None:
    visit = world.book()
    world.change(User, world.clinic.users["provider"], active=False)
    client = world.login()

    assert held(open_change(client, visit), "provider") == str(world.clinic.users["provider"])
    save(client, visit, reason="Follow-up")


def test_times_are_in_the_visits_own_zone_even_if_the_clinics_is_another_by_now(world: World) -> None:
    visit = world.book()
    world.change(Clinic, world.clinic.id, time_zone="America/New_York")

    page = open_change(world.login(), visit)

    assert held(page, "start_time") == "09:30"
    assert "Los Angeles time" in words(page)


# ---- requests switched off


def test_with_requests_off_the_interpreter_stays_as_it_is_and_nobody_is_asked(world: World) -> None:
    visit = accepted(world)
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)
    client = world.login()

    page = open_change(client, visit)
    assert soup_of(page).find("input", attrs={"name": "interpreter", "type": "checkbox"}) is None
    save(client, visit, reason="Follow-up")
    assert world.badge(visit) == "Accepted"

    page = preview(client, visit, start_time="10:15")
    assert "Clearsign has accepted. Saving withdraws it. Nobody is asked instead." in told(page)
    assert "Interpreter requests are switched off: nobody is asked for Tue 24 Nov 2026." in told(page)
    confirm(client, page)
    assert world.badge(visit) == "No interpreter asked"


def test_requests_switched_on_between_preview_and_confirm_take_nobody_away(world: World) -> None:
    visit = accepted(world)
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)
    client = world.login()
    page = preview(client, visit, reason="Follow-up")
    world.change(Clinic, world.clinic.id, dispatch_enabled=True)

    assert confirm(client, page).status_code == 303
    assert world.badge(visit) == "Accepted"


# ---- who may, and when


def test_the_details_offer_what_can_be_done_to_whoever_may(world: World) -> None:
    visit = accepted(world)

    def offered(role: Role) -> list[str]:
        page = soup_of(world.login(role).get(f"/visits/{visit}"))
        links = {str(link["href"]).rpartition("/")[2] for link in page.select(f"a[href^='/visits/{visit}/']")}
        return sorted(links & {"edit", "ask", "cancel"})

    for role in (Role.PROVIDER, Role.SCHEDULER, Role.ADMIN):
        assert offered(role) == ["ask", "cancel", "edit"]
    assert offered(Role.STAFF) == []
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)
    assert offered(Role.SCHEDULER) == ["cancel", "edit"]
    world.now = world.now.replace(day=24, hour=17, minute=30)
    assert offered(Role.SCHEDULER) == ["cancel"]
    world.pass_time(hours=1)
    assert offered(Role.SCHEDULER) == []


def test_a_provider_edits_own_visits_and_finds_no_others(world: World) -> None:
    colleague = world.add_user(Role.PROVIDER, "Dr. Second")
    mine, theirs = world.book(), world.book(provider_id=colleague)
    client = world.login(Role.PROVIDER)

    save(client, mine, reason="Mine")
    assert client.get(f"/visits/{theirs}/edit").status_code == 404
    answer = send(client, open_change(client, mine), provider=str(colleague))
    assert answer.status_code == 422
    assert "Choose a provider from the list." in words(answer)
