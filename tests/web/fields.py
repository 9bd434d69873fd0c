"""Every field of every form and every query of an address: what stands in it, and what becomes of what does not belong.

FIELDS has a row for each endpoint that reads something, and in it each name that it reads. Where a name stands for a
row of the database, for something signed or for one of a list, the row says what must be refused there:

    "provider": Field(("{theirs[user_id]}", "{colleagues[user_id]}", UNKNOWN, "x"), "Choose a provider from the list."),

``wrong`` values are filled in with ``theirs`` (Harbor's things, see tests/web/clinics.py), ``colleagues`` (sent by a
provider of Riverside), ``mine``, ``their_form`` and ``other_form`` (what stands in this field of the same form when
Harbor's administrator fills it in, or a colleague of Riverside). Each is sent in a form that is right otherwise. The
answer has one of ``statuses``, says ``says``, writes nothing and shows nothing of Harbor's. What people write freely is
TEXT, what is no more than a way to look is LOOK with wrong values that show nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from portal.admin.companies import CompanyForm
from portal.admin.displays import DisplayForm as NewDisplayForm
from portal.admin.groups import GroupForm, NewGroupForm
from portal.admin.languages import LanguageForm
from portal.admin.patient_form import PatientForm
from portal.admin.settings import SettingsForm
from portal.admin.user_form import DeactivateForm, UserForm
from portal.change_form import AskForm, CancelForm, EditForm
from portal.display import DisplayForm
from portal.factor_forms import CodeForm, NewCodeForm, OwnPasswordForm
from portal.login_form import LoginForm
from portal.password_forms import ChangePasswordForm, ForgotForm, LogOutElsewhereForm, NewPasswordForm
from portal.period import PeriodForm
from portal.search import SearchForm
from portal.visit_form import VisitForm
from tests.web.clinics import UNKNOWN as UNKNOWN_ID
from vendor_portal.forms import AnswerForm, ReasonForm

UNKNOWN = str(UNKNOWN_ID)
REFUSED = frozenset({404, 409, 422})


@dataclass(frozen=True, slots=True)
class Field:
    """What is refused in a field. ``along``: what else has to be wrong for the field to be read at all; ``shown_by``:
    the test that shows it, where it takes a story."""

    wrong: tuple[str, ...] = ()
    says: str = ""
    statuses: frozenset[int] = REFUSED
    along: Mapping[str, str] = field(default_factory=dict)
    shown_by: str = ""


TEXT = Field()
"""Written freely: names, dates, numbers, tick boxes of yes and no. Any text is the form's to judge."""

UNREAD = Field()
"""Carried along for another page, and not read by this endpoint."""


def one_of(says: str, *more: str) -> Field:
    """One of a list that stands in the code."""
    return Field(("x", "-1", *more), says)


def looks(*wrong: str) -> Field:
    """A way to look at things: what does not belong shows nothing."""
    return Field(wrong, statuses=frozenset({200, 204}))


def signed(says: str) -> Field:
    """Something that a page carries along, signed for one person: nobody else's, and nothing made up."""
    return Field(("{their_form}", "{other_form}", "x", ""), says)


def outdated(says: str, **along: str) -> Field:
    """What a form opened with, signed or a stamp of it. Whatever stands there, somebody else's saving is shown."""
    return Field(("{their_form}", "x", ""), says, frozenset({409, 422}), along)


OUT_OF_DATE = {"csrf_token": "of an earlier login"}
CSRF = Field(("{their_form}", "{other_form}", "x", ""), "", frozenset({400}))
AUTHOR = Field(("{their_form}", "{other_form}", "x", ""), "This form is out of date", frozenset({400}), OUT_OF_DATE)
CHANGE = Field(
    ("edit:{theirs[visit_id]}", "ask:{theirs[visit_id]}", "cancel:{theirs[visit_id]}", "edit:{colleagues[visit_id]}"),
    "This page does not exist, or it is not yours to see.",
    frozenset({404}),
    OUT_OF_DATE,
)
KEY = looks("{their_form}", "{other_form}", "x", "")
BUTTON = looks("x", "")
PROVIDER = Field(
    ("{theirs[user_id]}", "{colleagues[user_id]}", "{mine[scheduler]}", UNKNOWN, "x"),
    "Choose a provider from the list.",
)
LANGUAGE = Field(("{theirs[tag]}", "zz", "x\0"), "Choose the language that the interpreter is for.")
PICKS = Field(
    ("company:{theirs[company_id]}", "group:{theirs[group_id]}", f"company:{UNKNOWN}", f"group:{UNKNOWN}", "company:x"),
    "One of the interpreters chosen is not on the list any more.",
)
CHANGED_AFTER = "was changed after its preview."
CHANGED_MEANWHILE = "This visit was changed meanwhile"
SAVED_MEANWHILE = "Somebody else saved this meanwhile"
OUTDATED = "This page was out of date."
NOT_IN_LIST = "One of the companies is not on the list"
ZONE = one_of("Choose a time zone from the list.")
SUCCESSOR = Field(
    ("{theirs[user_id]}", "{mine[scheduler]}", "{mine[gone_user]}", UNKNOWN, "x"),
    "Choose another active provider from the list.",
)
HANDED_OVER = signed("Something changed since this page was shown.")

