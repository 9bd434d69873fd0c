"""What forms of the portal share: cleaning and checking of text."""

import unicodedata
from typing import Any

from wtforms import Form
from wtforms.validators import ValidationError


def clean_text(value: str | None) -> str | None:
    """Without blanks around it, composed to one spelling of each character, line ends as one kind."""
    if value is None:
        return None
    return unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()


def plain_text(_form: Form, field: Any) -> None:
    """Refuse what is not text: control characters, and bytes that were not UTF-8."""
    for character in field.data or "":
        if character == "\ufffd" or (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"):
            raise ValidationError("This holds characters that can't be read. Type it again.")


def one_line(_form: Form, field: Any) -> None:
    """Refuse line breaks where a name or a title is meant."""
    if any(character in "\n\t\x0b\x0c\u0085\u2028\u2029" for character in field.data or ""):
        raise ValidationError("Write this on one line.")
