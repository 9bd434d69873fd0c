"""The page between choosing who takes over a provider's visits and the button that does it."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.test import TestResponse

from shared.db import reading, transaction
from shared.models import Clinic, Company, HuntGroupMember, User, Visit
from shared.states import MailKind, Role
from tests.web.checks import dump, soup_of, values_of, words
from tests.web.test_lost_login import LOSSES, log_in
from tests.world import TOMORROW, World, hidden

WAYS = ["deactivate", "change the role"]


class Desk:
    """An administrator who sends one provider's visits to Dr. Second, by either way."""

    def __init__(self, world: World, way: str = "deactivate") -> None:
        self.world = world
        self.client: FlaskClient = world.login(Role.ADMIN)
        self.provider = world.clinic.users["provider"]
        self.second = world.add_user(Role.PROVIDER, "Dr. Second")
        self.by_role = way == "change the role"
        self.path = f"/admin/users/{self.provider}" + ("" if self.by_role else "/deactivate")

    def choose(self, **more: str) -> TestResponse:
        """Choose the successor and go on."""
        changes = {"takes_over": str(self.second)} | ({"role": "staff"} if self.by_role else {})
        form = values_of(self.client.get(self.path), field="name" if self.by_role else "takes_over")
        return self.client.post(self.path, data=form | changes | more)

    def press(self, preview: TestResponse, **more: str) -> TestResponse:
        """Press the last button of a preview."""
        return self.client.post(self.path, data=values_of(preview, field="promise") | more)

    def unsign(self, promise: str) -> object:
        """What a promise holds."""
        return self.world.portal.extensions["services"].tokens.unsign("handover", promise)

    def sign(self, value: object) -> str:
        """A promise that holds this."""
        return str(self.world.portal.extensions["services"].tokens.sign("handover", value))

    def is_left(self) -> bool:
        """Whether the provider has left or changed the role."""
        with self.world.jobs.app_context(), reading() as session:
            user = session.get_one(User, self.provider)
        return not user.active or user.role is Role.STAFF


def empty_the_group(world: World) -> None:
    """Take all companies out of the only hunt group."""
    with world.jobs.app_context(), transaction() as session:
        session.execute(delete(HuntGroupMember))


@pytest.mark.parametrize("way", WAYS)
def test_before_the_last_button_nothing_is_stored_and_every_visit_says_what_becomes_of_it(
    world: World, way: str
) -> None:
    won, waiting, plain = world.book(ask=["Clearsign"]), world.book(ask=["Northlight"]), world.book()
    world.accept(won, "Clearsign")
    world.tick()
    desk = Desk(world, way)
    before = dump(world)

    page = desk.choose()

    assert page.status_code == 200
    assert dump(world) == before
    rows = [(row.select_one("a.call"), " ".join(row.get_text(" ").split())) for row in soup_of(page).select("li")]
    said = {link["href"]: text for link, text in rows if link}
    assert "A-10001 Tue 24 Nov 2026" in said[f"/visits/{won}"]
    assert "Clearsign has accepted. It is withdrawn. Asked again Clearsign" in said[f"/visits/{won}"]
    assert "Northlight: asked, no answer yet. Withdrawn. Asked again Northlight" in said[f"/visits/{waiting}"]
    assert "No interpreter was asked. Nobody is told." in said[f"/visits/{plain}"]
    assert "no interpreter." not in words(page)

    answer = desk.press(page)

    assert answer.status_code == 303
    assert desk.is_left()
    assert [mail.recipient for mail in world.outbox(MailKind.CANCELLATION)] == ["dispatch@clearsign.example"]
    assert world.request_of(won).id != 1


@pytest.mark.parametrize("way", WAYS)
def test_visits_that_nobody_can_be_asked_for_come_first_and_are_said_to_have_no_interpreter(
    world: World, way: str
) -> None:
    fine, lost = world.book(ask=["Clearsign"]), world.book(ask=["ASL daytime"])
    world.accept(lost, "Northlight")
    empty_the_group(world)
    desk = Desk(world, way)

    page = desk.choose()

    links = [link["href"] for link in soup_of(page).select("a.call")]
    assert links == [f"/visits/{lost}", f"/visits/{fine}"]
    warning = soup_of(page).select_one("section.not-accepted")
    assert warning is not None
    text = " ".join(warning.get_text(" ").split())
    assert "Nobody can be asked for 1 visit This visit will have no interpreter." in text
    assert "Northlight has accepted. It is withdrawn. Nobody to ask" in text


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("way", WAYS)
def test_a_login_lost_before_the_last_button_comes_back_to_the_form_with_the_successor_chosen(
    world: World, lose, way: str
) -> None:
    world.book(ask=["Clearsign"])
    desk = Desk(world, way)
    preview = desk.choose()
    desk.client = lose(world, desk.client)

    restored = log_in(desk.client, desk.press(preview), role=Role.ADMIN)

    assert restored.status_code == 200
    assert "Everything you filled in is still here, and not saved yet." in words(restored)
    values = values_of(restored, field="takes_over")
    assert values["takes_over"] == [str(desk.second)]
    assert not desk.is_left()
    assert desk.press(desk.client.post(desk.path, data=values)).status_code == 303
    assert desk.is_left()


