"""The company's two forms. They stand on the signed page nonce, not on a session: this app has none."""

from datetime import datetime
from typing import Any

from wtforms import Form, HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from shared.edge import note_refusal
from shared.rules import nonce_is_fresh
from shared.states import Answer
from shared.texts import UNREADABLE, is_readable, tidy
from shared.tokens import Tokens, VerifiedLink


def clean_line(value: str | None) -> str | None:
    """One line of tidied text, blanks folded; None where nothing was sent."""
    return None if value is None else " ".join(tidy(value).split())


def readable(_form: Form, field: Any) -> None:
    """Refuse control characters, and bytes that were not UTF-8."""
    if not is_readable(field.data or ""):
        raise ValidationError(UNREADABLE)


class AnswerForm(Form):
    """The responder's name, which a robot leaves empty, and the button that was pressed."""

    responder = StringField(
        "Your name",
        filters=[clean_line],
        validators=[
            DataRequired("Write your name, so that the clinic knows who answered."),
            Length(max=120, message="Write at most 120 characters."),
            readable,
        ],
    )
    answer = HiddenField(filters=[lambda value: value or ""])
    nonce = HiddenField(filters=[lambda value: value or ""])

    @property
    def pressed(self) -> Answer | None:
        """Which of the two buttons, or None for neither."""
        return {"accept": Answer.ACCEPTED, "decline": Answer.DECLINED}.get(self.answer.data or "")

    def problem(self, tokens: Tokens, link: VerifiedLink, *, now: datetime) -> str:
        """Why this can't be a person's answer to the page just shown; empty if it can."""
        if self.pressed is None:
            return "Press Accept or Decline."
        made_at = tokens.read_nonce(link, self.nonce.data or "")
        if made_at is None or not nonce_is_fresh(made_at, now=now):
            note_refusal("nonce")
            return "This page was sent too quickly or has been open for too long. Check it and press the button again."
        return ""


class ReasonForm(Form):
    """Why a company declined; optional."""

    reason = TextAreaField(
        "Reason",
        filters=[clean_line],
        validators=[
            DataRequired("Write a reason, or close this page."),
            Length(max=300, message="Write at most 300 characters."),
            readable,
        ],
    )
