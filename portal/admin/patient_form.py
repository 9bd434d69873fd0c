"""The form that finds one patient's visits, and which of them were chosen."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

from portal.fields import at_most, clean_text, id_of, one_line, plain_text
from shared.queries import MOST_VISITS
from shared.texts import folded

FEWEST_DIGITS = 4
"""Fewer would find everybody."""


class PatientForm(FlaskForm):
    """A name, a contact, or both."""

    name = StringField("Patient name", filters=[clean_text], validators=[at_most(120), plain_text, one_line])
    contact = StringField(
        "Patient e-mail or phone", filters=[clean_text], validators=[at_most(254), plain_text, one_line]
    )

    def validate_name(self, field: Any) -> None:
        """Something to look for."""
        if field.data and not folded(field.data):
            raise ValidationError("Write at least one letter of the patient's name.")
        if not field.data and not self.contact.data:
            raise ValidationError("Write a name, or an e-mail address or phone number.")

    def validate_contact(self, field: Any) -> None:
        """A part of an address, or enough digits of a number."""
        text = field.data or ""
        if text and "@" not in text and sum(character.isdigit() for character in text) < FEWEST_DIGITS:
            raise ValidationError(
                f"Write a part of an address with its @, or at least {FEWEST_DIGITS} digits of a number."
            )


def chosen(values: list[str]) -> tuple[int, ...]:
    """The visits that were ticked, each once, no more than one page offers."""
    ids = sorted({id_of(value) for value in values} - {0})
    return tuple(ids[:MOST_VISITS])
