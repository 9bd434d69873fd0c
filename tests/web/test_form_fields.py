"""Every field of every form, with what does not belong into it: another clinic's id, an unknown one, a colleague's.

What each field holds and what it refuses stands in one table, tests/web/fields.py; the forms themselves are taken from
the pages, filled in so that they would be taken (tests/web/sending.py), and sent with one field wrong.
"""

import ast
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from importlib import import_module
from pathlib import Path

import pytest
from werkzeug.test import TestResponse
from wtforms import Form
from wtforms.fields.core import UnboundField

import portal
import vendor_portal
from shared.states import Role
from tests.databases import SqliteTemplate
from tests.web.checks import holds_none, rows_of, words
from tests.web.clinics import TwoClinics, two_clinics
from tests.web.fields import CHANGED_AFTER, FIELDS, FORM_OF, Field
from tests.web.routes import GET, PORTAL, VENDOR, addresses, path_of
from tests.web.sending import FORMS, Desk, Sending, at_desk, endpoint_of, form_on, targets_on
from tests.world import build_world

ROOT = Path(__file__).parents[2]
ROWS = {**PORTAL, **VENDOR}

SEVERAL = frozenset({"interpreter", "weekdays", "languages", "companies", "works_again"})
"""Fields that hold several values: one that is wrong among right ones is refused as well."""


@pytest.fixture(scope="module")
def desks(clinics: TwoClinics) -> dict[str, Desk]:
    """Who fills in forms: Riverside's people, and Harbor's administrator."""
    world = clinics.world
    found = {role.value: at_desk(world, clinics.mine, role) for role in Role}
    return found | {"harbor": at_desk(world, clinics.theirs, Role.ADMIN, domain="harbor")}


# ---- the table is complete


def test_every_endpoint_that_reads_something_has_a_row_and_a_form_that_would_be_taken() -> None:
    posting = {endpoint for endpoint, row in ROWS.items() if row.method != GET}

    assert FIELDS.keys() == FORMS.keys()
    assert posting <= FIELDS.keys(), "see tests/web/fields.py and tests/web/sending.py"


def form_classes() -> set[type[Form]]:
    """Every form of both apps that is read as it is: those that others extend are not."""
    for package in (portal, vendor_portal):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    found, waiting = set(), [Form]
    while waiting:
        heirs = waiting.pop().__subclasses__()
        found |= {heir for heir in heirs if heir.__module__.startswith(("portal.", "vendor_portal."))}
        waiting += heirs
    return {form for form in found if form in FORM_OF.values() or not (found & set(form.__subclasses__()))}


def names_in(form: type[Form]) -> set[str]:
    """What a form calls its fields when they are sent."""
    fields = {name: getattr(form, name) for name in dir(form) if not name.startswith("_")}
    return {str(field.name or name) for name, field in fields.items() if isinstance(field, UnboundField)}


def test_every_form_of_the_code_is_in_the_table_with_every_field() -> None:
    assert form_classes() == set(FORM_OF.values())
    for endpoint, form in FORM_OF.items():
        assert names_in(form) <= FIELDS[endpoint].keys(), endpoint


def test_every_name_that_a_page_sends_is_in_the_table(clinics: TwoClinics, desks: dict[str, Desk]) -> None:
    seen: dict[str, set[str]] = {}
    for page in all_pages(clinics, desks):
        app = clinics.world.vendor_portal if page.request.path.startswith(("/r/", "/meet/")) else clinics.world.portal
        for target in targets_on(page):
            seen.setdefault(endpoint_of(app, target), set()).update(target.values)

    without_names = {endpoint for endpoint, names in seen.items() if not names}
    assert seen.keys() - without_names - {"", "static"} <= FIELDS.keys()
    for endpoint in seen.keys() & FIELDS.keys():
        assert seen[endpoint] <= FIELDS[endpoint].keys(), endpoint
    assert sum(len(names) for names in seen.values()) > 150


