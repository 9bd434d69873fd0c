"""The trail's lines with the names behind their ids, and what they say in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import aliased

from shared.audit import AuditEvent
from shared.languages import language_of
from shared.models import (
    Appointment,
    AuditEntry,
    ClinicLanguage,
    Company,
    Invite,
    Mail,
    Request,
    RequestVisit,
    User,
    Visit,
)
from shared.states import MailKind, RequestState

PRODUCT = "Interpreter Dispatch"
"""Who did what nobody did: the product itself."""


@dataclass(frozen=True, slots=True)
class TrailFacts:
    """One line of the trail. Names are today's, of hunt groups and displays those of then; "" where there is none (any
    more).

    ``user`` or ``actor_company`` acted, neither for the product itself. ``company`` is the one that the line is about,
    ``about`` what an administrator changed. ``visit_id`` is the visit itself, or the first of its request.
    """

    id: int
    at: datetime
    what: str
    user: str
    actor_company: str
    company: str
    responder: str
    number: int | None
    visit_id: int | None
    of_visit: bool
    request_id: int | None
    from_state: str
    to_state: str
    fields: tuple[str, ...]
    recipient: str
    mail_kind: MailKind | None
    about_kind: str
    about_id: int | None
    about_name: str

    @property
    def who(self) -> str:
        """Who acted, by name."""
        return self.user or self.actor_company or PRODUCT

    @property
    def about(self) -> str:
        """What an administrator changed: by name, or by kind and id once it is gone."""
        kind = self.about_kind.replace("_", " ")
        return self.about_name or (f"{kind} {self.about_id}" if kind and self.about_id else kind)


def select_trail(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Select lines with what facts_of needs; the caller orders them."""
    acting_invite, acting_company, about_user, about_company = (
        aliased(Invite), aliased(Company), aliased(User), aliased(Company)
    )  # fmt: skip
    first_visit = (
        select(func.min(RequestVisit.visit_id))
        .where(RequestVisit.request_id == AuditEntry.request_id)
        .scalar_subquery()
    )
    return (
        select(
            AuditEntry,
            User.name.label("user"),
            acting_company.name.label("actor_company"),
            Company.name.label("company"),
            Invite.responder,
            Appointment.number,
            func.coalesce(AuditEntry.visit_id, first_visit).label("visit_id"),
            Mail.recipient,
            Mail.kind.label("mail_kind"),
            func.coalesce(about_user.name, about_company.name, ClinicLanguage.name).label("about_name"),
        )
        .outerjoin(User, User.id == AuditEntry.actor_user_id)
        .outerjoin(acting_invite, acting_invite.id == AuditEntry.actor_invite_id)
        .outerjoin(acting_company, acting_company.id == acting_invite.company_id)
        .outerjoin(Mail, Mail.id == AuditEntry.mail_id)
        .outerjoin(Invite, Invite.id == func.coalesce(AuditEntry.invite_id, Mail.invite_id))
        .outerjoin(Company, Company.id == Invite.company_id)
        .outerjoin(Visit, Visit.id == AuditEntry.visit_id)
        .outerjoin(Request, Request.id == AuditEntry.request_id)
        .outerjoin(Appointment, Appointment.id == func.coalesce(Visit.appointment_id, Request.appointment_id))
        .outerjoin(about_user, _is_about("user", about_user.id))
        .outerjoin(about_company, _is_about("company", about_company.id))
        .outerjoin(ClinicLanguage, _is_about_language())
        .where(*conditions)
    )


def _is_about(kind: str, key: Any) -> ColumnElement[bool]:
    return and_(AuditEntry.about_kind == kind, AuditEntry.about_id == key)


def _is_about_language() -> ColumnElement[bool]:
    """A language has no number: its line names the clinic, and the tag as the first of its fields."""
    tag: ColumnElement[str] = AuditEntry.fields[0].as_string()
    return and_(
        AuditEntry.about_kind == "language",
        ClinicLanguage.clinic_id == AuditEntry.clinic_id,
        ClinicLanguage.tag == tag,
    )


