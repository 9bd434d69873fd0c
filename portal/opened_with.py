"""What the form of a change opened with: it goes along sealed, so that after somebody else's change it can be told what
was changed here, and so that going on does not take back what was changed there."""

from wtforms import Field, SelectMultipleField, TimeField

from portal.both_sides import Values, seal_values, sealed_values
from portal.change_form import AskForm, ChangeFields, EditForm, filled_form
from portal.change_words import LABELS
from shared.changes import ChangeKind
from shared.queries import ChangeForm, Viewer
from shared.states import Reach

RULE = ("repeat", "weekdays", "ends", "repeat_count", "repeat_until", "month_day")
"""The fields that are one value: how the visit repeats."""


def open_form(viewer: Viewer, kind: ChangeKind, opened: ChangeForm) -> ChangeFields:
    """The form as it opens, with what it opens with sealed in it."""
    form = filled_form(kind, opened)
    form.opened.data = seal_values(_whose(viewer, opened, form), _values(form))
    return form


def changed_here(viewer: Viewer, opened: ChangeForm, form: ChangeFields) -> frozenset[str] | None:
    """The fields that were changed since the form opened; None if it does not say what it opened with."""
    before = _opened_with(viewer, opened, form)
    return None if before is None else _differing(before, _values(form), form)


def changed_there(viewer: Viewer, opened: ChangeForm, form: ChangeFields) -> frozenset[str]:
    """The fields that are saved with another value by now; none if the form does not say what it opened with."""
    before = _opened_with(viewer, opened, form)
    return frozenset() if before is None else _differing(before, _values(filled_form(form.kind, opened)), form)


def merged(viewer: Viewer, opened: ChangeForm, form: ChangeFields, mine: frozenset[str]) -> ChangeFields:
    """The form as if it had opened now, with the fields that were changed here on top."""
    found = open_form(viewer, form.kind, opened)
    found.reach.data = form.reach.data
    for name in (part for field in mine for part in _parts(field)):
        found[name].data, found[name].raw_data = form[name].data, form[name].raw_data
    return found


def _opened_with(viewer: Viewer, opened: ChangeForm, form: ChangeFields) -> Values | None:
    """What the form opened with, if it is this user's, this visit's and of the version that the form names."""
    return sealed_values(form.opened.data, _whose(viewer, opened, form))


def _whose(viewer: Viewer, opened: ChangeForm, form: ChangeFields) -> list[object]:
    return [viewer.scope.user_id, form.kind.value, opened.card.id, form.version.data]


def _differing(one: Values, other: Values, form: ChangeFields) -> frozenset[str]:
    read = other if form.reach.data == Reach.FOLLOWING else other.keys() - {"repeat"}
    return frozenset(name for name in read if one.get(name) != other[name])


def _values(form: ChangeFields) -> Values:
    """The form's values by what the pages call them, to be compared."""
    assert isinstance(form, (EditForm, AskForm))
    return {name: [_texts(form[part]) for part in _parts(name)] for name in LABELS if name in form}


def _parts(name: str) -> tuple[str, ...]:
    return RULE if name == "repeat" else (name,)


def _texts(field: Field) -> list[str]:
    if isinstance(field, SelectMultipleField):
        return sorted({str(value) for value in field.data or ()})
    if isinstance(field, TimeField) and field.data:
        return [f"{field.data:%H:%M}"]
    return [str(field.data or "")]
