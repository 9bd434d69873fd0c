"""The history on the details: plain sentences, the newest first, of the visit and of every request it was part of."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from shared.audit import SYSTEM, Actor, AuditEvent, record
from shared.db import reading, transaction
from shared.models import Mail, Request, RequestVisit, Visit
from shared.queries.history import NEWEST_SHOWN
from shared.states import MailKind, RequestState, Role
from tests.web.checks import soup_of
from tests.world import World

SCHEDULER = "Scheduler of Riverside Clinic"


def shown(client: FlaskClient, visit: int, *, folded: str = "") -> list[str]:
    """The sentences of the history: those that stand open, or those under a fold."""
    history = soup_of(client.get(f"/visits/{visit}")).find(id="history")
    assert history is not None
    folds = {
        str(fold.summary.get_text()).partition(" (")[0]: fold for fold in history.find_all("details") if fold.summary
    }
    lists = [folds[folded]] if folded in folds else [] if folded else [history.find("ol", recursive=False)]
    found = []
    for line in [line for part in lists if part is not None for line in part.find_all("li")]:
        when = line.find("time")
        assert when is not None
        found.append(" ".join(line.get_text(" ").removeprefix(" ").replace(when.get_text(), "", 1).split()))
    return found


def write(world: World, what: AuditEvent, visit: int | None = None, **values: object) -> None:
    """A line of the trail by the scheduler, as an action would write it."""
    by = Actor(user_id=world.clinic.users["scheduler"])
    with world.jobs.app_context(), transaction() as session:
        record(session, what, clinic_id=world.clinic.id, by=by, now=world.now, visit_id=visit, **values)  # type: ignore[arg-type]


def ask_again(world: World, visit: int) -> int:
    """Withdraw the visit's request and make it part of a new one; the new one's id."""
    old = world.request_of(visit)
    with world.jobs.app_context(), transaction() as session:
        session.get_one(Request, old.id).state = RequestState.WITHDRAWN
        values = {column.key: getattr(old, column.key) for column in Request.__table__.columns if column.key != "id"}
        new = Request(**values)
        session.add(new)
        session.flush()
        told = session.get_one(RequestVisit, (old.id, visit))
        columns = [column.key for column in RequestVisit.__table__.columns if column.key != "request_id"]
        session.add(RequestVisit(request_id=new.id, **{name: getattr(told, name) for name in columns}))
        session.get_one(Visit, visit).request_id = new.id
        return new.id


def test_what_happened_stands_in_plain_sentences_the_newest_first(world: World) -> None:
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.pass_time(minutes=5)
    world.decline(visit, "Northlight", name="T. Boyle")
    world.pass_time(minutes=5)
    world.accept(visit, "Clearsign", name="R. Medina")

    assert shown(world.login(), visit) == [
        "Clearsign accepted (R. Medina)",
        "Northlight declined (T. Boyle)",
        f"{SCHEDULER} asked for an interpreter",
        f"{SCHEDULER} created the visit",
    ]


def test_mails_that_were_sent_are_folded_away_and_those_that_came_back_are_not(world: World) -> None:
    world.post.replies["dispatch@northlight.example"] = "550 No such user"
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.tick()
    client = world.login()

    assert shown(client, visit)[0] == "Request to dispatch@northlight.example could not be delivered"
    assert shown(client, visit, folded="Mail sent") == [
        "Request to dispatch@clearsign.example was taken by the mail server"
    ]


@pytest.mark.parametrize("kind", [kind for kind in MailKind if "password" not in kind and "user" not in kind])
def test_every_kind_of_mail_has_words_of_its_own(world: World, kind: MailKind) -> None:
    visit = world.book(ask=["Clearsign"])
    [mail] = world.outbox()
    with world.jobs.app_context(), transaction() as session:
        session.get_one(Mail, mail.id).kind = kind
    write(world, AuditEvent.MAIL_SENT, request_id=mail.request_id, mail_id=mail.id)

    [sentence] = shown(world.login(), visit, folded="Mail sent")
    assert sentence.endswith("to dispatch@clearsign.example was taken by the mail server")
    assert kind.value not in sentence.lower().split() or kind in {MailKind.CONFIRMATION, MailKind.CANCELLATION}


def test_a_change_names_its_fields_in_words_and_never_their_values(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    write(world, AuditEvent.VISIT_CHANGED, visit, fields=("date", "start_time"))
    write(world, AuditEvent.VISIT_CHANGED, visit, fields=("patient_name", "interpreter", "notes"))
    write(world, AuditEvent.VISIT_CHANGED, visit, fields=("repeat",))
    write(world, AuditEvent.VISIT_CHANGED, visit)

    assert shown(world.login(), visit)[:4] == [
        f"{SCHEDULER} changed the visit",
        f"{SCHEDULER} changed repeat",
        f"{SCHEDULER} changed the patient's name, companies asked and notes for the interpreter",
        f"{SCHEDULER} changed date and start time",
    ]


def test_the_end_of_a_visit_and_of_its_requests_is_told_once(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    request = world.request_of(visit).id
    write(world, AuditEvent.REQUEST_MOVED, request_id=request, moved=("pending", "withdrawn"))
    write(world, AuditEvent.VISIT_LEFT_REQUEST, visit, request_id=request)
    write(world, AuditEvent.VISIT_CANCELLED, visit, moved=("scheduled", "cancelled"))
    write(world, AuditEvent.REQUEST_MOVED, request_id=request, moved=("pending", "cancelled"))

    assert shown(world.login(), visit)[:3] == [
        f"{SCHEDULER} cancelled the visit",
        f"{SCHEDULER} took the visit out of its request; the other visits stay in it",
        f"{SCHEDULER} withdrew the request",
    ]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("all_declined", "Nobody is left to answer: the request closed as declined"),
        ("expired", "The deadline passed without an acceptance"),
        ("undeliverable", "No company could be reached: the request closed as undeliverable"),
    ],
)
def test_a_closing_says_how(world: World, state: str, sentence: str) -> None:
    visit = world.book(ask=["Clearsign"])
    with world.jobs.app_context(), transaction() as session:
        record(
            session,
            AuditEvent.REQUEST_MOVED,
            clinic_id=world.clinic.id,
            by=SYSTEM,
            now=world.now,
            request_id=session.get_one(Visit, visit).request_id,
            moved=("pending", state),
        )

    assert shown(world.login(), visit)[0] == sentence


def test_the_winner_who_is_told_of_a_change_is_named(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.accept(visit, "Clearsign")
    [invite] = world.invites_of(visit)
    told = ("contact_phone", "pin")
    write(world, AuditEvent.WINNER_UPDATED, request_id=invite.request_id, invite_id=invite.id, fields=told)

    assert shown(world.login(), visit)[0] == "Clearsign is told what changed: contact phone and PIN"


def test_requests_of_the_past_stay_in_the_history(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign", "Northlight"])
    world.decline(visit, "Northlight")
    ask_again(world, visit)

    assert "Northlight declined (T. Boyle)" in shown(world.login(), visit)


def test_what_concerns_other_visits_of_a_series_alone_is_not_in_it(world_on_either: World) -> None:
    world = world_on_either
    visit, other = world.book(ask=["Clearsign"]), world.book()
    request = world.request_of(visit).id
    write(world, AuditEvent.REQUEST_MADE, other, request_id=request)
    write(world, AuditEvent.VISIT_LEFT_REQUEST, other, request_id=request)
    client = world.login()

    assert len(shown(client, visit)) == 2
    assert f"{SCHEDULER} took the visit out of its request; the other visits stay in it" in shown(client, other)


def test_after_leaving_a_request_only_the_mails_about_leaving_are_told(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    [mail] = world.outbox()
    with world.jobs.app_context(), transaction() as session:
        session.get_one(RequestVisit, (mail.request_id, visit)).left_at = world.now
    world.pass_time(minutes=1)
    write(world, AuditEvent.MAIL_SENT, request_id=mail.request_id, mail_id=mail.id)
    write(world, AuditEvent.REQUEST_MOVED, request_id=mail.request_id, moved=("pending", "expired"))
    client = world.login()

    assert len(shown(client, visit)) == 2
    assert len(shown(client, visit, folded="Mail sent")) == 1

    world.change(Mail, mail.id, created_at=world.now)
    assert shown(client, visit, folded="Mail sent") == []


def test_a_long_history_folds_what_is_older(world: World) -> None:
    visit = world.book()
    for minute in range(NEWEST_SHOWN + 3):
        world.pass_time(minutes=minute)
        write(world, AuditEvent.VISIT_CHANGED, visit, fields=("reason",))
    client = world.login()

    assert len(shown(client, visit)) == NEWEST_SHOWN
    assert shown(client, visit, folded="Earlier")[-1] == f"{SCHEDULER} created the visit"


def test_an_event_of_a_newer_version_is_named_as_it_is_stored(world: World) -> None:
    visit = world.book()
    write(world, "visit_teleported", visit)  # type: ignore[arg-type]

    assert shown(world.login(), visit)[0] == "Visit teleported"


def test_names_can_not_become_part_of_the_sentence_s_pattern_or_of_the_page(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.accept(visit, "Clearsign", name="{company} <b>R.</b> {0}")

    assert shown(world.login(), visit)[0] == "Clearsign accepted ({company} <b>R.</b> {0})"


@pytest.mark.parametrize("role", list(Role))
def test_everybody_who_sees_the_visit_reads_its_history_and_no_values(world: World, role: Role) -> None:
    visit = world.book(ask=["Clearsign"])

    history = soup_of(world.login(role).get(f"/visits/{visit}")).find(id="history")

    assert history is not None
    assert "created the visit" in history.get_text()
    assert "Jonah Pike" not in history.get_text()


def test_times_name_their_zone_and_day(world: World) -> None:
    visit = world.book()
    world.now += timedelta(days=-3)
    write(world, AuditEvent.VISIT_CHANGED, visit, fields=("reason",))
    world.now += timedelta(days=3)

    page = soup_of(world.login().get(f"/visits/{visit}"))
    times = [time.get_text() for time in page.select("#history time")]
    assert times == ["Fri 20 Nov, 12:00 PST", "12:00 PST today"]


def test_the_trail_itself_is_only_read(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    before = len(world.trail())
    client.get(f"/visits/{visit}")

    with world.jobs.app_context(), reading():
        assert len(world.trail()) == before
