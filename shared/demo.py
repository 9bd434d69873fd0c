"""A clinic to try things in: people, companies, two weeks of visits in all statuses, and a second clinic beside it.

The visits come about by the same actions as real ones, at instants of the past.
"""

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared import times
from shared.actions import (
    Preview,
    accept_invite,
    claim_mail,
    confirm_visit,
    decline_invite,
    expire_request,
    give_decline_reason,
    mark_mail_refused,
    mark_mail_sent,
)
from shared.actions.changes import ChangePromise, change_visit
from shared.changes import ChangeKind, Wish
from shared.db import reading, transaction
from shared.models import (
    Clinic,
    ClinicLanguage,
    Company,
    CompanyAddress,
    CompanyLanguage,
    HuntGroup,
    HuntGroupMember,
    Invite,
    InviteAddress,
    Mail,
    Request,
    User,
    Visit,
)
from shared.passwords import hash_password
from shared.plan import VisitDraft
from shared.queries import plan_visit
from shared.queries.changes import change_form, plan_of_change
from shared.repeat import Repeat
from shared.rules import Scope
from shared.states import Frequency, MailKind, Role, VisitType
from shared.tokens import LinkKind, VerifiedLink

PASSWORD = "interpreter-demo"  # noqa: S105 # nosec B105 # printed on purpose, and for development alone
LOGINS = (
    ("provider@demo.example", "Provider"),
    ("scheduler@demo.example", "Scheduler"),
    ("staff@demo.example", "Staff"),
    ("admin@demo.example", "Admin"),
    ("admin@other.example", "Admin of a second clinic"),
)
ZONE = "America/Los_Angeles"

PATIENTS = (
    "Dana Whitfield", "Jonah Pike", "Ruth Abara", "Luis Ferreira", "Grace Lindqvist", "Omar Haddad", "Mei Tanaka",
    "Peter Novak", "Aisha Bello", "Tomas Rivera", "Helen Marsh", "Victor Osei", "Nora Fink", "Samuel Adeyemi",
)  # fmt: skip
REASONS = ("Follow-up", "New patient", "Results", "Medication review", "Physical therapy", "Consultation")
NOTES = ("", "Cardiology vocabulary.", "The patient prefers the same interpreter as last time.", "")
PHONES = {
    "clearsign": "+1 555 0171",
    "northlight": "+1 555 0172",
    "bridgeway": "+1 555 0173",
    "lumen": "+1 555 0174",
    "harborsign": "+1 555 0175",
}
RESPONDERS = {
    "Clearsign Interpreting": "R. Medina",
    "Northlight ASL": "T. Boyle",
    "Bridgeway Language Services": "S. Okoro",
    "Lumen Interpreters": "K. Ahn",
}


class Story(StrEnum):
    """How a demo visit's request went."""

    NONE = "none"
    ACCEPTED = "accepted"
    ALL_DECLINED = "all_declined"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    PENDING = "pending"
    ONE_DECLINED = "one_declined"


@dataclass(frozen=True, slots=True)
class DemoVisit:
    """A visit or series to be made: when (wall time), how it went, and what for the rest of its fields."""

    day: date
    wall: time
    story: Story
    number: int
    repeat: Repeat | None = None


def load_if_empty(*, password: str, now: datetime) -> bool:
    """Load the demo clinics into a database that holds no clinic. False if it holds one. All people in it get the
    password: outside development it must be one that nobody knows beforehand."""
    with reading() as session:
        if session.scalar(select(exists().where(Clinic.id.is_not(None)))):
            return False
    hashed = hash_password(password)
    scope, provider_ids = _main_clinic(hashed, now)
    other_scope, other_providers = _other_clinic(hashed, now)
    today = times.day_of(now, ZONE)
    visits = _visits(today, now)
    series = _series(today, len(visits))
    settled = [visit for visit in visits if visit.story not in {Story.PENDING, Story.ONE_DECLINED}]
    for visit in [series, *settled]:
        _live_through(scope, provider_ids, visit, now)
    for visit in visits:
        if visit not in settled:
            _live_through(scope, provider_ids, visit, now)
    _move_one_date(scope, series, now)
    _live_through(other_scope, other_providers, DemoVisit(today + timedelta(days=1), time(10), Story.PENDING, 3), now)
    return True