def all_pages(clinics: TwoClinics, desks: dict[str, Desk]) -> Iterator[TestResponse]:
    """Every page of every role, and what every form leads to that shows something before it does it."""
    world = clinics.world
    for role in Role:
        for address in addresses(world.portal, PORTAL):
            if PORTAL[address.endpoint].method == GET and role in (PORTAL[address.endpoint].who or {role}):
                yield from _shown(
                    desks[role.value].client.get(path_of(world.portal, address, clinics.mine), buffered=True)
                )
    for address in addresses(world.vendor_portal, VENDOR):
        if VENDOR[address.endpoint].method == GET:
            yield from _shown(world.vendor.get(path_of(world.vendor_portal, address, clinics.mine), buffered=True))
    before = rows_of(world)
    for endpoint in ("visits.preview", "changes.preview_edit", "changes.preview_ask", "search.find"):
        yield FORMS[endpoint](desks["admin"]).send()
        yield FORMS[endpoint](desks["admin"]).send(notes="x" * 2000, patient="\0")
    yield FORMS["users.save"](desks["admin"]).send(promise="x")
    yield FORMS["users.save"](desks["admin"]).send(takes_over="x")
    yield FORMS["users.deactivate"](desks["admin"]).send(promise="x")
    for endpoint in ("changes.confirm_edit", "changes.confirm_ask", "changes.confirm_cancel"):
        yield FORMS[endpoint](desks["admin"]).send(version="999")
    yield FORMS["companies.save"](desks["admin"]).send(stamp="x")
    assert rows_of(world) == before


def _shown(page: TestResponse) -> list[TestResponse]:
    return [page] if page.mimetype == "text/html" and page.status_code in {200, 409, 422} else []


def test_every_name_that_a_view_reads_by_itself_is_in_the_table() -> None:
    known = {name for fields in FIELDS.values() for name in fields}
    read: dict[str, str] = {}
    for package in ("portal", "vendor_portal"):
        for file in (ROOT / package).rglob("*.py"):
            read |= dict.fromkeys(names_read_in(ast.parse(file.read_text())), file.name)

    assert len(read) >= 12
    assert {name: file for name, file in read.items() if name not in known} == {}


def names_read_in(tree: ast.AST) -> Iterator[str]:
    """The names in ``request.args.get("x")``, ``request.form["x"]``, ``"x" in request.args``."""
    for node in ast.walk(tree):
        name: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_sent(node.func.value):
            name = next(iter(node.args), None)
        elif isinstance(node, ast.Subscript) and _is_sent(node.value):
            name = node.slice
        elif isinstance(node, ast.Compare) and _is_sent(node.comparators[0]):
            name = node.left
        if isinstance(name, ast.Constant):
            yield str(name.value)


def _is_sent(node: ast.AST) -> bool:
    return ast.unparse(node) in {"request.args", "request.form", "request.values"}


def test_what_takes_a_story_is_told_by_a_test_that_there_is() -> None:
    for place in {field.shown_by for fields in FIELDS.values() for field in fields.values()} - {""}:
        file, _, name = place.partition("::")
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(), place


# ---- what does not belong into a field


@pytest.mark.parametrize("endpoint", FIELDS)
def test_what_does_not_belong_into_a_field_is_refused_in_words_and_writes_nothing(
    clinics: TwoClinics, desks: dict[str, Desk], endpoint: str
) -> None:
    forms = forms_of(endpoint, desks)
    before = rows_of(clinics.world)
    for name, row in FIELDS[endpoint].items():
        for wrong in row.wrong:
            who = "provider" if "{colleagues" in wrong else "admin"
            if who in forms:
                refuses(clinics, forms, who, name, wrong, row)
        assert not row.wrong or rows_of(clinics.world) == before, name


def forms_of(endpoint: str, desks: dict[str, Desk]) -> dict[str, Sending]:
    """The form as those who may use it fill it in."""
    may = ROWS[endpoint].who
    return {
        who: FORMS[endpoint](desk)
        for who, desk in desks.items()
        if who in {"admin", "harbor"} or (who in {"provider", "scheduler"} and (not may or Role(who) in may))
    }