REPEAT = {
    "repeat": one_of("Choose from the list how the visit repeats."),
    "weekdays": one_of("Choose days of the week.", "7"),
    "ends": one_of("Choose how the series ends."),
    "repeat_count": TEXT,
    "repeat_until": TEXT,
}
ASKING = {"language": LANGUAGE, "interpreter": PICKS, "notes": TEXT}
VISIT = {
    "csrf_token": CSRF,
    "author": AUTHOR,
    "key": KEY,
    "patient_name": TEXT,
    "patient_contact": TEXT,
    "provider": PROVIDER,
    "date": TEXT,
    "start_time": TEXT,
    "duration": one_of("Choose a duration from the list."),
    "visit_type": one_of("Choose a visit type from the list."),
    "reason": TEXT,
    **ASKING,
    **REPEAT,
}
CARRIED = {
    "csrf_token": CSRF,
    "author": AUTHOR,
    "change": CHANGE,
    "key": KEY,
    "version": Field(("999", "x", ""), CHANGED_MEANWHILE, frozenset({409})),
    "reach": one_of("Choose for which visits this is."),
}
OPENED = {"opened": outdated(CHANGED_MEANWHILE, version="999")}
EDIT = {**VISIT, **CARRIED, **OPENED, "month_day": TEXT}
ASK = {**CARRIED, **ASKING, **OPENED}
ASKED = {name: replace(row, says=CHANGED_AFTER) for name, row in (("language", LANGUAGE), ("interpreter", PICKS))}
CONFIRMED = {**ASKED, "key": UNREAD, "promise": signed(CHANGED_AFTER)}
SAVING = {
    "csrf_token": CSRF,
    "author": AUTHOR,
    "stamp": outdated(SAVED_MEANWHILE),
    "opened": outdated(SAVED_MEANWHILE, stamp="x"),
}
PRESSED = {"csrf_token": CSRF}
PERIOD = {"from": TEXT, "to": TEXT, "page": TEXT}
PASSWORD = {"csrf_token": CSRF, "password": TEXT, "again": TEXT}
OWN_PASSWORD = {"csrf_token": CSRF, "password": TEXT}
HALF_WAY = {
    "csrf_token": CSRF,
    "code": TEXT,
    "next": Field(shown_by="test_second_factor_pages.py::test_the_code_leads_nowhere_else"),
    "draft": Field(shown_by="test_second_factor_pages.py::test_a_form_survives_the_password_a_wrong_code_and_the_code"),
}
PATIENT = {
    "csrf_token": CSRF,
    "name": TEXT,
    "contact": TEXT,
    "visit": Field(("{theirs[visit_id]}", UNKNOWN, "x", ""), statuses=frozenset({200, 422})),
}
ERASURE = {
    **PATIENT,
    "visit": UNREAD,
    "promise": Field(("{their_form}", "x", ""), "Something changed since this page was shown.", frozenset({409})),
}
COMPANY = {
    "name": TEXT,
    "phone": TEXT,
    "addresses": TEXT,
    "time_zone": ZONE,
    "languages": Field(("{theirs[tag]}", "zz"), "One of these is not a language of the clinic (any more)."),
    "works_again": Field(("dispatch@lumen.harbor.example", "x"), "One of these is no address of the company."),
    "accredited": TEXT,
}
USER = {"name": TEXT, "email": TEXT, "role": one_of("Choose a role.")}
SEARCH = {
    "number": TEXT,
    "patient": TEXT,
    "either": TEXT,
    "provider": Field(("{theirs[user_id]}", "{colleagues[user_id]}", UNKNOWN, "x"), "Choose a provider from the list."),
    "status": one_of("Choose a status from the list."),
    "company": Field(("{theirs[company_id]}", UNKNOWN, "x"), "Choose a company from the list."),
    **PERIOD,
}