def facts_of(row: Any) -> TrailFacts:
    """A line from a row of select_trail."""
    entry: AuditEntry = row.AuditEntry
    fields, about_name = tuple(entry.fields), row.about_name or ""
    if entry.about_kind == "language" and fields:
        known = language_of(fields[0])
        fields, about_name = fields[1:], about_name or (known.name if known else fields[0])
    if entry.about_kind in {"hunt_group", "display"} and fields:
        fields, about_name = fields[1:], fields[0]
    return TrailFacts(
        id=entry.id,
        at=entry.at,
        what=entry.what,
        user=row.user or "",
        actor_company=row.actor_company or "",
        company=row.company or "",
        responder=row.responder or "",
        number=row.number,
        visit_id=row.visit_id,
        of_visit=entry.visit_id is not None,
        request_id=entry.request_id,
        from_state=entry.from_state or "",
        to_state=entry.to_state or "",
        fields=fields,
        recipient=row.recipient or "",
        mail_kind=row.mail_kind,
        about_kind=entry.about_kind or "",
        about_id=entry.about_id,
        about_name=about_name,
    )


FIELD_WORDS = {
    "patient_name": "the patient's name",
    "patient_contact": "the patient's contact",
    "start_time": "start time",
    "visit_type": "visit type",
    "interpreter": "companies asked",
    "notes": "notes for the interpreter",
    "email": "mail address",
    "addresses": "dispatch addresses",
    "dispatch_enabled": "dispatch",
    "invite_duration_seconds": "invite duration",
    "contact_email": "contact mail",
    "dial_in_number": "dial-in number",
    "pin": "PIN",
    "cancel_reason": "reason for cancelling",
    "decline_reason": "reasons for declining",
    "keep_patients_days": "how long patients are kept",
    "keep_contacts_days": "how long contacts are kept",
}
"""Stored names of fields, where they are not words already."""

_MOVE_WORDS: dict[str, str] = {
    RequestState.ACCEPTED: "The request is settled: {who} has accepted",
    RequestState.ALL_DECLINED: "Nobody is left to answer: the request closed as declined",
    RequestState.EXPIRED: "The deadline passed without an acceptance",
    RequestState.UNDELIVERABLE: "No company could be reached: the request closed as undeliverable",
    RequestState.WITHDRAWN: "{who} withdrew the request",
    RequestState.CANCELLED: "{who} cancelled the request",
    RequestState.HANDED_BACK: "{who} handed the visit back",
}

MAIL_WORDS = {
    MailKind.INVITE: "Request",
    MailKind.FILLED: "“Filled” notice",
    MailKind.CONFIRMATION: "Confirmation",
    MailKind.UPDATED: "News of a change",
    MailKind.CANCELLATION: "Cancellation",
    MailKind.WITHDRAWN: "“Nothing to do” notice",
    MailKind.CLINIC_ACCEPTED: "News of the acceptance",
    MailKind.CLINIC_ALL_DECLINED: "News that all declined",
    MailKind.CLINIC_EXPIRED: "News that nobody accepted in time",
    MailKind.CLINIC_UNDELIVERABLE: "News that no company could be reached",
    MailKind.CLINIC_CONFIRMATION_BOUNCED: "News that the confirmation did not arrive",
    MailKind.CLINIC_CANCELLATION_BOUNCED: "News that the cancellation did not arrive",
    MailKind.USER_INVITE: "Invitation",
    MailKind.PASSWORD_RESET: "Password link",
}
"""What a mail is called."""

