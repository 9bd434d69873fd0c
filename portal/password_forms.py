"""The forms about passwords. What a password may be is checked by the actions."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectMultipleField
from wtforms.validators import InputRequired, ValidationError

from portal.fields import at_most, clean_text, id_of, plain_text


class ForgotForm(FlaskForm):
    """Who wants a link. Whether somebody has the address is never said."""

    email = EmailField(
        "E-mail",
        filters=[clean_text],
        validators=[InputRequired("Write your e-mail address."), at_most(254), plain_text],
    )


class CurrentPasswordForm(FlaskForm):
    """The password as it is. Pages ask for it before the new one, and list errors in the order of this file."""

    old = PasswordField("Current password", validators=[InputRequired("Type your current password.")])


class NewPasswordForm(FlaskForm):
    """A new password, typed twice: what nobody sees is mistyped easily."""

    password = PasswordField("New password", validators=[InputRequired("Choose a password.")])
    again = PasswordField("New password, once more", validators=[InputRequired("Type the new password once more.")])

    def validate_again(self, field: Any) -> None:
        """The same twice."""
        if field.data != self.password.data:
            raise ValidationError("The two passwords differ. Type both again.")


class ChangePasswordForm(CurrentPasswordForm, NewPasswordForm):
    """A new password for who knows the old one."""


class LogOutElsewhereForm(FlaskForm):
    """Which of one's other logins are to end, for who knows the password."""

    logins = SelectMultipleField(
        "Where you are logged in",
        validate_choice=False,
        validators=[InputRequired("Choose where you want to be logged out.")],
    )
    current = PasswordField("Your password", validators=[InputRequired("Type your password."), at_most(200)])

    @property
    def ids(self) -> tuple[int, ...]:
        """The chosen ones; whose they are is for the action to see."""
        return tuple(id_of(text) for text in self.logins.data or ())
