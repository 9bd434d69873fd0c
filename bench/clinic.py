"""A clinic with years of visits behind it, written straight into the tables: what measurements are taken on."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import Connection, insert, text

from shared.audit import AuditEvent
from shared.db import Base, db
from shared.models import (
    Appointment,
    AuditEntry,
    Clinic,
    ClinicLanguage,
    Company,
    Invite,
    InviteAddress,
    Mail,
    Request,
    RequestVisit,
    User,
    Visit,
)
from shared.states import Answer, MailKind, MailState, RequestState, Role, VisitStatus, VisitType
from shared.texts import folded

PASSWORD = "interpreter-bench"  # noqa: S105 - of a database that lives as long as a measurement
NOW = datetime(2026, 11, 24, 17, 5, tzinfo=UTC)
PROVIDERS = 40
COMPANIES = 8
BATCH = 5000

GIVEN = (
    "Dana", "Jonah", "Ruth", "Luis", "Grace", "Omar", "Mei", "Peter", "Aisha", "Tomas", "Helen", "Victor", "Nora",
    "Samuel", "Zoë", "José", "Łukasz", "Ingrid", "Amara", "Yusuf", "Priya", "Chloé", "Mateo", "Sofia", "Andrei",
)  # fmt: skip
FAMILY = (
    "Whitfield", "Pike", "Abara", "Ferreira", "Lindqvist", "Haddad", "Tanaka", "Novak", "Bello", "Rivera", "Marsh",
    "Osei", "Fink", "Adeyemi", "García-López", "O'Brien", "Nguyễn", "Kowalski", "Müller", "Okafor", "Sato", "Ibrahim",
    "Castellanos", "Moss", "Duarte", "Alvarez", "Chen", "Lindgren", "Petrov", "Haugen", "Rossi", "Mbeki", "Singh",
)  # fmt: skip

_STATES = {
    RequestState.ACCEPTED: 70,
    RequestState.ALL_DECLINED: 8,
    RequestState.EXPIRED: 15,
    RequestState.UNDELIVERABLE: 3,
    RequestState.WITHDRAWN: 4,
}
"""How requests of the past ended, in hundredths."""


def fill(*, visits: int) -> None:
    """Write one clinic with so many visits: three years back, two months ahead, three companies asked for most."""
    dice = random.Random(11)  # noqa: S311 - the same clinic every time
    with db.engine.execution_options(write=True).begin() as connection:
        _people(connection)
        batches: dict[type[Base], list[dict[str, Any]]] = {}
        for number in range(1, visits + 1):
            for table, row in _visit(dice, number, visits):
                batches.setdefault(table, []).append(row)
            if number % BATCH == 0 or number == visits:
                _write(connection, batches)
    _vacuum()


def _vacuum() -> None:
    """What PostgreSQL does by itself after a while. SQLite is measured as it is: nobody analyses it."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


_ORDER = (Appointment, Request, Visit, RequestVisit, Invite, InviteAddress, Mail, AuditEntry)


def _write(connection: Connection, batches: dict[type[Base], list[dict[str, Any]]]) -> None:
    for table in _ORDER:
        if batches.get(table):
            connection.execute(insert(table), batches.pop(table))


def _people(connection: Connection) -> None:
    clinic = {
        "id": 1,
        "name": "Riverside Clinic",
        "time_zone": "America/Los_Angeles",
        "contact_phone": "+1 555 0142",
        "contact_email": "desk@bench.example",
        "dial_in_number": "+1 555 0100",
        "created_at": NOW,
    }
    connection.execute(insert(Clinic), [clinic])
    connection.execute(
        insert(ClinicLanguage), [{"clinic_id": 1, "tag": "ase", "name": "American Sign Language", "short_name": "ASL"}]
    )
    shared: dict[str, Any] = {"clinic_id": 1, "created_at": NOW, "password_hash": PasswordHasher().hash(PASSWORD)}
    people = [
        {"id": i, "email": f"p{i}@bench.example", "name": f"Dr. {FAMILY[i % 33]} {i}", "role": Role.PROVIDER}
        for i in range(1, PROVIDERS + 1)
    ]
    people.append({"id": 100, "email": "scheduler@bench.example", "name": "Maya Okafor", "role": Role.SCHEDULER})
    connection.execute(insert(User), [shared | person for person in people])
    connection.execute(
        insert(Company),
        [
            {
                "id": i,
                "clinic_id": 1,
                "name": f"Company {i}",
                "phone": "+1 555 0170",
                "time_zone": "America/Los_Angeles",
                "created_at": NOW,
            }
            for i in range(1, COMPANIES + 1)
        ],
    )


