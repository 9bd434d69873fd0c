"""Search on the schedule: visits by number, provider, status, company, dates and patient, a page at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, SQLColumnExpression, exists, func, or_, select, true

from shared.db import reading, searching
from shared.models import Appointment, Company, Invite, Request, User, Visit
from shared.queries._paging import Place, place_of
from shared.queries.cards import VisitCard, card_of, in_scope, select_cards
from shared.queries.forms import Option
from shared.rules import Scope, badge_kind
from shared.states import Answer, BadgeKind, RequestState, Role, VisitStatus
from shared.texts import folded

PAGE_SIZE = 25
MOST_FOUND = 1_000


@dataclass(frozen=True, slots=True)
class VisitSearch:
    """What is searched for; None and "" leave a field out. Visits that start in [starts_from, starts_before).

    ``company_id`` is a company that was asked; together with the status Accepted, the one that accepted.
    """

    number: int | None = None
    provider_id: int | None = None
    status: BadgeKind | None = None
    company_id: int | None = None
    starts_from: datetime | None = None
    starts_before: datetime | None = None
    patient: str = ""


@dataclass(frozen=True, slots=True)
class SearchChoices:
    """What the search form's lists hold for this viewer."""

    providers: tuple[Option, ...]
    companies: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of what was found, the latest visit first. ``has_earlier``: more match than are on all pages."""

    visits: tuple[VisitCard, ...]
    place: Place
    has_earlier: bool


def search_choices(scope: Scope) -> SearchChoices:
    """Providers (those who have left included, for their visits remain) and the clinic's companies."""
    with reading() as session:
        providers = session.scalars(
            select(User)
            .where(User.clinic_id == scope.clinic_id, (User.role == Role.PROVIDER) | _has_visits())
            .order_by(User.name, User.id)
        ).all()
        companies = session.scalars(
            select(Company).where(Company.clinic_id == scope.clinic_id).order_by(Company.name, Company.id)
        ).all()
    mine = [user for user in providers if scope.provider_id in {None, user.id}]
    return SearchChoices(
        providers=tuple(Option(str(user.id), user.name) for user in mine),
        companies=tuple(Option(str(company.id), company.name) for company in companies),
    )


def _has_visits() -> ColumnElement[bool]:
    return exists().where(Visit.provider_id == User.id)


def search_visits(scope: Scope, wanted: VisitSearch, page: int, *, now: datetime) -> SearchPage:
    """A page of the scope's visits that match; a page past the end gives the last one.

    The latest MOST_FOUND are looked for and no further, so that a search of nearly everything takes no longer in a
    clinic with years of visits. Only the page's own visits are read with all that badges need.
    """
    latest = (
        select(Visit.id)
        .where(*in_scope(scope), *_conditions(scope, wanted, now))
        .order_by(_start(wanted).desc(), Visit.id.desc())
        .limit(MOST_FOUND + 1)
    )
    with searching() as session:
        found = session.scalars(latest).all()
        place = place_of(page, size=PAGE_SIZE, total=min(len(found), MOST_FOUND))
        ids = found[place.before : place.last]
        rows = session.execute(select_cards(*in_scope(scope), Visit.id.in_(ids))).all() if ids else []
        cards = tuple(card_of(row, now=now) for row in reversed(rows))
        return SearchPage(cards, place, has_earlier=len(found) > MOST_FOUND)


def _start(wanted: VisitSearch) -> SQLColumnExpression[datetime]:
    """What visits are sorted by. A number names a few: as an expression it keeps SQLite from looking for them along the
    index of all starts."""
    return Visit.starts_at if wanted.number is None else func.coalesce(Visit.starts_at, Visit.ends_at)


def _conditions(scope: Scope, wanted: VisitSearch, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.number is not None:
        numbered = select(Appointment.id).where(
            Appointment.clinic_id == scope.clinic_id, Appointment.number == wanted.number
        )
        found.append(Visit.appointment_id == numbered.scalar_subquery())
    if wanted.provider_id is not None:
        found.append(Visit.provider_id == wanted.provider_id)
    if wanted.starts_from is not None:
        found.append(Visit.starts_at >= wanted.starts_from)
    if wanted.starts_before is not None:
        found.append(Visit.starts_at < wanted.starts_before)
    found += [Visit.patient_search.contains(word, autoescape=True) for word in folded(wanted.patient).split()]
    if wanted.status is not None:
        found += _has_badge(scope, wanted.status, now)
    if wanted.company_id is not None:
        found.append(_asked(wanted.company_id, won=wanted.status is BadgeKind.ACCEPTED))
    return found


def _has_badge(scope: Scope, kind: BadgeKind, now: datetime) -> list[ColumnElement[bool]]:
    """The visits whose badge reads so: badge_kind itself is asked about every state, so the two can't disagree."""
    if kind is BadgeKind.CANCELLED:
        return [Visit.status == VisitStatus.CANCELLED]
    found: list[ColumnElement[bool]] = []
    if badge_kind(VisitStatus.SCHEDULED, None, None, now=now) is kind:
        found.append(Visit.request_id.is_(None))
    ahead, past = _states_of(kind, now + timedelta(seconds=1), now), _states_of(kind, now, now)
    for states, deadline in (
        (ahead & past, true()),
        (ahead - past, Request.deadline > now),
        (past - ahead, Request.deadline <= now),
    ):
        if states:
            requests = select(Request.id).where(Request.clinic_id == scope.clinic_id, Request.state.in_(states))
            found.append(Visit.request_id.in_(requests.where(deadline)))
    return [Visit.status == VisitStatus.SCHEDULED, or_(*found)]


def _states_of(kind: BadgeKind, deadline: datetime, now: datetime) -> set[RequestState]:
    return {state for state in RequestState if badge_kind(VisitStatus.SCHEDULED, state, deadline, now=now) is kind}


def _asked(company_id: int, *, won: bool) -> ColumnElement[bool]:
    """The company has an invite of the visit's current request, or has accepted it."""
    requests = select(Invite.request_id).where(Invite.company_id == company_id)
    if won:
        requests = requests.where(Invite.answer == Answer.ACCEPTED)
    return Visit.request_id.in_(requests)