def _visits(today: date, now: datetime) -> list[DemoVisit]:
    """Six days back and seven ahead: fewer at weekends, today always, every status on both sides where it can be."""
    dice = random.Random(7)  # noqa: S311 # nosec B311 # the same demo every time
    past = (Story.ACCEPTED, Story.ACCEPTED, Story.ACCEPTED, Story.NONE, Story.EXPIRED, Story.ALL_DECLINED)
    ahead = (
        Story.ACCEPTED,
        Story.PENDING,
        Story.ACCEPTED,
        Story.ALL_DECLINED,
        Story.NONE,
        Story.ONE_DECLINED,
    )
    slots = (time(9), time(9, 30), time(10, 30), time(11), time(13, 15), time(14), time(15, 30))
    found: list[DemoVisit] = []
    for offset in range(-6, 8):
        day = today + timedelta(days=offset)
        wanted = 5 if offset == 0 else 0 if day.weekday() >= 5 else dice.choice((2, 3, 4))
        for wall in sorted(dice.sample(slots, wanted)):
            is_past = times.place(day, wall, ZONE).instant <= now + timedelta(minutes=30)
            stories = past if is_past else ahead
            found.append(DemoVisit(day, wall, stories[len(found) % len(stories)], len(found)))
    # Two that always stand ahead, so that the Board has every kind to show.
    found.append(DemoVisit(today + timedelta(days=1), time(16, 15), Story.UNDELIVERABLE, len(found)))
    found.append(DemoVisit(today + timedelta(days=2), time(16, 30), Story.EXPIRED, len(found)))
    return found


def _series(today: date, number: int) -> DemoVisit:
    """A weekly series of twelve on Wednesdays that began some weeks ago; one company took all of it."""
    first = today - timedelta(days=(today.weekday() - 2) % 7 + 21)
    return DemoVisit(first, time(12), Story.ACCEPTED, number, Repeat(Frequency.WEEKLY, weekdays=(2,), count=12))


def _move_one_date(scope: Scope, series: DemoVisit, now: datetime) -> None:
    """One date to come of the series begins an hour later: it leaves the acceptance and is asked anew."""
    with reading() as session:
        visit_id = session.scalars(
            select(Visit.id)
            .where(Visit.clinic_id == scope.clinic_id, Visit.recurrence_id.is_not(None))
            .where(Visit.starts_at > now + timedelta(days=10))
            .order_by(Visit.starts_at)
            .limit(1)
        ).one()
    form = change_form(scope, visit_id, ChangeKind.EDIT, now=now)
    wish = Wish(ChangeKind.EDIT, visit_id, form.version, draft=replace(form.draft, wall=time(series.wall.hour + 1)))
    plan = plan_of_change(scope, wish, now=now)
    key = f"demo-{scope.clinic_id}-moved"
    promise = ChangePromise(key, wish.digest(), plan.versions, plan.asked, plan.winner_ids)
    change_visit(scope, wish, promise, now=now - timedelta(minutes=35))


