"""The forms about the second factor."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, ValidationError

from portal.fields import at_most


def _without_blanks(value: str | None) -> str | None:
    """Codes are shown in groups and typed with or without a blank between them."""
    return None if value is None else "".join(value.split())


class CodeForm(FlaskForm):
    """The app's code, or a recovery code in its place."""

    code = StringField("Code from your app", filters=[_without_blanks], validators=[at_most(20)])
    recovery_code = StringField("Recovery code", filters=[_without_blanks], validators=[at_most(80)])

    def validate_code(self, field: Any) -> None:
        """One of the two."""
        if not field.data and not self.recovery_code.data:
            raise ValidationError("Type the six digits that your app shows now.")


class NewCodeForm(FlaskForm):
    """The first code of an app that is being set up."""

    code = StringField(
        "Code from your app",
        filters=[_without_blanks],
        validators=[InputRequired("Type the six digits that the app shows now."), at_most(20)],
    )


class OwnPasswordForm(FlaskForm):
    """The password once more, before something about logging in changes."""

    password = PasswordField(
        "Current password", validators=[InputRequired("Type your current password."), at_most(200)]
    )
