"""The clinic's hunt groups."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import SelectField, SelectMultipleField
from wtforms.validators import InputRequired

from portal.access import viewer
from portal.admin.saving import AdminForm, RecordForm, add_errors, name_field, open_with, sides
from portal.fields import id_of
from shared.actions import SaveOutcome, add_group, change_group, remove_group
from shared.errors import NotFoundError
from shared.queries import GroupPage, clinic_languages, group_list, group_page
from shared.records import NOT_IN_LIST, GroupRecord
from shared.web import page, request_now

bp = Blueprint("groups", __name__, url_prefix="/admin/groups")

GONE = (
    "There is no such hunt group at this clinic, or somebody has deleted it. Nothing was saved. Add a new one instead."
)


class NewGroupForm(AdminForm):
    """A new group. Its companies are chosen next, among those that interpret the language."""

    name = name_field("Name", "Write the group's name.")
    language = SelectField(
        "Language", validate_choice=False, validators=[InputRequired("Choose the language that the group is for.")]
    )


class GroupForm(RecordForm):
    """A group. ``companies`` are ids in the group's order; ``more`` is one that the Add button puts at the end."""

    name = name_field("Name", "Write the group's name.")
    companies = SelectMultipleField("Companies", validate_choice=False)
    more = SelectField("Add a company", validate_choice=False)

    @property
    def ids(self) -> tuple[int, ...]:
        """The companies, each once."""
        return tuple(dict.fromkeys(id_of(text) for text in self.companies.data or ()))

    @property
    def record(self) -> GroupRecord:
        """The group of a form that validated."""
        return GroupRecord(self.name.data or "", self.ids)

    def fields_for(self, name: str, value: Any) -> dict[str, Any]:
        """Ids are text in a form."""
        return {name: [str(company_id) for company_id in value]} if name == "companies" else {name: value}


@bp.get("")
def index() -> Response:
    """All groups."""
    shown = group_list(viewer().scope)
    changed = next((row for row in shown if str(row.id) == request.args.get("done")), None)
    return page("admin/groups/index.html", groups=shown, changed=changed, removed=request.args.get("news") == "removed")


@bp.get("/new")
def new() -> Response:
    """An empty form."""
    return _new_page(NewGroupForm(formdata=None))


@bp.post("/new")
def add() -> Response:
    """Add a group, and go on to its companies."""
    form = NewGroupForm()
    if not form.validate():
        return _new_page(form, status=422)
    result = add_group(
        viewer().scope, name=form.name.data or "", language_tag=(form.language.data or "")[:35], now=request_now()
    )
    if result.outcome is SaveOutcome.SAVED:
        return redirect(url_for(".show", group_id=result.id), 303)
    add_errors(form, result.errors)
    return _new_page(form, status=422)


@bp.get("/<id:group_id>")
def show(group_id: int) -> Response:
    """One group."""
    shown = _shown(group_id)
    return _page(open_with(GroupForm(formdata=None), shown.record), shown)


@bp.post("/<id:group_id>")
def save(group_id: int) -> Response:
    """Move, add or remove a company on the form; or save it, when no such button was pressed."""
    form, shown, pressed = GroupForm(), _shown(group_id), request.form.get("do", "save")
    if pressed != "save":
        return _moved(form, shown, pressed)
    if not form.validate():
        return _page(form, shown, status=422)
    result = change_group(viewer().scope, group_id, form.record, stamp=form.stamp.data or "", now=request_now())
    if result.outcome is SaveOutcome.SAVED:
        return redirect(url_for(".index", done=group_id), 303)
    shown = _shown(group_id)
    if result.outcome is SaveOutcome.INVALID:
        add_errors(form, result.errors)
        return _page(form, shown, status=422)
    found = sides(form, shown.record, lambda name, value: _say(shown, name, value))
    return _page(form, shown, status=409, sides=found)


@bp.post("/<id:group_id>/remove")
def remove(group_id: int) -> Response:
    """Delete the group."""
    remove_group(viewer().scope, group_id, now=request_now())
    return redirect(url_for(".index", news="removed"), 303)


def arranged(ids: Sequence[int], pressed: str, more: int) -> list[int]:
    """The companies after a button: ``up:7``, ``down:7``, ``remove:7``, or ``add`` for ``more``. Else as they were."""
    what, _, number = pressed.partition(":")
    found, company_id = list(ids), id_of(number)
    if what == "add" and more and more not in found:
        return [*found, more]
    if company_id not in found:
        return found
    place = found.index(company_id)
    if what == "remove":
        del found[place]
    elif what in {"up", "down"}:
        other = place - 1 if what == "up" else place + 1
        if 0 <= other < len(found):
            found[place], found[other] = found[other], found[place]
    return found


def _shown(group_id: int) -> GroupPage:
    found = group_page(viewer().scope, group_id)
    if found is None and request.method == "POST":
        raise NotFoundError(GONE)
    if found is None:
        abort(404)
    return found


def _new_page(form: NewGroupForm, *, status: int = 200) -> Response:
    return page("admin/groups/new.html", status=status, form=form, languages=clinic_languages(viewer().scope))


def _page(form: GroupForm, shown: GroupPage, *, status: int = 200, **more: Any) -> Response:
    members = shown.members(form.ids)
    form.companies.data = [str(member.id) for member in members]
    return page(
        "admin/groups/show.html",
        status=status,
        form=form,
        shown=shown,
        members=members,
        others=tuple(company for company in shown.able if company not in members),
        unsaved=form.record.companies != shown.record.companies,
        **({"sides": (), "news": ""} | more),
    )


def _moved(form: GroupForm, shown: GroupPage, pressed: str) -> Response:
    """The form after a button of its list, and what that did, for those who can't see the list change."""
    what, _, number = pressed.partition(":")
    wanted = form.more.data if what == "add" else number
    company = next(iter(shown.members([id_of(wanted or "")])), None)
    if company is None:
        form.companies.errors = [NOT_IN_LIST]
        return _page(form, shown, status=422)
    form.companies.data = [str(company_id) for company_id in arranged(form.ids, pressed, company.id)]
    if company.id not in form.ids:
        return _page(form, shown, news=f"{company.name} is out of the group. Not saved yet.")
    place = f"{form.ids.index(company.id) + 1} of {len(form.ids)}"
    return _page(form, shown, news=f"{company.name} is number {place}. Not saved yet.")


def _say(shown: GroupPage, name: str, value: Any) -> str:
    if name == "companies":
        return ", ".join(member.name for member in shown.members(value)) or "none"
    return str(value)
