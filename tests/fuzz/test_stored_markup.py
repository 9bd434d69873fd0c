"""Markup in whatever people type and the product keeps: it comes out as text, on every page and in every mail."""

from collections.abc import Iterator

from werkzeug.test import TestResponse

from shared.states import Role
from tests.fuzz.demands import Page
from tests.fuzz.payloads import PROBE
from tests.web.clinics import TwoClinics, two_clinics
from tests.web.routes import GET, PORTAL, VENDOR, addresses, path_of
from tests.web.sending import FORMS, at_desk
from tests.world import World

MARKUP = f"<{PROBE} a='1'>\" {PROBE}=\"2"

KEPT = ("name", "short_name", "patient_name", "reason", "notes", "responder")
"""Fields whose text is kept as it was typed."""

TYPED_INTO = (
    "visits.create",
    "respond.answer",
    "respond.reason",
    "changes.confirm_edit",
    "changes.confirm_ask",
    "changes.confirm_cancel",
    "settings.save",
    "languages.save",
    "companies.add",
    "companies.save",
    "groups.add",
    "groups.save",
    "users.invite",
)
"""Forms with such a field, in an order in which each can be sent."""

LEADS_TO = {
    "visits.create": "visits.preview",
    "changes.confirm_edit": "changes.preview_edit",
    "changes.confirm_ask": "changes.preview_ask",
}
"""What is typed on a page before the one that confirms."""


def test_what_people_type_is_text_on_every_page_and_in_every_mail(world: World) -> None:
    clinics = two_clinics(world)
    for number, endpoint in enumerate(TYPED_INTO):
        type_into(clinics, endpoint, f"{MARKUP} {number}")
    world.tick()

    shown = 0
    for page in all_pages(clinics):
        shown += looks_harmless(page.get_data(as_text=True), page.request.path)
    for message in world.post.received:
        part = message.get_body(("html",))
        shown += looks_harmless(str(part.get_content()) if part else "", str(message["Subject"]))
    assert shown > 40


def type_into(clinics: TwoClinics, endpoint: str, text: str) -> None:
    """Fill a form with it and send it to the end."""
    desk = at_desk(clinics.world, clinics.mine, Role.ADMIN)
    first = FORMS[LEADS_TO.get(endpoint, endpoint)](desk)
    for name in KEPT:
        if name in first.values:
            first.values[name] = [text[:40] if name == "short_name" else text]
    answer = desk.after(first, endpoint).send() if endpoint in LEADS_TO else first.send()
    assert answer.status_code == 303, (endpoint, answer.get_data(as_text=True))


def all_pages(clinics: TwoClinics) -> Iterator[TestResponse]:
    """Every page as an administrator and as a provider sees it, of all visits; every page of a company's."""
    world = clinics.world
    for role in (Role.ADMIN, Role.PROVIDER):
        client = world.login(role)
        for address in addresses(world.portal, PORTAL):
            row = PORTAL[address.endpoint]
            if row.method == GET and (row.is_public or role in row.who):
                yield client.get(path_of(world.portal, address, clinics.mine), buffered=True)
        for visit in range(1, 40):
            yield client.get(f"/visits/{visit}")
        yield FORMS["search.find"](at_desk(world, clinics.mine, role)).send(patient=PROBE)
    for address in addresses(world.vendor_portal, VENDOR):
        if VENDOR[address.endpoint].method == GET:
            yield world.vendor.get(path_of(world.vendor_portal, address, clinics.mine), buffered=True)


def looks_harmless(text: str, where: str) -> bool:
    """No tag and no attribute of that name. True if the page holds it as text at all."""
    page = Page()
    page.feed(text)
    page.close()
    assert page.planted == [], where
    return PROBE in text
