"""The reads: from rows to frozen dataclasses. Each call looks at the database once and holds nothing open."""

from shared.queries.badges import Badge, LiveBadge, badges
from shared.queries.details import VisitDetails, visit_details
from shared.queries.forms import (
    InterpreterChoices,
    VisitFormChoices,
    interpreter_choices,
    plan_visit,
    visit_form,
)
from shared.queries.invites import InvitePage, invite_page
from shared.queries.jobs import due_request_ids, mail_is_due
from shared.queries.letters import DueLetter, letter_of
from shared.queries.meetings import ClosedLobby, Lobby, Meeting, conference_of_pin, lobby, visit_meeting
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
from shared.queries.sessions import Viewer, viewer_of

__all__ = [
    "Badge",
    "BoardPage",
    "ClosedLobby",
    "DayPage",
    "DueLetter",
    "InterpreterChoices",
    "InvitePage",
    "LiveBadge",
    "Lobby",
    "Meeting",
    "TodayPage",
    "Viewer",
    "VisitDetails",
    "VisitFormChoices",
    "WeekPage",
    "badges",
    "board",
    "conference_of_pin",
    "day_page",
    "due_request_ids",
    "interpreter_choices",
    "invite_page",
    "letter_of",
    "lobby",
    "mail_is_due",
    "plan_visit",
    "today_page",
    "viewer_of",
    "visit_details",
    "visit_form",
    "visit_meeting",
    "week_page",
]
