"""A clinic, its companies and their mail, in words that tests can tell stories with. Nothing here is mocked."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import create_portal
from shared import clock, passwords
from shared.actions import (
    Admission,
    AnswerOutcome,
    ConfirmResult,
    Preview,
    accept_invite,
    confirm_visit,
    decline_invite,
)
from shared.db import Base, db, reading, transaction
from shared.jobs import JobRunner, job_list, sender_for
from shared.models import (
    AuditEntry,
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
from shared.plan import VisitDraft
from shared.queries import badges, plan_visit
from shared.rules import Scope
from shared.settings import Settings, from_environ
from shared.states import MailKind, Role, VisitType
from shared.tokens import LinkKind, VerifiedLink
from shared.web import create_base
from shared.wrong_links import limiter
from tests.databases import environ_for
from tests.lending import Lending
from tests.postoffice import PostOffice
from vendor_portal import create_vendor_portal

PASSWORD = "interpreter-demo"
ADMITTED = Admission(())
"""A try at a password that is not counted: how often one may is told by tests/actions/test_throttle.py."""

ZONE = "America/Los_Angeles"
START = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
"""Monday noon in Los Angeles (PST)."""

TOMORROW = date(2026, 11, 24)


# Argon2 is slow on purpose, here as fast as it can be: tests log in many times.
passwords.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
hashed = cache(passwords.hash_password)


@dataclass(frozen=True)
class ClinicInWorld:
    """A clinic and the ids of what it owns."""

    id: int
    users: dict[str, int]
    companies: dict[str, int]
    groups: dict[str, int]

    def scope(self, role: Role = Role.SCHEDULER) -> Scope:
        """The clinic as one of its people sees it."""
        return Scope(self.id, self.users[role.value], role)


@dataclass
class OpenMail:
    """A mail somebody is looking at, in the vendor portal's world."""

    world: "World"
    message: EmailMessage

    @property
    def text(self) -> str:
        """The text part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        """The HTML part."""
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())

    def link(self, word: str) -> str:
        """The path of the link of that kind: accept, decline or meet."""
        base = re.escape(self.world.settings.vendor_portal_url)
        pattern = rf"{base}(/meet/\S+)" if word == "meet" else rf"{base}(/r/\S+/{word})"
        found = re.search(pattern, self.text)
        assert found, f"no {word} link in: {self.text}"
        return found[1]

    def open(self, word: str = "accept") -> TestResponse:
        """Follow the link, as a person or a scanner does."""
        return self.world.vendor.get(self.link(word))

    def press(self, button: str, *, name: str = "T. Boyle", link: str | None = None, wait: float = 3.0) -> TestResponse:
        """Open the link of the button, write a name, press the button, and see what comes of it."""
        word = button.lower()
        page = self.open(link or word)
        data = {"responder": name, "answer": word, "nonce": hidden(page, "nonce")}
        self.world.pass_time(seconds=wait)
        path = urlsplit(self.link(link or word)).path
        return self.world.vendor.post(path, data=data, follow_redirects=True)


def hidden(response: TestResponse, name: str) -> str:
    """A hidden field's value; empty if the page has no such field."""
    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"', response.text)
    return found[1] if found else ""


@lru_cache(maxsize=12)
def _apps(settings: Settings) -> tuple[Flask, Flask, Flask]:
    """Portal, vendor portal and jobs: kept for the next world of these settings, with the templates and statements that
    they have compiled. They hold nothing else from one request to the next, but for the count of wrong links."""
    return create_portal(settings), create_vendor_portal(settings), create_base("jobs", settings)


