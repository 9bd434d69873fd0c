"""The reads: from rows to frozen dataclasses. Each call looks at the database once and holds nothing open."""

from shared.queries._paging import Place
from shared.queries._trail import TrailFacts
from shared.queries.administration import (
    LanguageList,
    LanguagePage,
    SettingsPage,
    language_list,
    language_page,
    settings_page,
)
from shared.queries.badges import Badge, LiveBadge, badges
from shared.queries.cards import reference_of
from shared.queries.changes import (
    ChangeForm,
    LastChange,
    cancellation,
    change_form,
    change_interpreters,
    is_change_made,
    last_change,
    names_of_picks,
    plan_of_change,
)
from shared.queries.companies import (
    CompanyPage,
    CompanyRow,
    GroupPage,
    GroupRow,
    clinic_languages,
    company_list,
    company_page,
    group_list,
    group_page,
)
from shared.queries.details import VisitDetails, visit_details
from shared.queries.displays import DisplayRow, DisplayViewer, display_list, display_of
from shared.queries.factors import FactorPage, HalfWay, factor_page, half_way
from shared.queries.forms import (
    InterpreterChoices,
    VisitFormChoices,
    interpreter_choices,
    plan_visit,
    visit_form,
)
from shared.queries.handover import HandedVisit, Handover, handover, left_unasked
from shared.queries.held import HeldData, held_data
from shared.queries.installation import Heartbeat, InstalledClinic, heartbeats, installed_clinics
from shared.queries.invites import InvitePage, invite_page
from shared.queries.jobs import clinic_ids, due_request_ids, mail_is_ahead_of_time, mail_is_due
from shared.queries.letters import DueLetter, letter_of
from shared.queries.lost_mail import LostMail, LostMailPage, LostMailRow, lost_mail_page
from shared.queries.meetings import ClosedLobby, Lobby, Meeting, conference_of_pin, lobby, visit_meeting
from shared.queries.patients import MOST_VISITS, FoundPatients, erasure_plan, find_patients
from shared.queries.schedule import (
    BoardPage,
    DayPage,
    TodayPage,
    WeekPage,
    board,
    day_page,
    today_page,
    week_page,
)
from shared.queries.search import SearchChoices, SearchPage, VisitSearch, search_choices, search_visits
from shared.queries.sessions import OpenLogin, Viewer, open_logins, viewer_of
from shared.queries.trail import TrailPage, trail_of_period, trail_of_visit, trail_page
from shared.queries.users import PasswordPage, UserDetails, UserRow, password_page, user_details, user_list
from shared.queries.watch import Outbox, first_answers, outbox_depth, requests_by_state, requests_due_since

__all__ = [
    "MOST_VISITS",
    "Badge",
    "BoardPage",
    "ChangeForm",
    "ClosedLobby",
    "CompanyPage",
    "CompanyRow",
    "DayPage",
    "DisplayRow",
    "DisplayViewer",
    "DueLetter",
    "FactorPage",
    "FoundPatients",
    "GroupPage",
    "GroupRow",
    "HalfWay",
    "HandedVisit",
    "Handover",
    "Heartbeat",
    "HeldData",
    "InstalledClinic",
    "InterpreterChoices",
    "InvitePage",
    "LanguageList",
    "LanguagePage",
    "LastChange",
    "LiveBadge",
    "Lobby",
    "LostMail",
    "LostMailPage",
    "LostMailRow",
    "Meeting",
    "OpenLogin",
    "Outbox",
    "PasswordPage",
    "Place",
    "SearchChoices",
    "SearchPage",
    "SettingsPage",
    "TodayPage",
    "TrailFacts",
    "TrailPage",
    "UserDetails",
    "UserRow",
    "Viewer",
    "VisitDetails",
    "VisitFormChoices",
    "VisitSearch",
    "WeekPage",
    "badges",
    "board",
    "cancellation",
    "change_form",
    "change_interpreters",
    "clinic_ids",
    "clinic_languages",
    "company_list",
    "company_page",
    "conference_of_pin",
    "day_page",
    "display_list",
    "display_of",
    "due_request_ids",
    "erasure_plan",
    "factor_page",
    "find_patients",
    "first_answers",
    "group_list",
    "group_page",
    "half_way",
    "handover",
    "heartbeats",
    "held_data",
    "installed_clinics",
    "interpreter_choices",
    "invite_page",
    "is_change_made",
    "language_list",
    "language_page",
    "last_change",
    "left_unasked",
    "letter_of",
    "lobby",
    "lost_mail_page",
    "mail_is_ahead_of_time",
    "mail_is_due",
    "names_of_picks",
    "open_logins",
    "outbox_depth",
    "password_page",
    "plan_of_change",
    "plan_visit",
    "reference_of",
    "requests_by_state",
    "requests_due_since",
    "search_choices",
    "search_visits",
    "settings_page",
    "today_page",
    "trail_of_period",
    "trail_of_visit",
    "trail_page",
    "user_details",
    "user_list",
    "viewer_of",
    "visit_details",
    "visit_form",
    "visit_meeting",
    "week_page",
]
