"""What forms of the portal share: cleaning and checking of text."""

from typing import Any

from wtforms import Form
from wtforms.validators import ValidationError

from shared.texts import UNREADABLE, is_readable, tidy


def clean_text(value: str | None) -> str | None:
    """The field's text, tidied; None where nothing was sent."""
    return None if value is None else tidy(value)


def plain_text(_form: Form, field: Any) -> None:
    """Refuse what is not text: control characters, and bytes that were not UTF-8."""
    if not is_readable(field.data or ""):
        raise ValidationError(UNREADABLE)


def one_line(_form: Form, field: Any) -> None:
    """Refuse line breaks where a name or a title is meant."""
    if any(character in "\n\t\x0b\x0c\u0085\u2028\u2029" for character in field.data or ""):
        raise ValidationError("Write this on one line.")