def refuses(clinics: TwoClinics, forms: dict[str, Sending], who: str, name: str, wrong: str, row: Field) -> None:
    """Send a form with one field wrong and see what comes of it."""
    sending = forms[who]
    other = forms.get("scheduler", forms["admin"])
    value = wrong.format(
        mine=clinics.mine,
        theirs=clinics.theirs,
        colleagues=clinics.colleagues,
        their_form=forms["harbor"].values.get(name, [""])[0],
        other_form=other.values.get(name, [""])[0],
    )
    if other is sending and "{other_form}" in wrong:
        return
    case = (sending.endpoint, name, wrong)
    right = sending.values.get(name, []) if name in SEVERAL else []

    answer = sending.send(**{name: [*right, value]}, **row.along)

    assert answer.status_code in row.statuses, case
    assert row.says in unescape(answer.get_data(as_text=True)), case
    hidden = clinics.only_theirs | (clinics.only_colleagues if who == "provider" else frozenset())
    holds_none(answer, [text for text in hidden if text not in value])


def test_a_form_that_is_right_at_ones_own_address_does_nothing_at_anothers(
    clinics: TwoClinics, desks: dict[str, Desk]
) -> None:
    world = clinics.world
    before, tried = rows_of(world), 0
    for address in addresses(world.portal, PORTAL):
        if not address.is_owned or address.link or PORTAL[address.endpoint].method == GET:
            continue
        forms = forms_of(address.endpoint, desks)
        at_theirs = path_of(world.portal, address, clinics.theirs)
        of_theirs = {**forms["harbor"].values, "csrf_token": forms["admin"].values["csrf_token"]}
        tries = [replace(forms["admin"], path=at_theirs), replace(forms["admin"], path=at_theirs, values=of_theirs)]
        if "provider" in forms and "visit_id" in address.names:
            at_colleagues = path_of(world.portal, address, clinics.colleagues)
            tries.append(replace(forms["provider"], path=at_colleagues))
        for sending in tries:
            answer = sending.send()
            assert answer.status_code == 404, (sending.endpoint, sending.path)
            holds_none(answer, clinics.only_theirs)
            tried += 1
        assert rows_of(world) == before, address
    assert tried > 30


def test_the_key_of_another_clinics_preview_finds_nothing_and_makes_an_own_visit_in_the_end(
    sqlite_template: SqliteTemplate,
) -> None:
    with sqlite_template.database() as url, build_world(url) as world:
        clinics = two_clinics(world)
        theirs = FORMS["visits.create"](at_desk(world, clinics.theirs, Role.ADMIN, domain="harbor"))
        assert theirs.send().status_code == 303
        desk = at_desk(world, clinics.mine, Role.ADMIN)
        stolen = FORMS["visits.preview"](desk)
        stolen.values["key"] = theirs.values["key"]

        answer = desk.after(stolen, "visits.create").send()

        assert answer.status_code == 422
        assert CHANGED_AFTER in unescape(answer.text)
        holds_none(answer, clinics.only_theirs)
        again = form_on(desk.client, answer, "visits.preview", do="preview")
        assert again.values["key"] != stolen.values["key"]
        assert desk.after(again, "visits.create").send().status_code == 303


def test_every_form_would_be_taken_if_nothing_in_it_were_wrong(sqlite_template: SqliteTemplate) -> None:
    with sqlite_template.database() as url, build_world(url) as world:
        clinics = two_clinics(world)
        desk = at_desk(world, clinics.mine, Role.ADMIN)
        for endpoint, fill_in in FORMS.items():
            apart = endpoint in {"passwords.change", "auth.log_out_now"}
            answer = fill_in(at_desk(world, clinics.mine, Role.STAFF) if apart else desk).send()
            taken = {404} if ROWS[endpoint].status == 404 and ROWS[endpoint].method == GET else {200, 204, 303}
            assert answer.status_code in taken, (endpoint, words(answer))
