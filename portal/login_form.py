"""The login form."""

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from portal.fields import at_most, clean_text, plain_text


class LoginForm(FlaskForm):
    """Address and password; which of the two was wrong is never said."""

    email = EmailField(
        "E-mail",
        filters=[clean_text],
        validators=[InputRequired("Write your e-mail address."), at_most(254), plain_text],
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Write your password."), at_most(200)],
    )