FIELDS: Mapping[str, Mapping[str, Field]] = {
    "auth.login": {"next": looks("//evil.example", "https://evil.example/")},
    "auth.submit_login": {
        "csrf_token": CSRF,
        "email": TEXT,
        "password": TEXT,
        "next": Field(shown_by="test_login.py::test_nobody_is_sent_elsewhere_after_a_login"),
        "draft": Field(shown_by="test_lost_login.py::test_another_person_does_not_get_the_form"),
    },
    "auth.log_out_now": PRESSED,
    "passwords.ask": {"csrf_token": CSRF, "email": TEXT},
    "passwords.set_password": PASSWORD,
    "second_step.code": {"next": TEXT},
    "second_step.check": {**HALF_WAY, "recovery_code": TEXT},
    "second_step.set_up": {"next": TEXT},
    "second_step.finish": HALF_WAY,
    "passwords.account": {"news": TEXT},
    "account.log_out_elsewhere": {
        "csrf_token": CSRF,
        "logins": Field(shown_by="test_sessions.py::test_nobody_ends_other_peoples_logins_nor_the_own_one_here"),
        "current": TEXT,
    },
    "factors.show": {"news": TEXT},
    "factors.begin": {**OWN_PASSWORD, "do": Field(("x", ""), statuses=frozenset({400}))},
    "factors.finish": {"csrf_token": CSRF, "next": UNREAD, "draft": UNREAD, "code": TEXT},
    "factors.remove": OWN_PASSWORD,
    "passwords.change": {**PASSWORD, "old": TEXT},
    "schedule.calendar": {"date": TEXT, "view": looks("x")},
    "search.show": SEARCH,
    "search.find": {"csrf_token": CSRF, **SEARCH},
    "display.open_board": {
        "csrf_token": CSRF,
        "code": Field(("x", "1"), "No display has this code, or it was switched off."),
    },
    "display.poll": {
        "seen": looks("{theirs[visit_id]}.p000000", f"{UNKNOWN}.p000000"),
        "late": TEXT,
    },
    "live.poll": {
        "seen": looks("{theirs[visit_id]}.p000000", "{colleagues[visit_id]}.p000000", f"{UNKNOWN}.p000000"),
        "late": TEXT,
    },
    "visits.new": {"date": TEXT},
    "visits.interpreters": {"language": looks("{theirs[tag]}", "zz", "x\0")},
    "visits.preview": {**VISIT, "do": BUTTON, "preview": UNREAD},
    "visits.create": {
        **VISIT,
        **ASKED,
        "key": UNREAD,
        "provider": replace(PROVIDER, says=CHANGED_AFTER),
        "preview": signed(CHANGED_AFTER),
    },
    "changes.preview_edit": {**EDIT, "do": BUTTON, "promise": UNREAD},
    "changes.confirm_edit": {**EDIT, **CONFIRMED, "provider": replace(PROVIDER, says=CHANGED_AFTER)},
    "changes.preview_ask": {**ASK, "do": BUTTON, "promise": UNREAD},
    "changes.confirm_ask": {**ASK, **CONFIRMED},
    "changes.interpreters": {"language": looks("{theirs[tag]}", "zz", "x\0")},
    "changes.cancel": {"reach": looks("x")},
    "changes.confirm_cancel": {
        **CARRIED,
        "do": UNREAD,
        "key": UNREAD,
        "opened": UNREAD,
        "reason": TEXT,
        "promise": signed(OUTDATED),
        "to": one_of(OUTDATED),
    },
    "settings.show": {"done": TEXT},
    "settings.save": {
        **SAVING,
        "name": TEXT,
        "contact_phone": TEXT,
        "contact_email": TEXT,
        "dial_in_number": TEXT,
        "dispatch_enabled": TEXT,
        "duration": TEXT,
        "unit": one_of("Choose minutes, hours or days."),
        "time_zone": ZONE,
        "keep_patients_days": Field(("x", "0", "9999999"), "Write a whole number of days"),
        "keep_contacts_days": Field(("x", "0", "9999999"), "Write a whole number of days"),
        "removes": TEXT,
        "second_factor_required": TEXT,
    },
    "languages.index": {"q": TEXT, "done": looks("{theirs[tag]}", "zz"), "news": TEXT},
    "languages.add": {"csrf_token": CSRF, "tag": one_of("There is no language with this tag.")},
    "languages.save": {**SAVING, "name": TEXT, "short_name": TEXT},
    "languages.remove": PRESSED,
    "companies.index": {"done": looks("{theirs[company_id]}", UNKNOWN)},
    "companies.add": {"csrf_token": CSRF, "author": AUTHOR, **COMPANY},
    "companies.save": {**SAVING, **COMPANY},
    "companies.accredit": PRESSED,
    "companies.suspend": PRESSED,
    "groups.index": {"done": looks("{theirs[group_id]}", UNKNOWN), "news": TEXT},
    "groups.add": {
        "csrf_token": CSRF,
        "author": AUTHOR,
        "name": TEXT,
        "language": Field(("{theirs[tag]}", "zz", "x\0"), "Choose the language that the group is for."),
    },
    "groups.save": {
        **SAVING,
        "name": TEXT,
        "companies": Field(("{theirs[company_id]}", UNKNOWN, "x"), NOT_IN_LIST),
        "more": Field(("{theirs[company_id]}", UNKNOWN, "x"), NOT_IN_LIST, along={"do": "add"}),
        "do": Field(("up:{theirs[company_id]}", f"remove:{UNKNOWN}", "down:x", "x"), NOT_IN_LIST),
    },
    "groups.remove": PRESSED,
    "users.index": {"news": TEXT, "left": looks("{theirs[user_id]}", UNKNOWN, "x")},
    "users.invite": {"csrf_token": CSRF, "author": AUTHOR, **USER},
    "users.save": {**SAVING, **USER, "takes_over": SUCCESSOR, "promise": HANDED_OVER, "do": UNREAD},
    "users.deactivate": {
        "csrf_token": CSRF,
        "author": AUTHOR,
        "takes_over": SUCCESSOR,
        "promise": HANDED_OVER,
        "do": UNREAD,
    },
    "users.reactivate": PRESSED,
    "users.send_link": PRESSED,
    "users.log_out": PRESSED,
    "users.reset_second_factor": PRESSED,
    "displays.index": {"done": TEXT},
    "displays.add": {
        "csrf_token": CSRF,
        "author": AUTHOR,
        "name": TEXT,
        "key": signed("This page was open for too long."),
    },
    "displays.revoke": PRESSED,
    "lost_mail.index": {"page": TEXT, "sent": looks("{theirs[mail_id]}", "x")},
    "lost_mail.send_again": {**PRESSED, "page": TEXT},
    "patients.show": {"erased": TEXT},
    "patients.find": {**PATIENT, "tick": looks("x", "99")},
    "patients.held": PATIENT,
    "patients.download": PATIENT,
    "patients.preview": PATIENT,
    "patients.question": ERASURE,
    "patients.erase": {**ERASURE, "typed": Field(("erase 2 visits", "x", ""), "This is not what has to be typed.")},
    "trail.index": PERIOD,
    "trail.download": {"csrf_token": CSRF, "from": TEXT, "to": TEXT},
    "trail.download_visit": PRESSED,
    "respond.answer": {
        "responder": TEXT,
        "answer": one_of("Press Accept or Decline."),
        "nonce": Field(("{their_form}", "x", ""), "This page was sent too quickly or has been open for too long."),
    },
    "respond.reason": {"reason": TEXT},
    "meet.conference_mapper": {"id": Field(shown_by="test_meeting.py::test_pins_and_rooms_of_two_clinics_never_meet")},
}

FORM_OF: Mapping[str, type] = {
    "auth.submit_login": LoginForm,
    "passwords.ask": ForgotForm,
    "passwords.set_password": NewPasswordForm,
    "passwords.change": ChangePasswordForm,
    "account.log_out_elsewhere": LogOutElsewhereForm,
    "second_step.check": CodeForm,
    "second_step.finish": NewCodeForm,
    "factors.begin": OwnPasswordForm,
    "display.open_board": DisplayForm,
    "search.find": SearchForm,
    "visits.preview": VisitForm,
    "changes.preview_edit": EditForm,
    "changes.preview_ask": AskForm,
    "changes.confirm_cancel": CancelForm,
    "settings.save": SettingsForm,
    "displays.add": NewDisplayForm,
    "patients.find": PatientForm,
    "languages.save": LanguageForm,
    "companies.save": CompanyForm,
    "groups.add": NewGroupForm,
    "groups.save": GroupForm,
    "users.save": UserForm,
    "users.deactivate": DeactivateForm,
    "trail.index": PeriodForm,
    "respond.answer": AnswerForm,
    "respond.reason": ReasonForm,
}
"""Which endpoint reads which form; a form that several read stands here once."""
