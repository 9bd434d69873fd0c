"""The part of the visit forms that says whom to ask. Whether they can be asked is the plan's business."""

from typing import Any

from wtforms import Form, SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import ValidationError

from portal.fields import at_most, clean_text, plain_text

MAX_PICKS = 100
LONGEST_TAG = 35


def language_field() -> SelectField:
    """The language that the interpreter is for; its list is the clinic's."""
    return SelectField("Language", validate_choice=False)


def interpreter_field() -> SelectMultipleField:
    """The companies and groups to ask."""
    return SelectMultipleField("Interpreter", validate_choice=False, validators=[_few_picks])


def notes_field() -> TextAreaField:
    """What every company asked reads."""
    return TextAreaField("Notes for Interpreter", filters=[clean_text], validators=[at_most(1000), plain_text])


def _few_picks(_form: Form, field: Any) -> None:
    """A bound on how much one form may ask."""
    if len(field.data or ()) > MAX_PICKS or any(len(pick) > 40 for pick in field.data or ()):
        raise ValidationError("Choose from the list.")
