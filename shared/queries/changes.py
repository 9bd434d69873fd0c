"""What the pages that change a visit show: the form as the visit is now, and the plan behind a preview."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import times
from shared.audit import AuditEvent
from shared.changes import ChangeKind, ChangePlan, Wish, draft_of, picks_of, plan_change, read_family, refuse
from shared.changes.family import Family, winner_of
from shared.choices import find_language
from shared.db import reading
from shared.models import AuditEntry, ClinicLanguage, Confirmation, HuntGroupMember, Invite, User, Visit
from shared.plan import VisitDraft, providers
from shared.queries._picks import names_of, with_answers, with_kept
from shared.queries.cards import VisitCard, card_of, select_cards
from shared.queries.forms import InterpreterChoices, Option, choices_for, language_label
from shared.rules import Scope
from shared.states import Answer, Reach

_CHANGES = (
    AuditEvent.VISIT_CREATED,
    AuditEvent.VISIT_CHANGED,
    AuditEvent.VISIT_CANCELLED,
    AuditEvent.VISIT_LEFT_REQUEST,
    AuditEvent.REQUEST_MADE,
)
"""What writes into a visit's row."""


@dataclass(frozen=True, slots=True)
class SeriesReach:
    """A series as the form offers it: its rule in words, and how many visits to come each reach is for. The words don't
    count: of the rule's dates some may be past, moved or cancelled. ``ruled_on`` is the date that the rule gave to a
    visit that is on another day now."""

    words: str
    ruled_on: date | None
    following: int
    all: int


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """A visit as its form opens. ``draft`` are its values now, ``picks`` what is ticked at first, ``series`` None for a
    visit that does not repeat; ``winner`` is the company that has accepted, empty if none has. ``today`` is the day in
    the visit's own zone."""

    card: VisitCard
    version: int
    draft: VisitDraft
    picks: tuple[str, ...]
    winner: str
    series: SeriesReach | None
    providers: tuple[Option, ...]
    languages: tuple[Option, ...]
    today: date


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who last changed a visit, and when."""

    user_id: int
    name: str
    at: datetime


def change_form(scope: Scope, visit_id: int, kind: ChangeKind, *, now: datetime) -> ChangeForm:
    """The form for a change. Raises NotFoundError for a visit that is not the scope's, UnchangeableError for one that
    can't be changed (any more), DomainError to ask while requests are switched off."""
    with reading() as session:
        family = read_family(session, scope, visit_id, now=now)
        refuse(family, kind)
        draft = draft_of(session, family, family.base)
        row = session.execute(select_cards(Visit.id == visit_id)).one()
        winner = winner_of(session, family.base.request_id or 0)
        return ChangeForm(
            card=card_of(row, now=now),
            version=family.base.version,
            draft=draft,
            picks=_without_winner(session, family, draft) if kind is ChangeKind.ASK else draft.picks,
            winner=winner.company_name if winner else "",
            series=_series(family, draft, kind),
            providers=_providers(session, scope, draft.provider_id),
            languages=_languages(session, family, draft),
            today=times.day_of(now, family.base.time_zone),
        )


def plan_of_change(scope: Scope, wish: Wish, *, now: datetime) -> ChangePlan:
    """What the wish would do. Nothing is stored. Raises like change_form."""
    with reading() as session:
        return plan_change(session, scope, wish, now=now)


def is_change_made(scope: Scope, key: str, wish: Wish) -> bool:
    """Whether this user has confirmed this very change with this key: Back and a reload lead to its form once more."""
    with reading() as session:
        made = session.get(Confirmation, key)
        return made is not None and made.user_id == scope.user_id and made.digest == wish.digest()


def change_interpreters(scope: Scope, visit_id: int, language_tag: str, *, now: datetime) -> InterpreterChoices:
    """Whom a change of the visit can ask for a language, those asked now marked with what came of it. What is ticked
    now stays on the list in its language, also if it could not be chosen any more. Raises NotFoundError."""
    with reading() as session:
        family = read_family(session, scope, visit_id, now=now)
        request = family.request_of(family.base)
        same = request is not None and request.language_tag == language_tag
        language = find_language(session, scope.clinic_id, language_tag)
        if not family.clinic.dispatch_enabled or (language is None and not same):
            return InterpreterChoices("", ())
        found = choices_for(session, scope.clinic_id, language_tag) if language else ()
        if request is None or not same:
            return InterpreterChoices(language.name if language else "", found)
        boxes = with_kept(session, scope.clinic_id, found, picks_of(session, request))
        marked = with_answers(session, request, boxes, is_open=family.is_pending(request))
        return InterpreterChoices(language.name if language else request.language_name, marked)


