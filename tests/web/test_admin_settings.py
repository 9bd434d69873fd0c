"""The administrators' pages for settings and languages, as a browser without scripts sees them."""

import pytest

from shared.audit import AuditEvent
from shared.models import ClinicLanguage
from shared.states import Role
from tests.actions.desk import snapshot
from tests.web.administering import fill_in, offers, press, send, sides_of
from tests.web.checks import complaint, csrf_of, dump, soup_of, values_of, words
from tests.world import World

SETTINGS, LANGUAGES = "/admin/settings", "/admin/languages"
HTMX = {"HX-Request": "true"}
CLASH = "Somebody else saved this meanwhile"


def without_sessions(world: World) -> dict[str, object]:
    return {name: rows for name, rows in dump(world).items() if name != "user_session"}


def test_administrators_alone_have_the_tab(shared_world: World) -> None:
    for role in Role:
        tab = soup_of(shared_world.login(role).get("/")).find("a", attrs={"href": SETTINGS})
        assert (tab is not None) == (role is Role.ADMIN), role


def test_every_page_of_the_administration_leads_to_the_others(shared_world: World) -> None:
    client = shared_world.login(Role.ADMIN)
    pages = {
        SETTINGS,
        LANGUAGES,
        "/admin/companies",
        "/admin/groups",
        "/admin/users",
        "/admin/patients",
        "/admin/displays",
        "/admin/mail",
        "/admin/trail",
    }
    for path in sorted(pages):
        nav = soup_of(client.get(path)).find("nav", attrs={"aria-label": "Admin"})
        assert nav is not None
        targets = [str(link["href"]) for link in nav.find_all("a")]
        assert set(targets) == pages
        assert [str(link["href"]) for link in nav.find_all("a", attrs={"aria-current": True})] == [path]


def test_settings_are_changed_and_shown(world_on_either: World) -> None:
    client = world_on_either.login(Role.ADMIN)

    answer = fill_in(
        client,
        SETTINGS,
        name="Riverside Family Clinic",
        contact_phone="+1 555 0999",
        duration="90",
        unit="minutes",
        time_zone="Europe/Berlin",
        dispatch_enabled=None,
    )

    assert (answer.status_code, answer.location) == (303, f"{SETTINGS}?done=saved")
    page = client.get(answer.location)
    assert "The settings are saved." in words(page)
    kept = values_of(page, field="duration")
    assert (kept["name"], kept["duration"], kept["unit"]) == (["Riverside Family Clinic"], ["90"], ["minutes"])
    assert (kept["time_zone"], kept["dispatch_enabled"]) == (["Europe/Berlin"], [])