_WORDS: dict[str, str] = {
    AuditEvent.LOGGED_IN: "{who} logged in",
    AuditEvent.LOGGED_OUT: "{who} logged out",
    AuditEvent.LOGIN_FAILED: "A login as {who} failed: wrong password",
    AuditEvent.LOGIN_SLOWED: "Logins as {about} are slowed: too many wrong passwords",
    AuditEvent.LOGINS_ENDED: "{who} ended logins of {about}",
    AuditEvent.VISIT_CREATED: "{who} created the visit",
    AuditEvent.REQUEST_MADE: "{who} asked for an interpreter",
    AuditEvent.INVITE_ACCEPTED: "{company} accepted ({responder})",
    AuditEvent.INVITE_DECLINED: "{company} declined ({responder})",
    AuditEvent.DECLINE_REASON_GIVEN: "{company} gave a reason for declining",
    AuditEvent.VISIT_CHANGED: "{who} changed {fields}",
    AuditEvent.VISIT_CANCELLED: "{who} cancelled the visit",
    AuditEvent.VISIT_LEFT_REQUEST: "{who} took the visit out of its request; the other visits stay in it",
    AuditEvent.WINNER_UPDATED: "{company_or_one} is told what changed: {fields}",
    AuditEvent.MAIL_SENT: "{mail} was taken by the mail server",
    AuditEvent.MAIL_BOUNCED: "{mail} could not be delivered",
    AuditEvent.MAIL_DEAD: "{mail} could not be delivered in 72 hours",
    AuditEvent.MAIL_SENT_AGAIN: "{who} sent again what could not be delivered: {mail}",
    AuditEvent.CLINIC_CREATED: "{who} set up the clinic",
    AuditEvent.SETTINGS_CHANGED: "{who} changed the settings: {fields}",
    AuditEvent.LANGUAGE_ADDED: "{who} added the language {about}",
    AuditEvent.LANGUAGE_CHANGED: "{who} changed the language {about}: {fields}",
    AuditEvent.LANGUAGE_REMOVED: "{who} removed the language {about}",
    AuditEvent.COMPANY_ADDED: "{who} added the company {about}",
    AuditEvent.COMPANY_CHANGED: "{who} changed the company {about}: {fields}",
    AuditEvent.COMPANY_SUSPENDED: "{who} suspended the company {about}",
    AuditEvent.COMPANY_ACCREDITED: "{who} accredited the company {about}",
    AuditEvent.HUNT_GROUP_ADDED: "{who} added the hunt group {about}",
    AuditEvent.HUNT_GROUP_CHANGED: "{who} changed the hunt group {about}: {fields}",
    AuditEvent.HUNT_GROUP_REMOVED: "{who} deleted the hunt group {about}",
    AuditEvent.USER_INVITED: "{who} invited {about}",
    AuditEvent.USER_CHANGED: "{who} changed the user {about}: {fields}",
    AuditEvent.USER_DEACTIVATED: "{who} deactivated the user {about}",
    AuditEvent.USER_REACTIVATED: "{who} reactivated the user {about}",
    AuditEvent.PASSWORD_ASKED: "A password link was asked for {about}",
    AuditEvent.PASSWORD_SET: "{about} set a password",
    AuditEvent.CODE_REFUSED: "A login as {who} failed: wrong code",
    AuditEvent.FACTOR_SET_UP: "{who} set up a second factor",
    AuditEvent.FACTOR_REMOVED: "{who} switched the own second factor off",
    AuditEvent.FACTOR_RESET: "{who} reset the second factor of {about}",
    AuditEvent.RECOVERY_CODES_MADE: "{who} made new recovery codes",
    AuditEvent.RECOVERY_CODE_USED: "{who} used a recovery code",
    AuditEvent.DISPLAY_MADE: "{who} made the display {about}",
    AuditEvent.DISPLAY_REVOKED: "{who} switched the display {about} off",
    AuditEvent.TRAIL_EXPORTED: "{who} downloaded the {trail}",
    AuditEvent.PATIENT_REMOVED: "{who} removed {fields}, kept as long as the settings say",
    AuditEvent.NOTES_REMOVED: "{who} removed {fields}, kept as long as the settings say",
    AuditEvent.CONTACTS_REMOVED: "{who} removed who answered and where mails went, kept as long as the settings say",
    AuditEvent.PATIENT_EXPORTED: "{who} downloaded what is held about the patient",
    AuditEvent.PATIENT_ERASED: "{who} erased {fields}",
    AuditEvent.NOTES_ERASED: "{who} erased {fields}",
}


def sentence_of(line: TrailFacts) -> str:
    """The line in plain words, without its instant. An event that a newer version wrote is named as it is stored."""
    words = _MOVE_WORDS.get(line.to_state) if line.what == AuditEvent.REQUEST_MOVED else _WORDS.get(line.what)
    kind = MAIL_WORDS.get(line.mail_kind, "Mail") if line.mail_kind else "Mail"
    return (words or line.what.replace("_", " ").capitalize()).format(
        who=line.who,
        company=line.company,
        company_or_one=line.company or "a company",
        responder=line.responder or "name removed since",
        fields=field_words(line.fields) or "the visit",
        mail=f"{kind} to {line.recipient or 'an address removed since'}",
        about=line.about,
        trail="history of the visit" if line.of_visit else "audit trail",
    )


def field_words(fields: Sequence[str]) -> str:
    """date, start time and notes for the interpreter."""
    words = [FIELD_WORDS.get(name, name.replace("_", " ")) for name in fields]
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])