class World:
    """One installation with one clinic, Riverside, unless a test adds more."""

    def __init__(self, settings: Settings, post: PostOffice, *, with_clinic: bool = True) -> None:
        self.now = START
        self.settings = settings
        self.post = post
        self.portal, self.vendor_portal, self.jobs = _apps(settings)
        for app in (self.portal, self.vendor_portal):
            app.test_client_class = FlaskClient
        self.vendor: FlaskClient = self.vendor_portal.test_client()
        self._sender = sender_for(self.jobs)
        self._keys = count(1)
        if with_clinic:
            self.clinic = self.add_clinic()

    # ---- time

    def pass_time(self, **delta: float) -> None:
        """Let time go by; jobs don't run by themselves."""
        self.now += timedelta(**delta)

    def tick(self) -> None:
        """Run every job once, now. A failing job fails the test."""
        runner = JobRunner(self.jobs)
        for job in job_list(self._sender):
            assert runner.run(job), f"job {job.name} failed"

    # ---- what exists

    def add_clinic(self, name: str = "Riverside Clinic", *, domain: str = "demo", zone: str = ZONE) -> ClinicInWorld:
        """A clinic with a person of each role, four companies and a group of the first three."""
        companies = ("Clearsign", "Northlight", "Bridgeway", "Lumen")
        zones = (ZONE, "America/New_York", "America/Chicago", "America/Denver")
        with self.jobs.app_context(), transaction() as session:
            clinic = Clinic(
                name=name,
                time_zone=zone,
                contact_phone="+1 555 0142",
                contact_email=f"scheduling@{domain}.example",
                dial_in_number="+1 555 0100",
                created_at=self.now,
            )
            session.add(clinic)
            session.flush()
            session.add_all(
                ClinicLanguage(clinic_id=clinic.id, tag=tag, name=long, short_name=short)
                for tag, long, short in (("ase", "American Sign Language", "ASL"), ("es", "Spanish", "Spanish"))
            )
            users = [
                User(
                    clinic_id=clinic.id,
                    email=f"{role}@{domain}.example",
                    name=f"{role.value.capitalize()} of {name}",
                    role=role,
                    password_hash=hashed(PASSWORD),
                    created_at=self.now,
                )
                for role in Role
            ]
            records = [
                Company(clinic_id=clinic.id, name=company, phone="+1 555 0170", time_zone=zone, created_at=self.now)
                for company, zone in zip(companies, zones, strict=True)
            ]
            group = HuntGroup(clinic_id=clinic.id, name="ASL daytime", language_tag="ase")
            session.add_all([*users, *records, group])
            session.flush()
            for record in records:
                email = f"dispatch@{record.name.lower()}{'' if domain == 'demo' else '.' + domain}.example"
                session.add(CompanyAddress(company_id=record.id, email=email))
                session.add(CompanyLanguage(company_id=record.id, tag="ase"))
            session.add_all(
                HuntGroupMember(hunt_group_id=group.id, company_id=record.id, position=position)
                for position, record in enumerate(records[:3])
            )
            return ClinicInWorld(
                clinic.id,
                {user.role.value: user.id for user in users},
                {record.name: record.id for record in records},
                {group.name: group.id},
            )

    def draft(self, *, ask: Sequence[str] = (), clinic: ClinicInWorld | None = None, **changes: object) -> VisitDraft:
        """A filled-in form for tomorrow 09:30; ``ask`` names companies and groups."""
        clinic = clinic or self.clinic
        picks = tuple(
            f"group:{clinic.groups[name]}" if name in clinic.groups else f"company:{clinic.companies[name]}"
            for name in ask
        )
        values: dict[str, object] = {
            "patient_name": "Jonah Pike",
            "patient_contact": "+1 555 0199",
            "provider_id": clinic.users["provider"],
            "day": TOMORROW,
            "wall": time(9, 30),
            "duration_minutes": 45,
            "visit_type": VisitType.VIDEO,
            "reason": "New patient",
            "language_tag": "ase" if ask else "",
            "picks": picks,
            "notes": "",
        }
        return VisitDraft(**(values | changes))  # type: ignore[arg-type]

    def add_company(
        self, name: str, *, emails: Sequence[str] = (), languages: Sequence[str] = ("ase",), zone: str = ZONE
    ) -> int:
        """One more company of Riverside's, with one dispatch address unless there are more."""
        with self.jobs.app_context(), transaction() as session:
            company = Company(
                clinic_id=self.clinic.id, name=name, phone="+1 555 0170", time_zone=zone, created_at=self.now
            )
            session.add(company)
            session.flush()
            addresses = emails or [f"dispatch@{name.lower()}.example"]
            session.add_all(CompanyAddress(company_id=company.id, email=email) for email in addresses)
            session.add_all(CompanyLanguage(company_id=company.id, tag=tag) for tag in languages)
        self.clinic.companies[name] = company.id
        return company.id

    def add_user(self, role: Role, name: str, *, active: bool = True) -> int:
        """One more person of Riverside's; the address is the name in lower case."""
        email = "".join(letter for letter in name.lower() if letter.isalnum()) + "@demo.example"
        with self.jobs.app_context(), transaction() as session:
            user = User(
                clinic_id=self.clinic.id,
                email=email,
                name=name,
                role=role,
                active=active,
                password_hash=hashed(PASSWORD),
                created_at=self.now,
            )
            session.add(user)
            session.flush()
            return user.id

    def change(self, kind: type[Base], key: object, **values: object) -> None:
        """Change a row behind the product's back, as an administrator's page will."""
        with self.jobs.app_context(), transaction() as session:
            row = session.get_one(kind, key)
            for name, value in values.items():
                setattr(row, name, value)

    def confirm(
        self,
        draft: VisitDraft,
        *,
        clinic: ClinicInWorld | None = None,
        key: str = "",
        by: Role = Role.SCHEDULER,
    ) -> ConfirmResult:
        """Preview and confirm a draft, as the clinic's scheduler unless told otherwise."""
        scope = (clinic or self.clinic).scope(by)
        with self.jobs.app_context():
            plan = plan_visit(scope, draft, now=self.now)
            preview = Preview(key or f"key-{next(self._keys)}", draft.digest(), plan.company_ids)
            return confirm_visit(scope, draft, preview, now=self.now)

    def book(
        self,
        *,
        ask: Sequence[str] = (),
        clinic: ClinicInWorld | None = None,
        by: Role = Role.SCHEDULER,
        **changes: object,
    ) -> int:
        """A confirmed visit's id."""
        result = self.confirm(self.draft(ask=ask, clinic=clinic, **changes), clinic=clinic, by=by)
        assert result.visit_id is not None, result
        return result.visit_id

    # ---- what companies do, without their pages

    def link(self, visit_id: int, company: str, *, email: str = "") -> VerifiedLink:
        """The link that a company got for the visit's current request, at its first address unless named."""
        found = (
            select(InviteAddress.link_id)
            .join(Invite, Invite.id == InviteAddress.invite_id)
            .join(Visit, Visit.request_id == Invite.request_id)
            .join(Company, Company.id == Invite.company_id)
            .where(Visit.id == visit_id, Company.name == company)
            .order_by(InviteAddress.id)
        )
        with self.jobs.app_context(), reading() as session:
            public_id = session.scalars(found.where(InviteAddress.email == email) if email else found).first()
        assert public_id is not None, f"{company} was not asked"
        return VerifiedLink(LinkKind.INVITE, public_id)

    def accept(self, visit_id: int, company: str, *, email: str = "", name: str = "T. Boyle") -> AnswerOutcome:
        """The company accepts, now."""
        link = self.link(visit_id, company, email=email)
        with self.jobs.app_context():
            return accept_invite(link, responder=name, now=self.now)

    def decline(self, visit_id: int, company: str, *, email: str = "", name: str = "T. Boyle") -> AnswerOutcome:
        """The company declines, now."""
        link = self.link(visit_id, company, email=email)
        with self.jobs.app_context():
            return decline_invite(link, responder=name, now=self.now)

    # ---- what can be seen

    def badge(self, visit_id: int, *, clinic: ClinicInWorld | None = None) -> str:
        """The words on the visit's badge."""
        with self.jobs.app_context():
            return badges((clinic or self.clinic).scope(), [visit_id], now=self.now)[0].badge.words

    def badge_line(self, visit_id: int) -> str:
        """The quiet line below it."""
        with self.jobs.app_context():
            return badges(self.clinic.scope(), [visit_id], now=self.now)[0].badge.line

    def mails(self, *, to: str) -> list[OpenMail]:
        """What an address received, oldest first; a company's first name will do."""
        wanted = to if "@" in to else f"dispatch@{to.lower()}.example"
        return [OpenMail(self, message) for message in self.post.received if wanted in str(message["To"])]

    def open_mail(self, *, to: str) -> OpenMail:
        """The newest mail of an address."""
        found = self.mails(to=to)
        assert found, f"no mail to {to}"
        return found[-1]

    def subjects(self, *, to: str) -> list[str]:
        """The subjects of what an address received."""
        return [str(mail.message["Subject"]) for mail in self.mails(to=to)]

    def request_of(self, visit_id: int) -> Request:
        """The visit's current request, as it is in the database."""
        with self.jobs.app_context(), reading() as session:
            return session.scalars(
                select(Request).join(Visit, Visit.request_id == Request.id).where(Visit.id == visit_id)
            ).one()

    def invites_of(self, visit_id: int) -> list[Invite]:
        """The invites of the visit's current request."""
        with self.jobs.app_context(), reading() as session:
            found = select(Invite).join(Visit, Visit.request_id == Invite.request_id).where(Visit.id == visit_id)
            return list(session.scalars(found.order_by(Invite.position)))

    def outbox(self, kind: MailKind | None = None) -> list[Mail]:
        """The rows of the outbox, all or one kind's, oldest first."""
        rows = select(Mail).order_by(Mail.id)
        with self.jobs.app_context(), reading() as session:
            return list(session.scalars(rows if kind is None else rows.where(Mail.kind == kind)))

    def trail(self) -> list[AuditEntry]:
        """The audit trail, oldest first."""
        with self.jobs.app_context(), reading() as session:
            return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))

    # ---- the portal

    def login(self, role: Role = Role.SCHEDULER, *, domain: str = "demo") -> FlaskClient:
        """A browser that is logged in."""
        client = self.portal.test_client()
        token = hidden(client.get("/login"), "csrf_token")
        answer = client.post(
            "/login", data={"csrf_token": token, "email": f"{role}@{domain}.example", "password": PASSWORD}
        )
        assert answer.status_code == 303, answer.text
        return client

    def close(self) -> None:
        """Let go of all connections."""
        for app in (self.portal, self.vendor_portal, self.jobs):
            with app.app_context():
                db.engine.dispose()


_post_offices = Lending(lambda _number: PostOffice())
_folders = Lending(lambda number: Path(tempfile.gettempdir()) / f"dispatch-tests-{os.getpid()}-{number}")


@contextmanager
def build_world(url: str, **environ: str) -> Iterator[World]:
    """A world on a fresh database. Time stands still at START until the test lets it pass."""
    with ExitStack() as stack:
        post, folder = stack.enter_context(_post_offices.lend()), stack.enter_context(_folders.lend())
        folder.mkdir()
        post.open()
        stack.callback(post.clear)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = environ_for(url, folder, MAIL_SERVER="127.0.0.1", MAIL_PORT=str(post.port), **environ)
        worlds: list[World] = []
        stack.enter_context(clock.stopped_at(lambda: worlds[0].now if worlds else START))
        world = World(from_environ(made), post)
        stack.callback(world.close)
        worlds.append(world)
        limiter.reset()  # it is kept with the apps
        yield world
