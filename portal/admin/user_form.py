"""The form about somebody of the clinic."""

from typing import Any

from wtforms import EmailField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, Length, ValidationError

from portal.admin.saving import AdminForm, RecordForm, name_field, open_with
from portal.fields import clean_text, id_of, mail_address, one_line, plain_text
from shared.records import UserRecord
from shared.states import Role

ROLES = {
    Role.PROVIDER: "Provider: own visits",
    Role.SCHEDULER: "Scheduler: all visits",
    Role.STAFF: "Staff: looks, changes nothing",
    Role.ADMIN: "Admin: all visits, and these settings",
}


class UserForm(RecordForm):
    """Name, address and role. Who may have an address, and who may leave a role, is checked by the actions."""

    fixed_address = ""
    """Why the address can't be another one; empty while it can."""

    name = name_field("Name", "Write the name.")
    email = EmailField(
        "E-mail",
        filters=[clean_text],
        validators=[
            DataRequired("Write the e-mail address."),
            Length(max=254, message="At most 254 characters."),
            plain_text,
            one_line,
            mail_address,
        ],
    )
    role = SelectField(
        "Role", choices=[SelectChoice(role.value, word) for role, word in ROLES.items()], validate_choice=False
    )
    takes_over = SelectField("Who takes over the visits", validate_choice=False)

    def validate_email(self, _field: Any) -> None:
        """As it was, once it is fixed."""
        if self.fixed_address:
            raise ValidationError(self.fixed_address)

    def validate_role(self, field: Any) -> None:
        """One of the four."""
        if field.data not in set(Role):
            raise ValidationError("Choose a role.")

    @property
    def record(self) -> UserRecord:
        """The values of a form that validated; addresses are kept in lower case."""
        return UserRecord(self.name.data or "", (self.email.data or "").lower(), Role(self.role.data))

    @property
    def takes_over_id(self) -> int | None:
        """Who was chosen, if somebody was."""
        return id_of(self.takes_over.data) if self.takes_over.data else None


class DeactivateForm(AdminForm):
    """Who takes over the visits of somebody who leaves."""

    takes_over = SelectField("Who takes over the visits", validate_choice=False)

    @property
    def takes_over_id(self) -> int | None:
        """Who was chosen, if somebody was."""
        return id_of(self.takes_over.data) if self.takes_over.data else None


def form_for(record: UserRecord) -> UserForm:
    """The form as it stands in the database."""
    return open_with(UserForm(formdata=None), record)
