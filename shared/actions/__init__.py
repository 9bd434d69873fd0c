"""The verbs. One action is one transaction, opened and closed in it; actions don't call actions."""

from shared.actions._known import KnownBrowser
from shared.actions._logins import HalfLogin, Login
from shared.actions._saving import SaveOutcome, SaveResult
from shared.actions.answers import (
    AnswerOutcome,
    accept_invite,
    decline_invite,
    give_decline_reason,
    note_opening,
)
from shared.actions.changes import ChangeOutcome, ChangePromise, ChangeResult, change_visit
from shared.actions.clinics import (
    add_language,
    change_language,
    change_settings,
    remove_language,
)
from shared.actions.companies import accredit_company, add_company, change_company
from shared.actions.deliveries import (
    ClaimedMail,
    bring_mail_forward,
    claim_mail,
    drop_mail,
    mark_mail_refused,
    mark_mail_sent,
    put_off_mail,
)
from shared.actions.displays import make_display, revoke_display, touch_display
from shared.actions.factors import (
    CodeOutcome,
    CodeResult,
    log_in_with_code,
    log_in_with_recovery_code,
    prove_password,
    remove_factor,
    renew_recovery_codes,
    set_up_at_login,
    set_up_factor,
)
from shared.actions.hunt_groups import add_group, change_group, remove_group
from shared.actions.installation import FirstAdmin, NewClinic, create_clinic, reset_factor_of
from shared.actions.jobs import mark_job_completed, mark_job_started
from shared.actions.lost_mail import send_mail_again
from shared.actions.passwords import (
    PasswordOutcome,
    PasswordResult,
    ask_password_reset,
    change_password,
    end_other_logins,
    set_password_by_link,
)
from shared.actions.patients import erase_patient, note_patient_export
from shared.actions.requests import expire_request
from shared.actions.retention import remove_old_contacts, remove_old_logins, remove_old_notes, remove_old_patients
from shared.actions.sessions import log_in, log_out, touch_session
from shared.actions.trail import note_trail_export
from shared.actions.tries import (
    Admission,
    Slowed,
    Visitor,
    admit_link_request,
    admit_login,
    admit_password,
    given_back_if_busy,
)
from shared.actions.users import (
    change_user,
    deactivate_user,
    invite_user,
    log_user_out,
    reactivate_user,
    reset_factor,
    send_password_link,
)
from shared.actions.visits import ConfirmOutcome, ConfirmResult, Preview, confirm_visit

__all__ = [
    "Admission",
    "AnswerOutcome",
    "ChangeOutcome",
    "ChangePromise",
    "ChangeResult",
    "ClaimedMail",
    "CodeOutcome",
    "CodeResult",
    "ConfirmOutcome",
    "ConfirmResult",
    "FirstAdmin",
    "HalfLogin",
    "KnownBrowser",
    "Login",
    "NewClinic",
    "PasswordOutcome",
    "PasswordResult",
    "Preview",
    "SaveOutcome",
    "SaveResult",
    "Slowed",
    "Visitor",
    "accept_invite",
    "accredit_company",
    "add_company",
    "add_group",
    "add_language",
    "admit_link_request",
    "admit_login",
    "admit_password",
    "ask_password_reset",
    "bring_mail_forward",
    "change_company",
    "change_group",
    "change_language",
    "change_password",
    "change_settings",
    "change_user",
    "change_visit",
    "claim_mail",
    "confirm_visit",
    "create_clinic",
    "deactivate_user",
    "decline_invite",
    "drop_mail",
    "end_other_logins",
    "erase_patient",
    "expire_request",
    "give_decline_reason",
    "given_back_if_busy",
    "invite_user",
    "log_in",
    "log_in_with_code",
    "log_in_with_recovery_code",
    "log_out",
    "log_user_out",
    "make_display",
    "mark_job_completed",
    "mark_job_started",
    "mark_mail_refused",
    "mark_mail_sent",
    "note_opening",
    "note_patient_export",
    "note_trail_export",
    "prove_password",
    "put_off_mail",
    "reactivate_user",
    "remove_factor",
    "remove_group",
    "remove_language",
    "remove_old_contacts",
    "remove_old_logins",
    "remove_old_notes",
    "remove_old_patients",
    "renew_recovery_codes",
    "reset_factor",
    "reset_factor_of",
    "revoke_display",
    "send_mail_again",
    "send_password_link",
    "set_password_by_link",
    "set_up_at_login",
    "set_up_factor",
    "touch_display",
    "touch_session",
]
