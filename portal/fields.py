"""What forms of the portal share: cleaning and checking of text."""

from typing import Any

from wtforms import DateField, Form, RadioField, SelectField, SelectMultipleField, TimeField
from wtforms.validators import Length, ValidationError

from shared.texts import NO_PHONE_NUMBER, UNREADABLE, is_mail_address, is_one_line, is_phone_number, is_readable, tidy


def clean_text(value: str | None) -> str | None:
    """The field's text, tidied; None where nothing was sent."""
    return None if value is None else tidy(value)


def at_most(longest: int) -> Length:
    """Refuse what is longer than its place, in the house's words."""
    return Length(max=longest, message=f"Write at most {longest} characters.")


def plain_text(_form: Form, field: Any) -> None:
    """Refuse what is not text: control characters, and bytes that were not UTF-8."""
    if not is_readable(field.data or ""):
        raise ValidationError(UNREADABLE)


def one_line(_form: Form, field: Any) -> None:
    """Refuse line breaks where a name or a title is meant."""
    if not is_one_line(field.data or ""):
        raise ValidationError("Write this on one line.")


def mail_address(_form: Form, field: Any) -> None:
    """Refuse what no mail can be sent to."""
    if not is_mail_address(field.data or ""):
        raise ValidationError("Write a complete e-mail address, for example name@clinic.example.")


def phone_number(_form: Form, field: Any) -> None:
    """Refuse what nobody can dial."""
    if not is_phone_number(field.data or ""):
        raise ValidationError(NO_PHONE_NUMBER)


def id_of(text: str) -> int:
    """The id, or another whole number, that a form sent; 0, which no row has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class _Listed:
    """A choice from a list that stands in the code, with a message that says what to choose. No page sends another."""

    def __init__(self, label: str, message: str, **settings: Any) -> None:
        super().__init__(label, **settings)  # type: ignore[call-arg]  # the field's own
        self._message = message

    def pre_validate(self, form: Any) -> None:
        """One of the list."""
        try:
            super().pre_validate(form)  # type: ignore[misc]  # the field's own
        except ValidationError:
            raise ValidationError(self._message) from None


class PlainSelectField(_Listed, SelectField):
    """One of a list that unfolds."""


class PlainRadioField(_Listed, RadioField):
    """One of a few that all show."""


class PlainSelectMultipleField(_Listed, SelectMultipleField):
    """Any of a list."""


class PlainDateField(DateField):
    """A date, with a message that says how to write it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take ISO dates only, as browsers send them."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Write the date as year-month-day, for example 2026-11-24.") from None


class PlainTimeField(TimeField):
    """A wall time, with a message that says how to write it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take 24-hour times, as browsers send them."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Write the time as hours and minutes, for example 09:30.") from None
