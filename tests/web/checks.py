"""What every page has to be, and how tests read its forms. Looks at meaning, never at layout."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import html5lib
from bs4 import BeautifulSoup, Tag
from bs4.builder._html5lib import HTML5TreeBuilder
from flask.testing import FlaskClient
from html5lib.constants import E as PARSE_ERRORS
from sqlalchemy import select
from werkzeug.test import TestResponse

from shared.db import Base, reading
from shared.models import Display, UserSession
from tests.world import World

Rows = dict[str, list[tuple[Any, ...]]]

PATIENT = ("Jonah Pike", "+1 555 0199", "New patient")
"""What no company and no mail may ever see; tests/world.py books visits with these."""

POINTERS = {"aria-describedby", "aria-labelledby", "aria-errormessage", "aria-controls"}
LOADING = {
    "src", "srcset", "data", "poster", "background", "ping", "manifest", "action", "formaction",
    "hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete", "sse-connect",
}  # fmt: skip
UNLABELLED = {"hidden", "submit", "button", "reset", "image"}


class CheckedClient(FlaskClient):
    """A browser without scripts that refuses pages that are not right: every page it is shown is checked."""

    illegible = False
    """Set it where a test sends control characters: a form that keeps its input shows them again."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Request something and check the page that comes back."""
        kwargs.setdefault("buffered", True)  # read at once, so that files are closed
        response = super().open(*args, **kwargs)
        readable = response.mimetype == "text/html" and response.request.method not in {"HEAD", "OPTIONS"}
        a_mail = response.request.path.startswith("/dev/mailbox/")  # somebody else's HTML
        if readable and not a_mail and (response.status_code == 200 or 400 <= response.status_code < 500):
            check_html(response, illegible=self.illegible)
        return response


def check_html(response: TestResponse, *, illegible: bool = False) -> None:
    """A page parses without an error; a whole page has a title, one h1, unique ids and labels for its fields."""
    text = response.text
    whole = response.request.headers.get("HX-Request") != "true" or "<!doctype" in text.lower()
    if whole:
        page, found = _parsed(text)
    else:
        parser = html5lib.HTMLParser()
        parser.parseFragment(text)
        found = tuple(parser.errors)
    errors = [
        f"{PARSE_ERRORS[code] % details} at {place}"
        for place, code, details in found
        if not (illegible and code in {"invalid-codepoint", "illegal-codepoint-for-numeric-entity"})
    ]
    assert not errors, f"{response.request.path}: {errors}\n{text}"
    if whole:
        check_page(page, response.request.path)


def check_page(page: BeautifulSoup, path: str) -> None:
    """What every whole page has."""
    assert page.html is not None
    assert page.html.get("lang") == "en", path
    assert page.title is not None, path
    assert page.title.get_text(strip=True), path
    assert len(page.find_all("h1")) == 1, f"{path}: {page.find_all('h1')}"
    assert len(page.find_all("main")) == 1, path
    check_leaves(page, path)
    tags = page.find_all(True)
    ids = [str(tag["id"]) for tag in tags if tag.has_attr("id")]
    assert len(ids) == len(set(ids)), f"{path}: an id stands twice: {sorted(ids)}"
    check_summary(page, ids, path)
    for tag in tags:
        check_nothing_inline(tag, path)
        for name in POINTERS & tag.attrs.keys():
            for target in str(tag[name]).split():
                assert target in ids, f"{path}: {name} points to nothing: {tag}"
        if tag.name in {"select", "textarea"} or (tag.name == "input" and tag.get("type", "text") not in UNLABELLED):
            assert _label(page, tag), f"{path}: no label for {tag}"
        if tag.name in {"button", "a"}:
            named = tag.get_text(strip=True) or tag.get("aria-label") or tag.get("aria-hidden") == "true"
            assert named, f"{path}: a {tag.name} without a name"


def check_summary(page: BeautifulSoup, ids: Sequence[str], path: str) -> None:
    """The summary of a form's errors leads to fields of the page, in the order in which these stand there."""
    targets = [str(link["href"]).removeprefix("#") for link in page.select("#errors a")]
    assert targets == [one for one in ids if one in targets], (
        f"{path}: errors in another order than the fields: {targets}"
    )


def check_leaves(page: BeautifulSoup, path: str) -> None:
    """A page of somebody's asks whether the login has ended, to leave the screen; one with a form that survives that
    stays, and says so."""
    if page.find(class_="person") is None:
        return
    assert page.select("#watch[hx-get]"), f"{path}: stays on the screen when its login has ended"
    holds = page.select_one("main[hx-headers]") is not None
    assert holds == bool(page.select("main input[name=author]")), f"{path}: a form that is kept, or a notice for none"


def check_nothing_inline(tag: Tag, where: str) -> None:
    """Nothing that the Content-Security-Policy would block, and nothing that is loaded from or sent to elsewhere."""
    assert tag.name not in {"style", "base", "object", "embed"}, f"{where}: {tag}"
    assert tag.name != "script" or (tag.get("src") and not tag.get_text()), f"{where}: {tag}"
    loads = LOADING | ({"href"} if tag.name in {"link", "use", "image"} else set())
    for name, value in tag.attrs.items():
        said = (" ".join(value) if isinstance(value, list) else str(value)).strip().lower()
        assert name != "style", f"{where}: {tag}"
        assert not name.startswith(("on", "hx-on")), f"{where}: {tag}"
        if name == "href" or name in LOADING or name.startswith("hx-"):
            assert not said.startswith(("javascript:", "js:")), f"{where}: {tag}"
        if name in loads:
            assert urlsplit(said)[:2] == ("", ""), f"{where}: {tag}"


