"""What the administrators' forms have in common: names, objections, and what a second administrator saved meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import g
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, Length, ValidationError

from portal.fields import clean_text, one_line, phone_number, plain_text
from shared import times
from shared.records import Record, changed_fields


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


@dataclass(frozen=True, slots=True)
class Theirs:
    """A field where the form says otherwise than what somebody else saved, and what that is."""

    label: str
    value: str


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


def theirs(
    form: FlaskForm, stored: Record, wanted: Record, say: Callable[[str, Any], str], **named: str
) -> tuple[Theirs, ...]:
    """What is stored where it differs from the form. ``named``: fields that the form has under another name."""
    return tuple(
        Theirs(form[named.get(name, name)].label.text, say(name, getattr(stored, name)))
        for name in changed_fields(stored, wanted)
    )
