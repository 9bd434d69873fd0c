"""A form that goes through a preview: it keeps one key on its way, and travels along as names and values."""

import re
import secrets

from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectMultipleField, TimeField

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


class KeyedForm(FlaskForm):
    """What forms with a preview share."""

    key = HiddenField(filters=[lambda value: value if _KEY.fullmatch(value or "") else ""])

    def renew_key(self) -> None:
        """From here on the form is another one: what its old key made is not made again, nor found again."""
        self.key.data = secrets.token_urlsafe(16)

    def keep_key(self) -> None:
        """One key from the first page of the form on, through previews, Back and reloads; a new one if it has none, or
        one that is not of our making."""
        if not self.key.data:
            self.renew_key()

    def add_errors(self, errors: dict[str, str]) -> None:
        """Put a plan's objections at their fields."""
        for name, sentence in errors.items():
            field = self[name]
            field.errors = [*field.errors, sentence]

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values as a browser would send them, for a page that carries the form along."""
        found: list[tuple[str, str]] = []
        for field in self:
            if field.name == "csrf_token":
                continue
            if isinstance(field, (DateField, TimeField)):
                found.append((field.name, str(field._value())))  # type: ignore[union-attr]  # not in the stubs
            elif isinstance(field, SelectMultipleField):
                found += [(field.name, str(value)) for value in field.data or ()]
            else:
                found.append((field.name, str(field.data or "")))
        return found