@pytest.mark.parametrize(
    ("seconds", "number", "unit"),
    [
        (60, "1", "minutes"),
        (5400, "90", "minutes"),
        (86400, "24", "hours"),
        (172800, "2", "days"),
        (3600, "60", "minutes"),
    ],
)
def test_a_duration_is_shown_in_its_largest_whole_unit(world: World, seconds: int, number: str, unit: str) -> None:
    client = world.login(Role.ADMIN)
    fill_in(client, SETTINGS, duration=str(seconds // 60), unit="minutes")

    kept = values_of(client.get(SETTINGS), field="duration")

    assert (kept["duration"], kept["unit"]) == ([number], [unit])


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "Write the clinic's name."),
        ("name", "x" * 121, "At most 120 characters."),
        ("name", "Two\nlines", "Write this on one line."),
        ("contact_phone", "call us", "Write a phone number"),
        ("contact_phone", "12", "Write a phone number"),
        ("contact_email", "nowhere", "Write a complete e-mail address"),
        ("contact_email", "a@b.example\nBcc: x@y.example", "Write a complete e-mail address"),
        ("dial_in_number", "", "Write the number"),
        ("duration", "0", "from 1 minute to 30 days"),
        ("duration", "721", "from 1 minute to 30 days"),
        ("duration", "1.5", "from 1 minute to 30 days"),
        ("duration", "-3", "from 1 minute to 30 days"),
        ("duration", "٣", "from 1 minute to 30 days"),
        ("duration", "", "Write how long companies may answer."),
        *(
            (f"keep_{what}_days", days, "Write a whole number of days, from 30 to 3650.")
            for what in ("patients", "contacts")
            for days in ("29", "3651", "-365", "1e3", "٣٦٥", "a year")
        ),
        ("keep_patients_days", "", "Write for how many days."),
        ("time_zone", "Mars/Olympus", "Choose a time zone from the list."),
        ("time_zone", "../../etc/passwd", "Choose a time zone from the list."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    world: World, field: str, value: str, says: str
) -> None:
    client = world.login(Role.ADMIN)
    before = snapshot(world, without=("user_session",))

    answer = fill_in(client, SETTINGS, **{"contact_phone": "+1 555 0998", field: value})

    assert answer.status_code == 422
    assert says in complaint(answer, field).near
    assert "needs a change" in words(answer)
    if field != "contact_phone":
        assert values_of(answer, field="duration")["contact_phone"] == ["+1 555 0998"]
    assert snapshot(world, without=("user_session",)) == before


def test_a_unit_that_is_not_on_the_list_is_refused(world: World) -> None:
    client = world.login(Role.ADMIN)
    before = without_sessions(world)

    assert fill_in(client, SETTINGS, unit="years").status_code == 422
    assert without_sessions(world) == before


def test_the_page_says_how_many_companies_a_change_tells(world: World) -> None:
    client = world.login(Role.ADMIN)
    assert "A change here mails nobody." in words(client.get(SETTINGS))
    for company in ("Clearsign", "Northlight"):
        visit = world.book(ask=[company])
        world.accept(visit, company)

    assert "2 companies hold a visit still to come." in words(client.get(SETTINGS))


def test_the_second_administrator_sees_what_the_first_saved_and_loses_nothing(world: World) -> None:
    first, second = world.login(Role.ADMIN), world.login(Role.ADMIN)
    opened = second.get(SETTINGS)
    fill_in(first, SETTINGS, name="First Name", duration="2", unit="days")

    clash = send(second, opened, contact_phone="+1 555 0999")

    assert clash.status_code == 409
    assert CLASH in words(clash)
    assert "Clinic name First Name" in words(clash)
    assert "Invite duration 2 days" in words(clash)
    kept = values_of(clash, field="duration")
    assert (kept["contact_phone"], kept["name"]) == (["+1 555 0999"], ["First Name"])
    assert (kept["duration"], kept["unit"]) == (["2"], ["days"])
    assert sides_of(clash)["Invite duration"] == ("2 days", "24 hours", "24 hours", "Somebody else")
    assert [entry.fields for entry in world.trail() if entry.what == AuditEvent.SETTINGS_CHANGED] == [
        ["name", "invite_duration_seconds"]
    ]
    assert send(second, clash).status_code == 303
    saved = values_of(second.get(SETTINGS), field="duration")
    assert (saved["name"], saved["contact_phone"]) == (["First Name"], ["+1 555 0999"])


def test_the_page_says_in_plain_words_what_is_kept_for_how_long(shared_world: World) -> None:
    shown = words(shared_world.login(Role.ADMIN).get(SETTINGS))

    assert "Counted from a visit's end, cancelled or not." in shown
    assert "Visits, whom they asked, the answers and the audit trail stay: they name no patient." in shown
    assert "Logins that are over and password links that are dead are removed after 90 days" in shown
    kept = values_of(shared_world.login(Role.ADMIN).get(SETTINGS), field="duration")
    assert (kept["keep_patients_days"], kept["keep_contacts_days"]) == (["365"], ["730"])


def test_a_shorter_time_says_what_it_removes_and_wants_a_tick(world: World) -> None:
    visits = [world.book(ask=["Clearsign"]) for _ in range(2)]
    world.tick()
    world.accept(visits[0], "Clearsign")
    world.pass_time(days=60)
    for _ in range(3):  # the other expires, and the clinic is told
        world.tick()
    client = world.login(Role.ADMIN)
    before = snapshot(world, without=("user_session",))

    asked = fill_in(client, SETTINGS, keep_patients_days="30", keep_contacts_days="31", name="Another Name")
    assert asked.status_code == 422
    assert "This removes the patient from 2 past visits." in complaint(asked, "keep_patients_days").near
    assert "This removes the contacts from 2 past requests." in complaint(asked, "keep_contacts_days").near
    assert snapshot(world, without=("user_session",)) == before

    assert send(client, asked, removes="y").status_code == 303
    world.tick()
    assert "Jonah Pike" not in repr(snapshot(world))
    assert "clearsign.example" not in repr(snapshot(world, without=("company_address",)))


def test_a_shorter_time_that_removes_nothing_and_a_longer_one_are_just_saved(world: World) -> None:
    world.book()
    client = world.login(Role.ADMIN)

    assert fill_in(client, SETTINGS, keep_patients_days="30").status_code == 303
    world.pass_time(days=20)
    client = world.login(Role.ADMIN)
    assert fill_in(client, SETTINGS, keep_patients_days="3650").status_code == 303


def test_no_other_role_gets_in_by_the_address(world: World) -> None:
    for role in (Role.PROVIDER, Role.SCHEDULER, Role.STAFF):
        client = world.login(role)
        token = csrf_of(client.get("/"))
        for path in (SETTINGS, LANGUAGES, "/admin/companies", "/admin/groups"):
            assert client.get(path).status_code == 403
        assert client.post(SETTINGS, data={"csrf_token": token, "name": "X"}).status_code == 403


def test_a_language_is_searched_for_and_added_without_scripts(world: World) -> None:
    client = world.login(Role.ADMIN)

    found = client.get(f"{LANGUAGES}?q=portug")
    assert "Portuguese" in words(found)
    answer = press(client, f"{LANGUAGES}?q=portug", LANGUAGES, tag="pt")

    assert (answer.status_code, answer.location) == (303, f"{LANGUAGES}?done=pt")
    assert "Portuguese (Portuguese) is a language of the clinic." in words(client.get(answer.location))
    assert "On the list" in words(client.get(f"{LANGUAGES}?q=portug"))
    options = soup_of(world.login().get("/visits/new")).select("select[name=language] option")
    assert "pt" in {str(option["value"]) for option in options}


def test_while_one_types_only_the_findings_come(shared_world: World) -> None:
    client = shared_world.login(Role.ADMIN)

    fragment = client.get(f"{LANGUAGES}?q=cantonese+yue", headers=HTMX)
    assert "<html" not in fragment.text
    assert "HX-Request" in fragment.headers["Vary"]
    assert "American Sign Language" not in fragment.text
    assert "no language" in words(client.get(f"{LANGUAGES}?q=xqzxqz")).lower()
    for query in ("%00", "%ff", "a" * 3000, "%E2%80%8B", "<b>", "' or 1=1"):
        assert client.get(f"{LANGUAGES}?q={query}").status_code == 200, query


@pytest.mark.parametrize("tag", ["", "spa", "zz", "%00", "<b>", "x" * 500])
def test_what_is_no_language_is_not_added(world: World, tag: str) -> None:
    client = world.login(Role.ADMIN)
    before = without_sessions(world)

    answer = press(client, LANGUAGES, LANGUAGES, tag=tag)

    assert answer.status_code == 404
    assert "There is no language with this tag." in words(answer)
    assert without_sessions(world) == before


def test_a_languages_names_are_changed_and_clashes_said(world: World) -> None:
    client = world.login(Role.ADMIN)
    path = f"{LANGUAGES}/ase"
    opened = client.get(path)

    taken = fill_in(client, path, short_name="spanish")
    assert taken.status_code == 422
    assert "Another language has this short name. Choose another." in complaint(taken, "short_name").near
    assert fill_in(client, path, short_name="Sign").status_code == 303
    clash = send(client, opened, name="Signing")
    assert clash.status_code == 409
    assert "Short name Sign" in words(clash)
    assert send(client, clash).status_code == 303
    saved = values_of(client.get(path), field="name")
    assert (saved["name"], saved["short_name"]) == (["Signing"], ["Sign"])


def test_a_language_says_what_uses_it_and_goes_only_when_no_group_needs_it(world: World) -> None:
    client = world.login(Role.ADMIN)
    world.add_company("Habla", languages=("es",))
    world.book(ask=["Habla"], language_tag="es")

    shown = client.get(f"{LANGUAGES}/ase")
    assert "Delete that group first: ASL daytime" in words(shown)
    assert not offers(shown, f"{LANGUAGES}/ase/remove")
    assert press(client, LANGUAGES, f"{LANGUAGES}/ase/remove").status_code == 409

    shown = client.get(f"{LANGUAGES}/es")
    assert "It goes from the list of Habla too. Open requests for it run to their end." in words(shown)
    removed = press(client, f"{LANGUAGES}/es", f"{LANGUAGES}/es/remove")
    assert removed.status_code == 303
    assert "The language is removed." in words(client.get(removed.location))
    assert client.get(f"{LANGUAGES}/es").status_code == 404
    assert press(client, LANGUAGES, f"{LANGUAGES}/es/remove").status_code == 404


def test_a_language_that_a_colleague_removed_meanwhile_is_said_to_be_gone(world: World) -> None:
    client = world.login(Role.ADMIN)
    opened = client.get(f"{LANGUAGES}/es")
    press(world.login(Role.ADMIN), f"{LANGUAGES}/es", f"{LANGUAGES}/es/remove")

    answer = send(client, opened, short_name="Span")

    assert answer.status_code == 404
    assert "This is no language of the clinic, or not any more. Go back to the list of languages." in words(answer)


def test_another_clinics_language_is_not_found(world: World) -> None:
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    world.change(ClinicLanguage, (harbor.id, "es"), tag="fr")
    client = world.login(Role.ADMIN)
    before = without_sessions(world)

    assert client.get(f"{LANGUAGES}/fr").status_code == 404
    assert press(client, LANGUAGES, f"{LANGUAGES}/fr", name="X", short_name="X").status_code == 404
    assert press(client, LANGUAGES, f"{LANGUAGES}/fr/remove").status_code == 404
    assert without_sessions(world) == before