def _live_through(scope: Scope, provider_ids: list[int], visit: DemoVisit, now: datetime) -> None:
    """Create the visit at a plausible instant and let its companies answer as the story says."""
    starts_at = times.place(visit.day, visit.wall, ZONE).instant
    is_open = visit.story in {Story.PENDING, Story.ONE_DECLINED}
    asked_at = now - timedelta(hours=1 + visit.number % 3) if is_open else min(starts_at, now) - timedelta(hours=50)
    language = "" if visit.story is Story.NONE else "ase"
    draft = VisitDraft(
        patient_name=PATIENTS[visit.number % len(PATIENTS)],
        patient_contact="",
        provider_id=provider_ids[visit.number % len(provider_ids)],
        day=visit.day,
        wall=visit.wall,
        duration_minutes=(30, 45, 30, 60)[visit.number % 4],
        visit_type=VisitType.PHONE if visit.number % 5 == 4 else VisitType.VIDEO,
        reason=REASONS[visit.number % len(REASONS)],
        language_tag=language,
        picks=_first_pick(scope) if language else (),
        notes=NOTES[visit.number % len(NOTES)] if language else "",
        repeat=visit.repeat,
    )
    plan = plan_visit(scope, draft, now=asked_at)
    preview = Preview(key=f"demo-{scope.clinic_id}-{visit.number}", digest=draft.digest(), company_ids=plan.company_ids)
    result = confirm_visit(scope, draft, preview, now=asked_at)
    if result.visit_id is None or not language:
        return
    if not is_open:
        _deliver(asked_at + timedelta(seconds=20), refuse=visit.story is Story.UNDELIVERABLE)
    links = _links(result.visit_id)
    _answer(visit.story, links, result.visit_id, asked_at)
    if not is_open:
        _deliver(asked_at + timedelta(hours=30))


def _answer(story: Story, links: list[tuple[VerifiedLink, str]], visit_id: int, asked_at: datetime) -> None:
    first, *others = links
    if story is Story.ACCEPTED:
        if others:
            decline_invite(others[-1][0], responder=RESPONDERS[others[-1][1]], now=asked_at + timedelta(minutes=12))
        accept_invite(first[0], responder=RESPONDERS[first[1]], now=asked_at + timedelta(minutes=25))
    elif story is Story.ALL_DECLINED:
        for minutes, (link, company) in enumerate(links, start=9):
            decline_invite(link, responder=RESPONDERS[company], now=asked_at + timedelta(minutes=7 * minutes))
        give_decline_reason(first[0], reason="Nobody is free at that time.", now=asked_at + timedelta(minutes=64))
    elif story is Story.EXPIRED:
        with reading() as session:
            request_id = session.scalars(select(Visit.request_id).where(Visit.id == visit_id)).one()
            assert request_id is not None
            deadline = session.get_one(Request, request_id).deadline
        expire_request(request_id, now=deadline)
    elif story is Story.ONE_DECLINED:
        decline_invite(first[0], responder=RESPONDERS[first[1]], now=asked_at + timedelta(minutes=18))


def _deliver(at: datetime, *, refuse: bool = False) -> None:
    """Settle what is queued as if a mail server had answered."""
    while (claimed := claim_mail(owner="demo", now=at)) is not None:
        with reading() as session:
            is_invite = session.get_one(Mail, claimed.id).kind is MailKind.INVITE
        if refuse and is_invite:
            mark_mail_refused(claimed, error="RCPT: 552 mailbox full", nobody_there=False, now=at)
        else:
            mark_mail_sent(claimed, now=at)


def _links(visit_id: int) -> list[tuple[VerifiedLink, str]]:
    with reading() as session:
        rows = session.execute(
            select(InviteAddress.link_id, Company.name)
            .join(Invite, Invite.id == InviteAddress.invite_id)
            .join(Company, Company.id == Invite.company_id)
            .join(Visit, Visit.request_id == Invite.request_id)
            .where(Visit.id == visit_id)
            .order_by(Invite.position)
        ).all()
    return [(VerifiedLink(LinkKind.INVITE, link_id), company) for link_id, company in rows]


def _first_pick(scope: Scope) -> tuple[str, ...]:
    """The clinic's hunt group, or its first company where it has none."""
    with reading() as session:
        group = session.scalar(select(HuntGroup.id).where(HuntGroup.clinic_id == scope.clinic_id).limit(1))
        company = session.scalar(select(Company.id).where(Company.clinic_id == scope.clinic_id).limit(1))
    return (f"group:{group}" if group else f"company:{company}",)