def soup_of(response: TestResponse) -> BeautifulSoup:
    """The page as a tree, to look at and not to change."""
    return _parsed(response.text)[0]


class _StrictBuilder(HTML5TreeBuilder):
    """Builds the tree and keeps the parser's errors: html5lib is too slow to read every page twice."""

    errors: tuple[Any, ...] = ()

    def feed(self, markup: Any) -> None:
        """Read a page's text."""
        parser = html5lib.HTMLParser(tree=self.create_treebuilder)  # type: ignore[arg-type] # bs4 does the same
        self.underlying_builder.parser = parser
        parser.parse(markup).original_encoding = None
        self.underlying_builder.parser = None
        self.errors = tuple(parser.errors)


@lru_cache(maxsize=32)
def _parsed(text: str) -> tuple[BeautifulSoup, tuple[Any, ...]]:
    """The page as a tree, and what an HTML parser had to forgive."""
    builder = _StrictBuilder()
    return BeautifulSoup(text, builder=builder), builder.errors


def csrf_of(page: TestResponse) -> str:
    """The page's CSRF token."""
    field = soup_of(page).find("input", attrs={"name": "csrf_token"})
    assert field is not None, page.text
    return str(field["value"])


def words(response: TestResponse) -> str:
    """What a reader of the page sees, blanks folded."""
    page = soup_of(response)
    assert page.body is not None
    return " ".join(page.body.get_text(" ").split())


def form_of(response: TestResponse, *, field: str) -> Tag:
    """The form on the page that has a field of this name."""
    for form in soup_of(response).find_all("form"):
        if form.find(True, attrs={"name": field}) is not None:
            return form
    raise AssertionError(f"no form with a field {field} in {response.text}")


def values_of(response: TestResponse, *, field: str) -> dict[str, list[str]]:
    """What a browser would send for the form with that field: every field's values, buttons left out."""
    return field_values(form_of(response, field=field))


def field_values(form: Tag) -> dict[str, list[str]]:
    """What a browser would send for a form: every field's values, buttons left out."""
    found: dict[str, list[str]] = {}
    for tag in form.find_all(["input", "select", "textarea"]):
        name = str(tag.get("name") or "")
        if not name or tag.has_attr("disabled"):
            continue
        if tag.name == "select":
            options = tag.find_all("option")
            chosen = [option for option in options if option.has_attr("selected")] or options[:1]
            found.setdefault(name, []).extend(str(option.get("value", option.get_text())) for option in chosen)
        elif tag.name == "textarea":
            found.setdefault(name, []).append(tag.get_text().removeprefix("\n"))
        elif tag.get("type") in {"checkbox", "radio"}:
            found.setdefault(name, [])
            if tag.has_attr("checked"):
                found[name].append(str(tag.get("value", "on")))
        elif tag.get("type") not in {"submit", "button", "reset", "image"}:
            found.setdefault(name, []).append(str(tag.get("value", "")))
    return found


@dataclass(frozen=True, slots=True)
class FieldErrors:
    """What a form that came back says: near which field, and in all."""

    near: str
    page: str


def complaint(response: TestResponse, name: str) -> FieldErrors:
    """What stands near a field: the text of its description."""
    page = soup_of(response)
    field = page.find(True, attrs={"name": name})
    assert field is not None, f"no field {name}"
    described = [page.find(id=target) for target in str(field.get("aria-describedby", "")).split()]
    near = " ".join(tag.get_text(" ", strip=True) for tag in described if tag is not None)
    return FieldErrors(" ".join(near.split()), words(response))


def _label(page: BeautifulSoup, field: Tag) -> str:
    """The field's accessible name: its label's text, or what aria says."""
    labels = page.find_all("label", attrs={"for": str(field["id"])}) if field.has_attr("id") else []
    around = field.find_parent("label")
    named_by = [page.find(id=target) for target in str(field.get("aria-labelledby", "")).split()]
    parts = [tag.get_text(strip=True) for tag in [*labels, around, *named_by] if tag is not None]
    return "".join(parts) or str(field.get("aria-label", ""))


def dump(world: World) -> Rows:
    """Every row of every table."""
    with world.jobs.app_context(), reading() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


def rows_of(world: World) -> Rows:
    """Every row, but for the instants at which logins and displays were last seen."""
    rows = dump(world)
    for table in (UserSession.__table__, Display.__table__):
        seen = table.columns.keys().index("last_seen_at")
        rows[str(table)] = [(*row[:seen], *row[seen + 1 :]) for row in rows[str(table)]]
    return rows


def holds_none(answer: TestResponse, texts: Iterable[str]) -> None:
    """Nothing of somebody else stands in the page or in a header."""
    whole = answer.get_data(as_text=True) + str(answer.headers)
    found = [text for text in texts if text in whole]
    assert found == [], (answer.request.method, answer.request.path, found)


def counts(world: World) -> dict[str, int]:
    """How many rows every table has."""
    return {name: len(rows) for name, rows in dump(world).items()}
