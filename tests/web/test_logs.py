"""What both apps and the jobs write into their log during a day's work, errors included: ids, and never a name, an
address or a link."""

import io
import json
import logging
import re
import smtplib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import UniqueViolation
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from shared.audit import SYSTEM, AuditEvent, record
from shared.db import transaction
from shared.jobs import Job, JobRunner
from shared.logs import formatter
from shared.models import User
from shared.states import Role
from tests.actions.half_way import give_factor
from tests.web.booking import confirm, filled, preview
from tests.web.checks import PATIENT, csrf_of
from tests.world import PASSWORD, START, World

ADDRESS = "dispatch@clearsign.example"
RESPONDER = "Theodora Boyle-Ndiaye"
REASON = "Our interpreters are at a wedding"
NEEDLES = (*PATIENT, RESPONDER, REASON, PASSWORD, "Cardiology vocabulary", "@", "Clearsign", "http:", "/r/", "/visits/")


class Written:
    """The lines of a test, in both formats."""

    def __init__(self) -> None:
        self._streams = {kind: io.StringIO() for kind in ("json", "text")}
        self.handlers = []
        for kind, stream in self._streams.items():
            handler = logging.StreamHandler(stream)
            handler.setFormatter(formatter(kind))
            self.handlers.append(handler)

    @property
    def text(self) -> str:
        """All that was written."""
        return "\n".join(stream.getvalue() for stream in self._streams.values())

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The lines of these words."""
        found = [json.loads(line) for line in self._streams["json"].getvalue().splitlines()]
        return [line for line in found if line["message"] == message]


@pytest.fixture
def written() -> Iterator[Written]:
    """Every logger's lines, down to the least important of every library."""
    root, found = logging.getLogger(), Written()
    before = root.level
    root.setLevel(logging.DEBUG)
    for handler in found.handlers:
        root.addHandler(handler)
    yield found
    for handler in found.handlers:
        root.removeHandler(handler)
    root.setLevel(before)


def a_day(world: World) -> set[str]:
    """Two visits: one is accepted, one declined and bounced; and the parts of every link that was mailed."""
    scheduler = world.login()
    scheduler.post("/login", data={"csrf_token": "x", "email": "nobody@demo.example", "password": PASSWORD})
    world.post.replies["dispatch@northlight.example"] = "550 <dispatch@northlight.example> no such user"
    world.post.replies["dispatch@bridgeway.example"] = "451 <dispatch@bridgeway.example> try later"
    for number in range(2):
        shown = preview(scheduler, filled(world, ask=["ASL daytime", "Lumen"], start_time=f"1{number}:00"))
        details = confirm(scheduler, shown).location
        assert details is not None
        scheduler.get(details)
        world.tick()
    first, second = world.mails(to="Clearsign")
    first.press("Accept", name=RESPONDER)
    second.press("Decline", name=RESPONDER)
    world.vendor.post(second.link("decline").rpartition("/")[0] + "/reason", data={"reason": REASON})
    world.tick()
    world.vendor.get(world.open_mail(to="Clearsign").link("meet"))
    world.vendor.get("/r/wrong.token")
    world.pass_time(days=2)
    world.tick()
    found = re.findall(r"/(?:r|meet)/([\w.-]+)", "".join(mail.text for mail in world.mails(to="Clearsign")))
    return {part for link in found for part in link.split(".")}


def insert_again(world: World) -> None:
    """A user whose address another has, and whose name is a patient's."""
    with transaction() as session:
        row = {"email": "scheduler@demo.example", "name": PATIENT[0], "role": Role.STAFF, "created_at": START}
        session.execute(insert(User), [row | {"clinic_id": world.clinic.id}])


