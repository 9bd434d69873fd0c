"""What the stories of this folder need besides the world: a company's browser, and looks into the tables."""

from datetime import timedelta

from sqlalchemy import Table, select
from werkzeug.test import TestResponse

from shared.actions import ClaimedMail, claim_mail, put_off_mail
from shared.db import Base, reading
from shared.models import Company, CompanyAddress
from shared.states import MailKind, MailState, RequestState
from shared.tokens import LinkKind, Tokens, VerifiedLink
from shared.web import Services
from tests.world import World

SCHEDULER, PROVIDER, CONTACT = "scheduler@demo.example", "provider@demo.example", "scheduling@demo.example"
NAMED = "Tue 24 Nov 2026 · A-10001"
"""How subjects name the first visit of a world."""


def tokens_of(world: World) -> Tokens:
    parts: Services = world.vendor_portal.extensions["services"]
    return parts.tokens


def path_of(world: World, link: VerifiedLink, word: str) -> str:
    return f"/r/{tokens_of(world).link(LinkKind.INVITE, link.public_id)}/{word}"


def press(
    world: World, link: VerifiedLink, word: str, *, name: str = "T. Boyle", age: timedelta = timedelta(seconds=3)
) -> TestResponse:
    """Press a button on a page that was opened a moment ago; the answer to the POST itself."""
    nonce = tokens_of(world).nonce(link, now=world.now - age)
    form = {"responder": name, "answer": word, "nonce": nonce}
    return world.vendor.post(path_of(world, link, word), data=form)


def snapshot(world: World, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, to tell whether anything has changed."""
    tables: list[Table] = [table for table in Base.metadata.sorted_tables if table.name not in without]
    with world.jobs.app_context(), reading() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in tables
        }


def state_of(world: World, visit: int) -> RequestState:
    return world.request_of(visit).state


def mail_states(world: World, kind: MailKind) -> dict[str, MailState]:
    """What became of each mail of a kind, by recipient."""
    return {mail.recipient: mail.state for mail in world.outbox(kind)}


def claim(world: World, *, owner: str = "worker-1") -> ClaimedMail:
    """A worker takes the next due mail."""
    with world.jobs.app_context():
        claimed = claim_mail(owner=owner, now=world.now)
    assert claimed is not None
    return claimed


def claim_to(world: World, recipient: str, *, owner: str = "worker-1") -> ClaimedMail:
    """A worker takes due mails until it has the one to this recipient. It holds the others, too."""
    wanted = {mail.id for mail in world.outbox() if mail.recipient == recipient}
    while (claimed := claim(world, owner=owner)).id not in wanted:
        pass
    return claimed


def wear_out(world: World, recipient: str) -> list[timedelta]:
    """The mail server puts the recipient's mail off, each time as long as can be, until it is given up. Gives how long
    after the first try each one was."""
    first, tries = world.now, []
    while MailState.QUEUED in [mail.state for mail in world.outbox() if mail.recipient == recipient]:
        claimed = claim_to(world, recipient)
        tries.append(world.now - first)
        with world.jobs.app_context():
            put_off_mail(claimed, error="RCPT: 451 Try later", jitter=1.0, now=world.now)
        world.now = max(world.now, next(mail.next_try_at for mail in world.outbox() if mail.id == claimed.id))
    return tries


def address_of(world: World, email: str) -> CompanyAddress:
    with world.jobs.app_context(), reading() as session:
        found = select(CompanyAddress).join(Company, Company.id == CompanyAddress.company_id)
        return session.scalars(found.where(CompanyAddress.email == email, Company.clinic_id == world.clinic.id)).one()