def _visit(dice: random.Random, number: int, visits: int) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    """One visit's rows. Booked in order, days to weeks ahead: starts and ids are only roughly in step."""
    booked_at = NOW - timedelta(days=1095) + timedelta(days=1095) * number / visits
    starts_at = (booked_at + timedelta(days=dice.uniform(0.1, 60))).replace(minute=0, second=0, microsecond=0)
    minutes = dice.choice((30, 45, 60))
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=minutes), "duration_minutes": minutes}
    name = f"{dice.choice(GIVEN)} {dice.choice(FAMILY)}"
    provider, asked = dice.randint(1, PROVIDERS), dice.random() < 0.85
    told = times | {"time_zone": "America/Los_Angeles", "visit_type": VisitType.VIDEO}
    yield (
        Appointment,
        {
            "id": number,
            "clinic_id": 1,
            "number": 10000 + number,
            "room": f"room-{number}",
            "pin": f"{number:08d}",
            "created_at": booked_at,
        },
    )
    yield (
        Visit,
        told
        | {
            "id": number,
            "clinic_id": 1,
            "appointment_id": number,
            "request_id": number if asked else None,
            "provider_id": provider,
            "created_by_id": 100,
            "patient_name": name,
            "patient_search": folded(name),
            "reason": "Follow-up",
            "status": VisitStatus.CANCELLED if dice.random() < 0.05 else VisitStatus.SCHEDULED,
            "created_at": booked_at,
        },
    )
    yield AuditEntry, _line(AuditEvent.VISIT_CREATED, booked_at, visit_id=number)
    if asked:
        yield AuditEntry, _line(AuditEvent.REQUEST_MADE, booked_at, visit_id=number, request_id=number)
        yield RequestVisit, told | {"request_id": number, "visit_id": number, "provider_name": f"Dr. {provider}"}
        yield from _request(dice, number, booked_at, starts_at)


def _request(
    dice: random.Random, number: int, booked_at: datetime, starts_at: datetime
) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    deadline = min(booked_at + timedelta(hours=24), starts_at)
    ended = dice.choices(list(_STATES), list(_STATES.values()))[0]
    state = RequestState.PENDING if deadline > NOW else ended
    yield (
        Request,
        {
            "id": number,
            "clinic_id": 1,
            "appointment_id": number,
            "created_by_id": 100,
            "language_tag": "ase",
            "language_name": "American Sign Language",
            "language_short_name": "ASL",
            "notes": "Cardiology vocabulary.",
            "state": state,
            "deadline": deadline,
            "created_at": booked_at,
        },
    )
    for position, company in enumerate(dice.sample(range(1, COMPANIES + 1), 3), start=1):
        yield from _invite(number, position, company, booked_at, won=state is RequestState.ACCEPTED and position == 1)


def _line(what: AuditEvent, at: datetime, **ids: int) -> dict[str, Any]:
    none = dict.fromkeys(("visit_id", "request_id", "invite_id", "mail_id"))
    return {"clinic_id": 1, "at": at, "actor_user_id": 100, "what": what, "fields": []} | none | ids


def _invite(
    number: int, position: int, company: int, asked_at: datetime, *, won: bool
) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    invite = number * 3 + position - 3
    email = f"dispatch@company{company}.example"
    answer = {
        "answer": Answer.ACCEPTED if won else None,
        "responder": "R. Medina" if won else "",
        "answered_at": asked_at + timedelta(minutes=25) if won else None,
    }
    row = {"id": invite, "request_id": number, "company_id": company, "position": position, "guest_id": f"g{invite}"}
    yield Invite, row | answer
    yield InviteAddress, {"id": invite, "invite_id": invite, "email": email, "link_id": f"l{invite}"}
    yield (
        Mail,
        {
            "id": invite,
            "clinic_id": 1,
            "kind": MailKind.INVITE,
            "request_id": number,
            "invite_id": invite,
            "invite_address_id": invite,
            "recipient": email,
            "dedupe_key": f"invite:{number}:{invite}",
            "message_id": f"m{invite}",
            "state": MailState.SENT,
            "next_try_at": asked_at,
            "created_at": asked_at,
            "settled_at": asked_at,
        },
    )
    yield AuditEntry, _line(AuditEvent.MAIL_SENT, asked_at, request_id=number, invite_id=invite, mail_id=invite)