@pytest.mark.parametrize("way", WAYS)
def test_while_requests_are_switched_off_the_pages_lead_to_the_settings_and_not_to_asking(
    world: World, way: str
) -> None:
    world.accept(world.book(ask=["Clearsign"]), "Clearsign")
    desk = Desk(world, way)
    assert "afterwards and choose whom to ask" not in words(desk.choose())
    world.change(Clinic, world.clinic.id, dispatch_enabled=False)

    preview = desk.choose()
    after = desk.client.get(desk.press(preview).location)

    for page in (preview, after):
        assert "Interpreter requests are switched off for this clinic." in words(page)
        assert "After that, open it and choose whom to ask." in words(page)
        assert soup_of(page).select_one("section.not-accepted a[href='/admin/settings']") is not None


def test_a_visit_of_the_successor_at_the_same_time_is_a_warning(world: World) -> None:
    world.book(ask=["Clearsign"])
    desk = Desk(world)
    world.book(provider_id=desk.second)

    assert "A-10001 : Dr. Second already has a visit at that time" in words(desk.choose())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("between", ["accepted", "suspended", "booked", "edited"])
def test_what_came_between_is_shown_before_anything_happens(world: World, way: str, between: str) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    desk = Desk(world, way)
    page = desk.choose()
    if between == "accepted":
        world.accept(visit, "Clearsign")
    elif between == "suspended":
        world.change(Company, world.clinic.companies["Northlight"], accredited=False)
    elif between == "booked":
        world.book(day=TOMORROW.replace(day=25))
    else:
        world.change(Visit, visit, version=7)
    before = dump(world)

    again = desk.press(page)

    assert again.status_code == 409
    assert "Something changed since this page was shown. Nothing is saved yet." in words(again)
    assert dump(world) == before
    if between == "accepted":
        assert "Clearsign has accepted. It is withdrawn." in words(again)
    assert desk.press(again).status_code == 303
    assert desk.is_left()


@pytest.mark.parametrize("way", WAYS)
def test_a_double_click_is_harmless(world: World, way: str) -> None:
    world.book(ask=["Clearsign"])
    desk = Desk(world, way)
    page = desk.choose()
    first = desk.press(page)
    asked = world.request_of(1).id

    second = desk.press(page)

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert world.request_of(1).id == asked


@pytest.mark.parametrize("way", WAYS)
def test_back_leads_to_the_form_with_the_choice_still_made(world: World, way: str) -> None:
    world.book(ask=["Clearsign"])
    desk = Desk(world, way)
    before = dump(world)

    page = desk.press(desk.choose(), do="back")

    assert page.status_code == 200
    assert values_of(page, field="takes_over")["takes_over"] == [str(desk.second)]
    if way != "deactivate":
        assert values_of(page, field="takes_over")["role"] == ["staff"]
    assert dump(world) == before


def test_a_promise_is_for_one_administrator_one_provider_and_one_successor(world: World) -> None:
    world.book(ask=["Clearsign"])
    desk = Desk(world)
    third = world.add_user(Role.PROVIDER, "Dr. Third")
    promise = hidden(desk.choose(), "promise")
    colleague = world.add_user(Role.ADMIN, "Colleague")
    value = desk.unsign(promise)
    assert isinstance(value, list)
    before = dump(world)

    for made_up in (promise[:-2], "", desk.sign([colleague, *value[1:]]), desk.sign([value[0], third, *value[2:]])):
        assert desk.choose(promise=made_up).status_code == 409
    assert desk.choose(promise=promise, takes_over=str(third)).status_code == 409

    assert dump(world) == before
    assert desk.choose(promise=promise).status_code == 303


def test_the_list_names_the_visits_that_lost_their_request_and_only_those(world: World) -> None:
    desk = Desk(world)
    lost, asked, never = world.book(ask=["ASL daytime"]), world.book(ask=["Clearsign"]), world.book()
    empty_the_group(world)

    page = desk.client.get(desk.press(desk.choose()).location)

    notice = soup_of(page).select_one("section.not-accepted")
    assert notice is not None
    assert "1 visit has no interpreter" in notice.get_text()
    assert [link["href"] for link in notice.select("a")] == [f"/visits/{lost}"]
    assert world.request_of(asked)
    assert f"/visits/{never}" not in page.text


@pytest.mark.parametrize("made_up", ["unasked=7", "left=7000", "left=x", f"left={2**80}", "left=-1"])
def test_a_made_up_address_names_no_visits(world: World, made_up: str) -> None:
    world.book(ask=["Clearsign"])

    page = world.login(Role.ADMIN).get(f"/admin/users?news=deactivated&{made_up}")

    assert page.status_code == 200
    assert "no interpreter" not in words(page)
