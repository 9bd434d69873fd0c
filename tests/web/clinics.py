"""Two clinics side by side, each with one of everything that an address or a form can name.

``furnish`` makes those things in whichever clinic it is given and names them: as the arguments of the URL rules are
named, or apart where a route or a form needs one of its own (``spare_user`` may be deactivated). A route with a new
kind of id needs its example there, and nothing more.
"""

from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy import Enum, String, select

from shared.actions import accept_invite, accredit_company, add_group, decline_invite, invite_user, make_display
from shared.db import Base, reading, transaction
from shared.models import Clinic, ClinicLanguage, Company, HuntGroup, Invite, Mail, PasswordLink, User, Visit
from shared.records import UserRecord
from shared.rules import Scope
from shared.states import MailState, Role, VisitStatus
from shared.tokens import LinkKind, new_typed_code
from tests.actions.desk import tokens_of
from tests.actions.half_way import give_factor_to
from tests.web.changing import WEEKLY_6
from tests.web.checks import Rows, dump
from tests.world import PASSWORD, ClinicInWorld, World, hashed

Things = dict[str, Any]

UNKNOWN = 999_999_999
"""An id that no row has."""

SHORTEST = 5
"""Shorter texts (tags, marks) say nothing about a clinic."""


@dataclass
class TwoClinics:
    """Riverside, whose people ask, and Harbor, whose things they ask for. ``colleagues`` are a second provider's of
    Riverside; ``only_theirs`` are texts that stand in Harbor's rows alone, ``only_mine`` in Riverside's."""

    world: World
    harbor: ClinicInWorld
    mine: Things
    colleagues: Things
    theirs: Things
    only_mine: frozenset[str]
    only_colleagues: frozenset[str]
    only_theirs: frozenset[str]


def two_clinics(world: World) -> TwoClinics:
    """Furnish Riverside, a colleague in it, and Harbor, each with texts of its own."""
    mine = furnish(world, world.clinic, "Riverside", language="fr")
    riverside = dump(world)
    colleagues = _furnish_colleague(world)
    both_people = dump(world)
    harbor = world.add_clinic("Harbor Family Health", domain="harbor")
    theirs = furnish(world, harbor, "Harbor", language="so")
    of_harbor = _texts(dump(world), without=both_people)
    return TwoClinics(
        world=world,
        harbor=harbor,
        mine=mine,
        colleagues=colleagues,
        theirs=theirs,
        only_mine=_texts(both_people) - of_harbor,
        only_colleagues=_texts(both_people, without=riverside) - _texts(riverside),
        only_theirs=of_harbor - _texts(both_people),
    )


def furnish(world: World, clinic: ClinicInWorld, mark: str, *, language: str) -> Things:
    """One of everything for a clinic; texts hold the mark, so that they are nobody else's."""
    _mark(world, clinic, mark, language)
    people = _people(world, clinic, mark)
    return {
        "clinic_id": clinic.id,
        "user_id": clinic.users["provider"],
        "scheduler": clinic.users["scheduler"],
        "tag": language,
        "spare_tag": "es",
        **_display(world, clinic, mark),
        **_companies_and_groups(world, clinic, mark),
        **people,
        **_people_who_log_in(world, clinic, mark),
        **_visits(world, clinic, mark, leaving=people["leaving_user"]),
    }


def _mark(world: World, clinic: ClinicInWorld, mark: str, language: str) -> None:
    """Give everything that a clinic is born with a name of its own."""
    phone = f"+1 555 0{sum(map(ord, mark))}"
    world.change(Clinic, clinic.id, contact_phone=phone, dial_in_number=f"{phone} 9")
    for name, company_id in clinic.companies.items():
        world.change(Company, company_id, name=f"{name} for {mark}", phone=f"{phone} 7")
    world.change(HuntGroup, clinic.groups["ASL daytime"], name=f"ASL daytime of {mark}")
    with world.jobs.app_context(), transaction() as session:
        session.add(ClinicLanguage(clinic_id=clinic.id, tag=language, name=f"{mark}ese", short_name=f"{mark[:3]}ese"))


def _companies_and_groups(world: World, clinic: ClinicInWorld, mark: str) -> Things:
    with world.jobs.app_context():
        scope = clinic.scope(Role.ADMIN)
        spare = add_group(scope, name=f"Spare of {mark}", language_tag="es", now=world.now)
        accredit_company(scope, clinic.companies["Bridgeway"], accredited=False, now=world.now)
    return {
        "company_id": clinic.companies["Lumen"],
        "suspended_company": clinic.companies["Bridgeway"],
        "group_id": clinic.groups["ASL daytime"],
        "spare_group": spare.id,
    }


def _display(world: World, clinic: ClinicInWorld, mark: str) -> Things:
    code = new_typed_code(140)
    with world.jobs.app_context():
        made = make_display(clinic.scope(Role.ADMIN), f"Screen of {mark}", code, now=world.now)
    return {"display_id": made.id, "display_code": code}


PEOPLE = (("invited", Role.STAFF), ("spare", Role.STAFF), ("gone", Role.STAFF))
PROVIDERS = (("second", Role.PROVIDER), ("leaving", Role.PROVIDER))