def _main_clinic(hashed: str, now: datetime) -> tuple[Scope, list[int]]:
    with transaction() as session:
        clinic = _clinic(session, "Riverside Clinic", ZONE, "scheduling@riverside.example", 10401, now)
        session.add(ClinicLanguage(clinic_id=clinic.id, tag="es", name="Spanish", short_name="Spanish"))
        alvarez = _user(session, clinic, "provider@demo.example", "Dr. Ana Alvarez", Role.PROVIDER, hashed, now)
        chen = _user(session, clinic, "chen@demo.example", "Dr. Wei Chen", Role.PROVIDER, hashed, now)
        scheduler = _user(session, clinic, "scheduler@demo.example", "Maya Okafor", Role.SCHEDULER, hashed, now)
        _user(session, clinic, "staff@demo.example", "Sam Lindgren", Role.STAFF, hashed, now)
        _user(session, clinic, "admin@demo.example", "Ines Duarte", Role.ADMIN, hashed, now)
        companies = [
            _company(session, clinic, "Clearsign Interpreting", "clearsign", ZONE, ("ase",), now),
            _company(session, clinic, "Northlight ASL", "northlight", "America/New_York", ("ase",), now),
            _company(
                session,
                clinic,
                "Bridgeway Language Services",
                "bridgeway",
                "America/Chicago",
                ("ase", "es"),
                now,
            ),
            _company(session, clinic, "Lumen Interpreters", "lumen", "America/Denver", ("ase", "es"), now),
        ]
        group = HuntGroup(clinic_id=clinic.id, name="ASL daytime", language_tag="ase")
        session.add(group)
        session.flush()
        session.add_all(
            HuntGroupMember(hunt_group_id=group.id, company_id=company.id, position=position)
            for position, company in enumerate(companies[:3], start=1)
        )
        return Scope(clinic.id, scheduler.id, Role.SCHEDULER), [alvarez.id, chen.id]


def _other_clinic(hashed: str, now: datetime) -> tuple[Scope, list[int]]:
    with transaction() as session:
        clinic = _clinic(session, "Harbor Family Health", "America/New_York", "desk@harbor.example", 10001, now)
        admin = _user(session, clinic, "admin@other.example", "Robin Castellanos", Role.ADMIN, hashed, now)
        provider = _user(session, clinic, "provider@other.example", "Dr. Lena Moss", Role.PROVIDER, hashed, now)
        _company(session, clinic, "Harbor Sign Services", "harborsign", "America/New_York", ("ase",), now)
        return Scope(clinic.id, admin.id, Role.ADMIN), [provider.id]


def _clinic(session: Session, name: str, zone: str, contact: str, first_number: int, now: datetime) -> Clinic:
    clinic = Clinic(
        name=name,
        time_zone=zone,
        contact_phone="+1 555 0142",
        contact_email=contact,
        dial_in_number="+1 555 0100",
        next_appointment_number=first_number,
        created_at=now,
    )
    session.add(clinic)
    session.flush()
    session.add(ClinicLanguage(clinic_id=clinic.id, tag="ase", name="American Sign Language", short_name="ASL"))
    return clinic


def _user(session: Session, clinic: Clinic, email: str, name: str, role: Role, hashed: str, now: datetime) -> User:
    user = User(
        clinic_id=clinic.id,
        email=email,
        name=name,
        role=role,
        password_hash=hashed,
        created_at=now,
    )
    session.add(user)
    session.flush()
    return user


def _company(
    session: Session,
    clinic: Clinic,
    name: str,
    domain: str,
    zone: str,
    languages: tuple[str, ...],
    now: datetime,
) -> Company:
    company = Company(clinic_id=clinic.id, name=name, phone=PHONES[domain], time_zone=zone, created_at=now)
    session.add(company)
    session.flush()
    session.add(CompanyAddress(company_id=company.id, email=f"dispatch@{domain}.example"))
    session.add_all(CompanyLanguage(company_id=company.id, tag=tag) for tag in languages)
    session.flush()
    return company
