"""What the administrators' forms have in common: names, objections, and what a second administrator saved meanwhile."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from flask import g
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, Length, ValidationError

from portal.access import viewer
from portal.both_sides import Values, seal_values, sealed_values
from portal.fields import clean_text, one_line, phone_number, plain_text
from shared import times
from shared.records import Record, stamp_of

FormOfRecord = TypeVar("FormOfRecord", bound="RecordForm")


class AdminForm(FlaskForm):
    """A form that is shown again, and not saved, where it waited for a lost login (``portal.restored``)."""

    class Meta(FlaskForm.Meta):
        """Where the values of a form come from."""

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """What was sent now, or what waited."""
            sent = super().wrap_formdata(form, formdata)
            return sent if sent is None else g.get("waiting", sent)

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether it can be saved."""
        return "waiting" not in g and super().validate(extra_validators)


class RecordForm(AdminForm):
    """A form about a record that is stored. ``stamp`` tells what that was when the form was opened, ``opened`` holds
    it, sealed."""

    stamp = HiddenField()
    opened = HiddenField()

    @property
    def record(self) -> Record:
        """The values of a form that validated."""
        raise NotImplementedError

    def fields_for(self, name: str, value: Any) -> dict[str, Any]:
        """The form's fields for a value of the record, and what they hold: most are called alike and hold the same."""
        return {name: value}


@dataclass(frozen=True, slots=True)
class Sides:
    """A field on which a form and what is stored are not as one when the form was opened. ``opened`` is empty, and so
    is ``who``, for a form that does not say what it opened with."""

    label: str
    stored: str
    typed: str
    opened: str
    who: str


class ZoneField(SelectField):
    """The zones that people choose from, and the record's own, should that have an old name."""

    def __init__(self, label: str, **settings: Any) -> None:
        super().__init__(label, validate_choice=False, **settings)
        self._offer(times.zones())

    def offer(self, zone: str) -> None:
        """Put a record's own zone on the list."""
        if zone not in self._zones:
            self._offer((*self._zones, zone))

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms' own signature
        """One of the list."""
        if self.data not in self._zones:
            raise ValidationError("Choose a time zone from the list.")

    def _offer(self, zones: tuple[str, ...]) -> None:
        self._zones = zones
        self.choices = [SelectChoice(zone, zone.replace("_", " ")) for zone in zones]


def name_field(label: str, missing: str, *, longest: int = 120) -> StringField:
    """A name that is needed, on one line."""
    return StringField(
        label,
        filters=[clean_text],
        validators=[
            DataRequired(missing),
            Length(max=longest, message=f"At most {longest} characters."),
            plain_text,
            one_line,
        ],
    )


def phone_field(label: str, missing: str) -> StringField:
    """A telephone number that is needed."""
    return StringField(
        label,
        filters=[clean_text],
        validators=[DataRequired(missing), Length(max=40, message="At most 40 characters."), plain_text, phone_number],
    )


def add_errors(form: FlaskForm, errors: Mapping[str, str]) -> None:
    """Put an action's objections at their fields."""
    for name, sentence in errors.items():
        field = form[name]
        field.errors = [*field.errors, sentence]


def open_with(form: FormOfRecord, stored: Record) -> FormOfRecord:
    """The form as it opens: with what is stored, which goes along sealed."""
    values = _values(stored)
    _take(form, values)
    form.stamp.data = stamp_of(stored)
    form.opened.data = seal_values(_whose(form), values)
    return form


def opened_with(form: RecordForm) -> Values | None:
    """The record that the form opened with; None if it does not say so, or is somebody else's."""
    return sealed_values(form.opened.data, _whose(form))


def sides(form: RecordForm, stored: Record, say: Callable[[str, Any], str]) -> tuple[Sides, ...]:
    """What was changed in the form and what somebody else saved meanwhile, field by field.

    From here on the form is as if it had opened now, with what was changed in it on top. One that does not say what it
    opened with keeps all its values.
    """
    now, typed, before = _values(stored), _values(form.record), opened_with(form)
    mine = {name for name in now if typed[name] != (now if before is None else before)[name]}
    theirs = set() if before is None else {name for name in now if now[name] != before[name]}
    found = tuple(
        Sides(
            label=form[next(iter(form.fields_for(name, now[name])))].label.text,
            stored=say(name, now[name]),
            typed=say(name, typed[name]),
            opened="" if before is None else say(name, before[name]),
            who="" if before is None else _who(name in mine, name in theirs),
        )
        for name in now
        if name in mine | theirs
    )
    if before is not None:
        _take(form, {name: now[name] for name in now if name not in mine})
    form.stamp.data = stamp_of(stored)
    form.opened.data = seal_values(_whose(form), now)
    return found


def _who(here: bool, there: bool) -> str:
    return "Both" if here and there else "You" if here else "Somebody else"


def _values(record: Record) -> Values:
    """A record as JSON keeps it, to be compared with one that was sealed."""
    values: Values = json.loads(json.dumps(asdict(record)))
    return values


def _take(form: RecordForm, values: Values) -> None:
    """Put a record's values into the form."""
    for name, value in values.items():
        for field_name, data in form.fields_for(name, value).items():
            field = form[field_name]
            if isinstance(field, ZoneField):
                field.offer(data)
            field.data = data


def _whose(form: RecordForm) -> list[object]:
    return [viewer().scope.user_id, form.stamp.data]
