"""The verbs. One action is one transaction, opened and closed in it; actions don't call actions."""

from shared.actions.answers import (
    AnswerOutcome,
    accept_invite,
    decline_invite,
    give_decline_reason,
    note_opening,
)
from shared.actions.deliveries import (
    ClaimedMail,
    claim_mail,
    drop_mail,
    mark_mail_refused,
    mark_mail_sent,
    put_off_mail,
)
from shared.actions.jobs import mark_job_completed, mark_job_started
from shared.actions.requests import expire_request
from shared.actions.sessions import log_in, log_out, touch_session
from shared.actions.visits import ConfirmOutcome, ConfirmResult, Preview, confirm_visit

__all__ = [
    "AnswerOutcome",
    "ClaimedMail",
    "ConfirmOutcome",
    "ConfirmResult",
    "Preview",
    "accept_invite",
    "claim_mail",
    "confirm_visit",
    "decline_invite",
    "drop_mail",
    "expire_request",
    "give_decline_reason",
    "log_in",
    "log_out",
    "mark_job_completed",
    "mark_job_started",
    "mark_mail_refused",
    "mark_mail_sent",
    "note_opening",
    "put_off_mail",
    "touch_session",
]
