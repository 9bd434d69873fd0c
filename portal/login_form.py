"""The login form."""

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from portal.fields import clean_text, plain_text


class LoginForm(FlaskForm):
    """Address and password; which of the two was wrong is never said."""

    email = EmailField(
        "E-mail",
        filters=[clean_text],
        validators=[InputRequired("Write your e-mail address."), Length(max=254), plain_text],
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Write your password."), Length(max=200, message="At most 200 characters.")],
    )
