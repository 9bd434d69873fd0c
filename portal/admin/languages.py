"""The languages that the clinic asks interpreters for."""

from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.admin.saving import RecordForm, add_errors, name_field, open_with, sides
from shared.actions import SaveOutcome, add_language, change_language, remove_language
from shared.errors import NotFoundError
from shared.queries import LanguagePage, language_list, language_page
from shared.records import NO_LANGUAGE, LanguageRecord
from shared.texts import is_readable, tidy
from shared.web import is_fragment, page, request_now

bp = Blueprint("languages", __name__, url_prefix="/admin/languages")

LONGEST_SEARCH = 100


class LanguageForm(RecordForm):
    """What the clinic calls a language."""

    name = name_field("Name", "Write the language's name.", longest=80)
    short_name = name_field("Short name", "Write the language's short name.", longest=40)

    @property
    def record(self) -> LanguageRecord:
        """The names of a form that validated."""
        return LanguageRecord(self.name.data or "", self.short_name.data or "")


@bp.get("")
def index() -> Response:
    """The clinic's languages, and a search in all languages of the standard; while one types, its findings alone."""
    asked = tidy(request.args.get("q", ""))[:LONGEST_SEARCH]
    search = asked if is_readable(asked) else ""
    shown = language_list(viewer().scope, search)
    changed = next((row for row in shown.languages if row.tag == request.args.get("done")), None)
    return page(
        "admin/languages/index.html",
        fragment="admin/languages/_found.html",
        shown=shown,
        search=search,
        changed=changed,
        removed=request.args.get("news") == "removed",
        is_news=is_fragment(),
    )


@bp.post("")
def add() -> Response:
    """Add a language of the standard."""
    tag = request.form.get("tag", "")[:35]
    add_language(viewer().scope, tag, now=request_now())
    return redirect(url_for(".index", done=tag), 303)


@bp.get("/<tag>")
def show(tag: str) -> Response:
    """One language: its names, and what uses it."""
    shown = _shown(tag)
    return _page(open_with(LanguageForm(formdata=None), shown.record), shown)


@bp.post("/<tag>")
def save(tag: str) -> Response:
    """Save a language's names."""
    form, shown = LanguageForm(), _shown(tag)
    if not form.validate():
        return _page(form, shown, status=422)
    result = change_language(viewer().scope, tag, form.record, stamp=form.stamp.data or "", now=request_now())
    if result.outcome is SaveOutcome.SAVED:
        return redirect(url_for(".index", done=tag), 303)
    if result.outcome is SaveOutcome.INVALID:
        add_errors(form, result.errors)
        return _page(form, shown, status=422)
    shown = _shown(tag)
    found = sides(form, shown.record, lambda _name, value: str(value))
    return _page(form, shown, status=409, sides=found)


@bp.post("/<tag>/remove")
def remove(tag: str) -> Response:
    """Take the language from the clinic's."""
    remove_language(viewer().scope, tag, now=request_now())
    return redirect(url_for(".index", news="removed"), 303)


def _shown(tag: str) -> LanguagePage:
    found = language_page(viewer().scope, tag, now=request_now())
    if found is None and request.method == "POST":
        raise NotFoundError(NO_LANGUAGE)
    if found is None:
        abort(404)
    return found


def _page(form: LanguageForm, shown: LanguagePage, *, status: int = 200, **more: Any) -> Response:
    return page("admin/languages/show.html", status=status, form=form, shown=shown, **({"sides": ()} | more))