def _people(world: World, clinic: ClinicInWorld, mark: str) -> Things:
    """Somebody invited, with the link in the invitation; somebody who may be deactivated; somebody who is; a second
    provider, whose invitation was given up, and one who is about to leave."""
    ids = {}
    with world.jobs.app_context():
        for word, role in (*PEOPLE, *PROVIDERS):
            record = UserRecord(f"{word.capitalize()} of {mark}", f"{word}@{mark.lower()}.example", role)
            ids[f"{word}_user"] = invite_user(clinic.scope(Role.ADMIN), record, now=world.now).id
        with transaction() as session:
            session.get_one(User, ids["gone_user"]).active = False
            given_up = session.scalars(select(Mail).where(Mail.recipient == f"second@{mark.lower()}.example")).one()
            given_up.state, given_up.settled_at = MailState.DEAD, world.now
            ids["mail_id"] = given_up.id
        with reading() as session:
            invited = select(PasswordLink.link_id).where(PasswordLink.user_id == ids["invited_user"])
            link_id = session.scalars(invited).one()
    return {**ids, "password": tokens_of(world).link(LinkKind.PASSWORD, link_id)}


def _people_who_log_in(world: World, clinic: ClinicInWorld, mark: str) -> Things:
    """Somebody with a second factor, somebody whose phone is lost, and somebody who has none yet."""
    found: Things = {}
    for word in ("keyed", "phoneless", "unkeyed"):
        email, name = f"{word}@{mark.lower()}.example", f"{word.capitalize()} of {mark}"
        with world.jobs.app_context(), transaction() as session:
            user = User(
                clinic_id=clinic.id,
                email=email,
                name=name,
                role=Role.STAFF,
                password_hash=hashed(PASSWORD),
                created_at=world.now,
            )
            session.add(user)
            session.flush()
            found |= {f"{word}_user": user.id, f"{word}_email": email}
    owner, _lost = (
        give_factor_to(world, Scope(clinic.id, found[name], Role.STAFF)) for name in ("keyed_user", "phoneless_user")
    )
    return found | {"phone": owner.phone}


def _visits(world: World, clinic: ClinicInWorld, mark: str, *, leaving: int) -> Things:
    """A visit that is asked for, one that is accepted, one that a company declined, one of a series, one of a
    provider who is about to leave, and one that is cancelled."""
    texts: Things = {
        "patient_name": f"Patient of {mark}",
        "patient_contact": f"patient@{mark.lower()}.example",
        "reason": f"Reason of {mark}",
        "notes": f"Notes of {mark}",
    }
    shapes: tuple[Things, ...] = ({}, {}, {}, {"repeat": WEEKLY_6}, {"provider_id": leaving})
    asked, held, declined, series, _ = (
        world.book(clinic=clinic, ask=["ASL daytime"], wall=time(hour), **texts, **shape)
        for hour, shape in enumerate(shapes, start=9)
    )
    cancelled = world.book(clinic=clinic, wall=time(15), **(texts | {"notes": ""}))
    world.change(Visit, cancelled, status=VisitStatus.CANCELLED)
    winner = world.link(held, f"Northlight for {mark}")
    loser = world.link(declined, f"Clearsign for {mark}")
    with world.jobs.app_context():
        accept_invite(winner, responder=f"Winner of {mark}", now=world.now)
        decline_invite(loser, responder=f"Decliner of {mark}", now=world.now)
        with reading() as session:
            guest_id = session.scalars(select(Invite.guest_id).where(Invite.answer == "accepted")).all()[-1]
    tokens = tokens_of(world)
    return {
        "visit_id": asked,
        "held_visit": held,
        "series_visit": series,
        "cancelled_visit": cancelled,
        "patient_name": texts["patient_name"],
        "invite": tokens.link(LinkKind.INVITE, world.link(asked, f"Clearsign for {mark}").public_id),
        "other_invite": tokens.link(LinkKind.INVITE, world.link(asked, f"Northlight for {mark}").public_id),
        "declined": tokens.link(LinkKind.INVITE, loser.public_id),
        "guest": tokens.link(LinkKind.GUEST, guest_id),
    }


def _furnish_colleague(world: World) -> Things:
    """A second provider of Riverside with a visit of their own."""
    colleague = world.add_user(Role.PROVIDER, "Colleague of Riverside")
    visit = world.book(
        ask=["ASL daytime"],
        provider_id=colleague,
        wall=time(14),
        patient_name="Patient of the colleague",
        patient_contact="patient@colleague.example",
        reason="Reason of the colleague",
        notes="Notes of the colleague",
    )
    return {"visit_id": visit, "user_id": colleague}


def _texts(rows: Rows, *, without: Rows | None = None) -> frozenset[str]:
    """Every text in rows (of those, in which others are not), but for texts that are one of a list."""
    found: set[str] = set()
    for name, table in Base.metadata.tables.items():
        places = [
            number
            for number, column in enumerate(table.columns)
            if isinstance(column.type, String) and not isinstance(column.type, Enum) and column.name != "time_zone"
        ]
        left_out = set(map(repr, without[name] if without else ()))
        found |= {row[place] for row in rows[name] if repr(row) not in left_out for place in places if row[place]}
    return frozenset(text for text in found if len(text) >= SHORTEST)