def break_things(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of every layer, each with a value in its words, in both apps and in a job."""

    def fails(**_arguments: object) -> None:
        raise KeyError(PATIENT[0])

    def clashes(**_arguments: object) -> None:
        insert_again(world)

    def refuses() -> None:
        raise smtplib.SMTPRecipientsRefused({ADDRESS: (550, ADDRESS.encode())})

    link = world.mails(to="Clearsign")[0].link("accept")
    client = world.login()
    for broken in (fails, clashes):
        monkeypatch.setitem(world.portal.view_functions, "visits.show", broken)
        monkeypatch.setitem(world.vendor_portal.view_functions, "respond.show", broken)
        assert client.get("/visits/1").status_code == 500
        assert world.vendor.get(link).status_code == 500
    assert not JobRunner(world.jobs).run(Job("unlucky", 1, refuses))


def test_no_name_no_address_and_no_link_comes_into_the_log_errors_included(
    world_on_either: World, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_either
    links = a_day(world)
    break_things(world, monkeypatch)

    assert len(links) > 4
    assert [needle for needle in (*NEEDLES, *links) if needle in written.text] == []
    kinds = re.findall(r"^(KeyError|IntegrityError \(|SMTPRecipientsRefused)", written.text.replace("\\n", "\n"), re.M)
    assert Counter(kinds) == {"KeyError": 4, "IntegrityError (": 4, "SMTPRecipientsRefused": 2}  # in two formats


def test_a_database_error_hides_what_was_sent_and_what_the_database_says_of_it(world_on_either: World) -> None:
    """The last line is the canary: what the log leaves out is there to be told."""
    world = world_on_either
    with world.jobs.app_context(), pytest.raises(IntegrityError) as caught:
        insert_again(world)

    assert "INSERT INTO user_account" in str(caught.value)
    assert PATIENT[0] not in str(caught.value)
    if world.settings.database_url.startswith("postgresql"):
        assert "scheduler@demo.example" not in f"{caught.value} {caught.value.orig}"
        assert isinstance(caught.value.orig, UniqueViolation)
        assert "scheduler@demo.example" in str(caught.value.orig.diag.message_detail)


def test_every_request_leaves_one_line_with_its_ids_and_the_answer_names_it(world: World, written: Written) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    client = world.login()
    user = world.clinic.users["scheduler"]
    answers = [client.get(f"/visits/{visit}"), world.open_mail(to="Clearsign").open(), client.get("/no/such/page")]
    answers += [client.post("/visits", data={}), world.login(Role.ADMIN).get(f"/admin/users/{user}")]

    lines = {line["http_request_id"]: line for line in written.lines("HTTP request")}
    found = [lines[answer.headers["X-Request-ID"]] for answer in answers]
    shown = ("app", "endpoint", "method", "status", "user_id", "clinic_id", "visit_id", "about_user_id")
    clinic, admin = world.clinic.id, world.clinic.users["admin"]
    assert [tuple(line.get(name) for name in shown) for line in found] == [
        ("portal", "visits.show", "GET", 200, user, clinic, visit, None),
        ("vendor_portal", "respond.show", "GET", 200, None, None, None, None),
        ("portal", None, "GET", 404, user, clinic, None, None),
        ("portal", "visits.create", "POST", 400, user, clinic, None, None),
        ("portal", "users.edit", "GET", 200, admin, clinic, None, user),
    ]
    assert all(0 < line["duration_ms"] < 60_000 for line in found)
    assert len(lines) == len(written.lines("HTTP request"))


def test_every_mail_leaves_one_line_that_says_what_became_of_it(world: World, written: Written) -> None:
    world.post.replies["dispatch@northlight.example"] = "550 <dispatch@northlight.example> no such user"
    world.post.replies["dispatch@bridgeway.example"] = "451 try later"
    world.book(ask=["ASL daytime"])
    world.tick()

    rows = {mail.id: mail for mail in world.outbox()}
    lines = written.lines("Mail")
    assert [(line["verdict"], line.get("reply")) for line in lines] == [
        ("taken", None),
        ("refused", "RCPT: 550"),
        ("later", "RCPT: 451"),
    ]
    for line in lines:
        row = rows[line["mail_id"]]
        assert (line["kind"], line["clinic_id"]) == (row.kind, row.clinic_id)
        assert (line["request_id"], line["invite_id"]) == (row.request_id, row.invite_id)


def test_mail_that_became_pointless_or_was_tried_for_long_enough_says_so(world: World, written: Written) -> None:
    world.book(ask=["Northlight"])
    world.pass_time(days=2)
    later = (world.now + timedelta(days=30)).date()
    visit = world.book(ask=["Clearsign"], day=later)
    world.tick()
    world.accept(visit, "Clearsign")
    world.post.replies["dispatch@clearsign.example"] = "451 try later"
    for _ in range(250):  # not every hour is one of trying: a try is due at a moment between two ticks
        world.tick()
        world.pass_time(hours=1)

    verdicts = [(line["kind"], line["verdict"]) for line in written.lines("Mail")]
    assert verdicts[:2] == [("invite", "dropped"), ("invite", "taken")]
    tries = [verdict for kind, verdict in verdicts if kind == "confirmation"]
    assert tries[:-1] == ["later"] * (len(tries) - 1)
    assert tries[-1] == "dead"


def test_a_request_that_closes_leaves_one_line_and_nothing_does_before_it_is_committed(
    world: World, written: Written
) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    world.pass_time(days=2)
    world.tick()
    world.tick()

    request = world.request_of(visit).id
    moved = [line for line in written.lines("Trail") if line["what"] == "request_moved"]
    assert [(line["request_id"], line["moved_from"], line["moved_to"]) for line in moved] == [
        (request, "pending", "expired")
    ]

    def undone() -> None:
        with world.jobs.app_context(), transaction() as session:
            record(session, AuditEvent.CLINIC_CREATED, clinic_id=world.clinic.id, by=SYSTEM, now=world.now)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert [line for line in written.lines("Trail") if line["what"] == "clinic_created"] == []


@pytest.mark.parametrize("given", ["", "x" * 32, "dispatch@clearsign.example", "1234", "a" * 65, "12345678 12345678"])
def test_a_request_id_that_no_proxy_makes_is_not_taken(shared_world: World, given: str) -> None:
    client = shared_world.portal.test_client()
    answers = [client.get("/login", headers={"X-Request-ID": given}) for _ in range(2)]
    made = [answer.headers["X-Request-ID"] for answer in answers]

    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
    assert len(set(made)) == 2


def test_a_form_that_expired_does_not_hide_who_sent_it(world: World, written: Written) -> None:
    client = world.login()
    assert csrf_of(client.get("/visits/new"))
    assert client.post("/visits/new", data={"patient_name": PATIENT[0]}).status_code == 400
    assert written.lines("HTTP request")[-1]["user_id"] == world.clinic.users["scheduler"]
    assert PATIENT[0] not in written.text


def of_role(world: World) -> None:
    world.login(Role.STAFF).get("/admin/users")


def of_form_token(world: World) -> None:
    world.login().post("/logout", data={"csrf_token": "forged"})


def of_password(world: World) -> None:
    client = world.portal.test_client()
    data = {"csrf_token": csrf_of(client.get("/login")), "email": "nobody@demo.example", "password": PASSWORD}
    client.post("/login", data=data)


def of_throttle(world: World) -> None:
    for _ in range(6):
        of_password(world)


def of_code(world: World) -> None:
    give_factor(world)
    client = world.portal.test_client()
    data = {"csrf_token": csrf_of(client.get("/login")), "email": "scheduler@demo.example", "password": PASSWORD}
    assert client.post("/login", data=data).status_code == 303
    shown = client.get("/login/code")
    client.post("/login/code", data={"csrf_token": csrf_of(shown), "code": "000000"})


def of_link(world: World) -> None:
    world.vendor.get("/r/wrong.token")


def of_link_of_a_password(world: World) -> None:
    world.portal.test_client().get("/password/set/wrong.token")


def of_nonce(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    link = world.open_mail(to="Clearsign").link("accept")
    world.vendor.post(link, data={"responder": RESPONDER, "answer": "accept", "nonce": "forged"})


def of_display(world: World) -> None:
    world.portal.test_client().get("/display/board")


def of_code_of_a_display(world: World) -> None:
    client = world.portal.test_client()
    client.post("/display", data={"csrf_token": csrf_of(client.get("/display")), "code": "ABCD-EFGH"})


def of_host(world: World) -> None:
    world.portal.test_client().get("/login", headers={"Host": "evil.example"})


@pytest.mark.parametrize(
    ("cause", "refused", "status", "endpoint"),
    [
        (of_role, "role", 403, "users.index"),
        (of_form_token, "form_token", 400, "auth.log_out_now"),
        (of_password, "password", 422, "auth.submit_login"),
        (of_throttle, "throttle", 429, "auth.submit_login"),
        (of_code, "code", 422, "second_step.check"),
        (of_link, "link", 410, "respond.show"),
        (of_link_of_a_password, "link", 410, "passwords.choose"),
        (of_nonce, "nonce", 422, "respond.answer"),
        (of_display, "display", 410, "display.board"),
        (of_code_of_a_display, "display", 422, "display.open_board"),
        (of_host, "host", 400, "auth.login"),
    ],
)
def test_whoever_is_refused_leaves_a_line_that_says_by_which_control(
    world: World, written: Written, cause: Callable[[World], None], refused: str, status: int, endpoint: str
) -> None:
    cause(world)

    line = written.lines("HTTP request")[-1]
    assert (line["refused"], line["status"], line["endpoint"]) == (refused, status, endpoint)
    assert line["http_request_id"]
    assert ("user_id" in line) is (refused in {"role", "form_token"})
    assert [
        needle for needle in (*NEEDLES, "wrong.token", "ABCD", "forged", "nobody", "evil") if needle in written.text
    ] == []


def test_a_right_password_without_its_second_step_leaves_a_line_that_says_whose_it_was(
    world: World, written: Written
) -> None:
    of_code(world)

    [line] = written.lines("A password was right, the second step is still to come")
    assert (line["user_id"], line["clinic_id"]) == (world.clinic.users["scheduler"], world.clinic.id)
    assert line["next_step"] == "code"
    assert "scheduler@demo.example" not in written.text


def test_who_asks_for_another_clinics_visit_leaves_a_line_that_says_for_which(world: World, written: Written) -> None:
    visit = world.book()
    world.add_clinic("Harbor Family Health", domain="harbor")
    world.login(Role.ADMIN, domain="harbor").get(f"/visits/{visit}")

    line = written.lines("HTTP request")[-1]
    assert (line["status"], line["visit_id"]) == (404, visit)
    assert line["clinic_id"] != world.clinic.id


def test_a_day_without_a_refusal_says_nothing_of_one_and_each_login_is_told(world: World, written: Written) -> None:
    client = world.login()
    for path in ("/", "/board", "/visits/new", "/account"):
        assert client.get(path).status_code == 200
    assert client.post("/logout", data={"csrf_token": csrf_of(client.get("/"))}).status_code == 303

    assert [line for line in written.lines("HTTP request") if "refused" in line] == []
    told = [(line["what"], line["user_id"]) for line in written.lines("Trail") if "log" in line["what"]]
    user = world.clinic.users["scheduler"]
    assert told == [("logged_in", user), ("logged_out", user)]