def names_of_picks(scope: Scope, picks: Iterable[str]) -> dict[str, str]:
    """The names of the companies and groups behind ticks."""
    with reading() as session:
        return names_of(session, scope.clinic_id, picks)


def last_change(scope: Scope, visit_id: int) -> LastChange | None:
    """Who last wrote into the visit's row, as the trail has it."""
    return _last(scope, visit_id, _CHANGES)


def cancellation(scope: Scope, visit_id: int) -> LastChange | None:
    """Who cancelled the visit, as the trail has it; None if nobody has."""
    return _last(scope, visit_id, (AuditEvent.VISIT_CANCELLED,))


def _last(scope: Scope, visit_id: int, events: tuple[AuditEvent, ...]) -> LastChange | None:
    with reading() as session:
        row = session.execute(
            select(User.id, User.name, AuditEntry.at)
            .join(AuditEntry, AuditEntry.actor_user_id == User.id)
            .where(
                AuditEntry.clinic_id == scope.clinic_id, AuditEntry.visit_id == visit_id, AuditEntry.what.in_(events)
            )
            .order_by(AuditEntry.id.desc())
            .limit(1)
        ).one_or_none()
    return None if row is None else LastChange(*row)


def _series(family: Family, draft: VisitDraft, kind: ChangeKind) -> SeriesReach | None:
    if draft.repeat is None:
        return None

    def to_come(reach: Reach) -> int:
        return sum(
            (visit.ends_at if kind is ChangeKind.CANCEL else visit.starts_at) > family.now
            for visit in family.reached(reach)
        )

    occurs_on = family.base.occurs_on
    return SeriesReach(
        words=draft.repeat.words if draft.repeat.until else draft.repeat.pace,
        ruled_on=None if occurs_on == draft.day else occurs_on,
        following=to_come(Reach.FOLLOWING),
        all=to_come(Reach.ALL),
    )


def _without_winner(session: Session, family: Family, draft: VisitDraft) -> tuple[str, ...]:
    """The ticks that asking again starts with: the winner's is off, because it is the one that steps back. A group that
    holds it is replaced by its other companies that were asked."""
    winner_company = session.scalar(
        select(Invite.company_id).where(Invite.request_id == family.base.request_id, Invite.answer == Answer.ACCEPTED)
    )
    if winner_company is None:
        return draft.picks
    picks: list[str] = []
    for pick in draft.picks:
        kind, _, number = pick.partition(":")
        if kind == "group" and _holds(session, int(number), winner_company):
            asked = session.scalars(
                select(Invite.company_id)
                .join(HuntGroupMember, HuntGroupMember.company_id == Invite.company_id)
                .where(Invite.request_id == family.base.request_id, HuntGroupMember.hunt_group_id == int(number))
                .order_by(Invite.position)
            )
            picks += [f"company:{company_id}" for company_id in asked]
        else:
            picks.append(pick)
    return tuple(pick for pick in dict.fromkeys(picks) if pick != f"company:{winner_company}")


def _holds(session: Session, group_id: int, company_id: int) -> bool:
    return session.get(HuntGroupMember, (group_id, company_id)) is not None


def _providers(session: Session, scope: Scope, current_id: int) -> tuple[Option, ...]:
    """Whom the visit can be with; whoever it is with now stays on the list, active or not."""
    found = {user.id: user.name for user in providers(session, scope)}
    current = session.get_one(User, current_id)
    found.setdefault(current.id, current.name)
    return tuple(Option(str(user_id), name) for user_id, name in sorted(found.items(), key=lambda item: item[1]))


def _languages(session: Session, family: Family, draft: VisitDraft) -> tuple[Option, ...]:
    rows = session.scalars(
        select(ClinicLanguage).where(ClinicLanguage.clinic_id == family.clinic.id).order_by(ClinicLanguage.name)
    ).all()
    options = [Option(row.tag, language_label(row)) for row in rows]
    request = family.request_of(family.base)
    if request is not None and draft.language_tag not in {row.tag for row in rows}:
        options.append(Option(request.language_tag, request.language_name))
    return tuple(options)
