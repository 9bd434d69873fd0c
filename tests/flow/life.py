"""A whole life of the product, told with marked words by browsers and mails alone: the same story is lived in this
process, with a clock of its own, and by real processes."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text
from werkzeug.test import Client, TestResponse

from shared.db import db
from shared.states import Role
from tests.flow.markers import Browser, Watch
from tests.web.booking import confirm, filled, send_form
from tests.web.changing import confirm as confirm_change
from tests.web.changing import send
from tests.web.checks import csrf_of, soup_of, values_of
from tests.web.test_patient_pages import press
from tests.world import PASSWORD, ZONE, OpenMail, World, hidden

NAME, SECOND = "Quillfeather Zyxmarsh", "Ottoline Wobblethwaite"
PARTS = ("quillf", "wobble")
"""What is searched for: a part of each name, since pages repeat what was typed."""
CONTACT, PHONE = "zyxmail@patients.example", "+1 555 8675309"
REASON, WHY_CANCELLED = "Xanthelasma check", "Broken clavicle"
NOTES, WHY_DECLINED, RESPONDER = "Uvularia vocabulary", "Trillium overbooked", "Zebulon Vetchling"
WRONG_PASSWORD, NEW_PASSWORD = "wrong-pangolin-guess-1", "quiet-pangolin-harvest-9"

COMPANIES = {name: f"dispatch@{name.lower()}.example" for name in ("Clearsign", "Northlight", "Bridgeway", "Lumen")}
BOTH = ("Clearsign", "Northlight")
CLINICS = {"demo.example": "riverside", "harbor.example": "harbor"}
METER = "the meeting server"

_LINKS = {"invite link": r"/r/([\w.-]+)", "guest link": r"/meet/([\w.-]+)", "password link": r"/password/set/([\w.-]+)"}

_MEETINGS = """
SELECT room, pin, email FROM appointment
LEFT JOIN request ON appointment_id = appointment.id AND state = 'accepted'
LEFT JOIN invite ON request_id = request.id AND answer = 'accepted'
LEFT JOIN invite_address ON invite_id = invite.id
"""


@dataclass
class Life:
    """The product somewhere: browsers for both sites, what makes its jobs catch up, or fail, and lets seconds go by.

    ``links`` are (address, kind, path) of every link that a mail brought, oldest first; ``passwords`` those that
    somebody chose.
    """

    world: World
    watch: Watch
    now: Callable[[], datetime]
    new_portal_client: Callable[[], Client]
    new_vendor_client: Callable[[], Client]
    catch_up: Callable[[], None]
    stumble: Callable[[], None]
    wait: Callable[[float], None]
    links: list[tuple[str, str, str]] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)

    def local(self, **later: float) -> datetime:
        """Wall time at the clinic, now or some time later."""
        return (self.now() + timedelta(**later)).astimezone(ZoneInfo(ZONE))

    # ---- who

    def stranger(self, *readers: str) -> Any:
        """A browser that is not logged in. It does what helpers ask of a test client."""
        readers = readers or ("a stranger",)
        return Browser(self.watch, self.new_portal_client(), "portal", "page without a login", *readers)

    def log_in(self, role: Role = Role.SCHEDULER, *, domain: str = "demo") -> Any:
        """The same, of somebody who logs in."""
        email, own = f"{role}@{domain}.example", CLINICS[f"{domain}.example"]
        browser = self.stranger(own, email)
        self.enter(browser, email, self.passwords.get(email, PASSWORD))
        browser.place = "page of the clinic" if own == "riverside" else "page of another clinic"
        return browser

    def enter(self, browser: Any, email: str, password: str, page: TestResponse | None = None) -> TestResponse:
        """Fill in the login page."""
        data = dict(values_of(page or browser.get("/login"), field="password"))
        answer: TestResponse = browser.post("/login", data=data | {"email": [email], "password": [password]})
        return answer

    def company(self, name: str) -> Any:
        """A company's browser."""
        return Browser(self.watch, self.new_vendor_client(), "vendor portal", "page of a company", COMPANIES[name])

    # ---- what arrives

    def settle(self) -> None:
        """Let the jobs catch up, and mark every link that a new mail brings to its reader."""
        before = len(self.world.post.received)
        self.catch_up()
        for message in self.world.post.received[before:]:
            to, body = str(message["To"]), OpenMail(self.world, message).text
            for kind, pattern in _LINKS.items():
                for found in re.finditer(pattern, body):
                    self.links.append((to, kind, found[0]))
                    public_id, _, signature = found[1].rpartition(".")
                    self.watch.mark(kind, signature, to)
                    self.watch.mark(f"{kind}'s public name", public_id, to)
        self._mark_meetings()

    def link(self, to: str, kind: str = "invite link", *, nth: int = -1) -> str:
        """The path of a link that an address got, the newest unless another is meant."""
        return list(dict.fromkeys(path for reader, what, path in self.links if (reader, what) == (to, kind)))[nth]

    def _mark_meetings(self) -> None:
        """Rooms and PINs as they are now: the clinic's, the meeting server's, and whoever's holds a visit there."""
        with self.engine.connect() as connection:
            for room, pin, winner in connection.execute(text(_MEETINGS)):
                owners = ("riverside", METER, *([winner] if winner else []))
                for kind, value in (("room", room), ("PIN", pin), ("PIN", f"{pin[:3]} {pin[3:6]} {pin[6:]}")):
                    self.watch.mark(kind, value, *owners)

    # ---- the database behind the product's back

    @property
    def engine(self) -> Engine:
        """The database."""
        with self.world.jobs.app_context():
            return db.engine

    @contextmanager
    def refusing(self, table: str) -> Iterator[None]:
        """The database refuses to write into a table meanwhile, as a bug of ours would make it."""
        if self.engine.dialect.name == "sqlite":
            events = ("INSERT", "UPDATE")
            make = [f"CREATE TRIGGER no{e} BEFORE {e} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END" for e in events]
            mend = [f"DROP TRIGGER no{event}" for event in events]
        else:
            make = [f"ALTER TABLE {table} ADD CONSTRAINT ck_no CHECK (false) NOT VALID"]
            mend = [f"ALTER TABLE {table} DROP CONSTRAINT ck_no"]
        self._do(make)
        try:
            yield
        finally:
            self._do(mend)

    @contextmanager
    def without(self, table: str) -> Iterator[None]:
        """The database has no such table meanwhile, as after half a migration."""
        self._do([f"ALTER TABLE {table} RENAME TO away"])
        try:
            yield
        finally:
            self._do([f"ALTER TABLE away RENAME TO {table}"])

    def _do(self, statements: list[str]) -> None:
        with self.engine.execution_options(write=True).begin() as connection:
            for statement in statements:
                connection.execute(text(statement))


def mark_words(watch: Watch) -> None:
    """The words of this story that are looked for."""
    for word in ("quillfeather", "zyxmarsh", "wobblethwaite"):
        watch.mark("patient's name", word)
    for word in ("zyxmail", "8675309"):
        watch.mark("patient's contact", word)
    watch.mark("reason", "xanthelasma")
    watch.mark("reason for cancelling", "clavicle")
    watch.mark("notes", "uvularia")
    watch.mark("reason for declining", "trillium", "riverside", COMPANIES["Northlight"])
    watch.mark("responder", "vetchling", "riverside", *COMPANIES.values())
    for password in (PASSWORD, WRONG_PASSWORD, NEW_PASSWORD):
        watch.mark("password", password)


def live(life: Life) -> None:
    """Everything that happens in a clinic, but what takes years."""
    scheduler, visit, series = live_a_little(life)
    _change(life, scheduler, visit, series)
    _meet(life, scheduler)
    _lose_a_login(life, scheduler)
    look_around(life, visit)
    _choose_passwords(life)
    administer(life)


def live_a_little(life: Life) -> tuple[Any, str, str]:
    """Visits are booked and answered, and whatever can fail fails: what makes a process write something."""
    mark_words(life.watch)
    scheduler = life.log_in()
    visit, series = _book(life, scheduler)
    _answer(life, scheduler, visit)
    _provoke_errors(life)
    return scheduler, visit, series


def _form(life: Life, ask: Sequence[str] = BOTH, **changes: str) -> dict[str, Any]:
    marked = {"patient_name": NAME, "patient_contact": CONTACT, "reason": REASON, "notes": NOTES}
    return dict(filled(life.world, ask=ask, **(marked | {"date": str(life.local(days=3).date())} | changes)))


def _book(life: Life, scheduler: Any) -> tuple[str, str]:
    """A visit and a series, with bad input and a second press; gives their paths."""
    assert send_form(scheduler, _form(life, duration="7", patient_contact="zyxmail@")).status_code == 422
    preview = send_form(scheduler, _form(life, (*BOTH, "Bridgeway")))
    visit = confirm(scheduler, preview).location
    assert confirm(scheduler, preview).location == visit
    repeat = {"repeat": "daily", "ends": "count", "repeat_count": "3", "patient_contact": PHONE}
    series = confirm(scheduler, send_form(scheduler, _form(life, BOTH, **repeat))).location
    assert visit
    assert series
    life.world.post.replies[COMPANIES["Bridgeway"]] = "550 No such user here"
    life.settle()
    return visit, series


def _answer(life: Life, scheduler: Any, visit: str) -> None:
    """Companies answer, get what winners get, and try links that are none."""
    northlight, clearsign = life.company("Northlight"), life.company("Clearsign")
    path = life.link(COMPANIES["Northlight"], nth=0)
    _press(life, northlight, path, "decline")
    northlight.post(f"{path}/reason", data={"reason": WHY_DECLINED}, follow_redirects=True)
    path = life.link(COMPANIES["Clearsign"], nth=0)
    assert clearsign.post(f"{path}/accept", data={"answer": "accept"}).status_code == 422
    _press(life, clearsign, path, "accept")
    life.settle()
    meet = life.link(COMPANIES["Clearsign"], "guest link")
    for address in (meet, f"{meet}/join", f"{path[:-3]}abc", f"{meet[:-3]}abc"):
        clearsign.get(address)
    scheduler.get(visit)


def _press(life: Life, browser: Browser, path: str, button: str) -> None:
    page = browser.get(f"{path}/{button}")
    life.wait(1.6)
    data = {"responder": RESPONDER, "answer": button, "nonce": hidden(page, "nonce")}
    assert browser.post(f"{path}/{button}", data=data, follow_redirects=True).status_code == 200


def _change(life: Life, scheduler: Any, visit: str, series: str) -> None:
    """Edit with a conflict, ask again, cancel one of the series."""
    reachable = list(life.world.draft(ask=BOTH).picks)
    opened, again = scheduler.get(f"{visit}/edit"), scheduler.get(f"{visit}/edit")
    preview = send(scheduler, opened, patient_name=SECOND, notes=f"{NOTES}, once more", interpreter=reachable)
    assert confirm_change(scheduler, preview).status_code == 303
    assert send(scheduler, again, patient_contact=PHONE).status_code == 409
    asked = send(scheduler, scheduler.get(f"{series}/ask"), reach="all")
    assert confirm_change(scheduler, asked).status_code == 303
    cancelling = scheduler.get(f"{series}/cancel")
    assert confirm_change(scheduler, cancelling, reason=WHY_CANCELLED).status_code == 303
    life.settle()
    _press(life, life.company("Clearsign"), life.link(COMPANIES["Clearsign"]), "accept")
    life.settle()


def _meet(life: Life, scheduler: Any) -> None:
    """A visit that is about to begin: company, clinic and meeting server find the room."""
    start = life.local(minutes=12)
    when = {"date": str(start.date()), "start_time": f"{start:%H:%M}"}
    visit = confirm(scheduler, send_form(scheduler, _form(life, ["Lumen"], **when))).location
    life.settle()
    lumen = life.company("Lumen")
    _press(life, lumen, life.link(COMPANIES["Lumen"]), "accept")
    life.settle()
    assert lumen.get(f"{life.link(COMPANIES['Lumen'], 'guest link')}/join").location.startswith("https://meet.")
    assert scheduler.get(f"{visit}/join").location.startswith("https://meet.")
    meter = Browser(life.watch, life.new_vendor_client(), "vendor portal", "answer to the meeting server", METER)
    with life.engine.connect() as connection:
        pin = connection.execute(text("SELECT pin FROM appointment ORDER BY id DESC")).scalars().first()
    secret = life.world.settings.conference_mapper_secret
    for key, found in ((secret, True), ("wrong", None)):
        answer = meter.get(f"/conference-mapper?id={pin}", headers={"Authorization": f"Bearer {key}"})
        assert bool(answer.json and answer.json["conference"]) is bool(found)


def _lose_a_login(life: Life, scheduler: Any) -> None:
    """A filled-in form over a lost login, with a wrong password on the way."""
    form = scheduler.get("/visits/new")
    scheduler.post("/logout", data={"csrf_token": csrf_of(form)})
    scheduler.place = "page without a login"
    sealed = send_form(scheduler, _form(life), page=form)
    assert sealed.status_code == 401
    wrong = life.enter(scheduler, "scheduler@demo.example", WRONG_PASSWORD, sealed)
    assert wrong.status_code == 422
    scheduler.place = "page of the clinic"
    assert NAME in life.enter(scheduler, "scheduler@demo.example", PASSWORD, wrong).text


def _provoke_errors(life: Life) -> None:
    """Whatever goes wrong with a patient's data in hand."""
    browser = life.log_in()
    sent = dict(values_of(send_form(browser, _form(life)), field="preview"))
    with life.refusing("visit"):
        assert browser.post("/visits", data=sent).status_code == 500
    for table in ("confirmation", "user_session"):
        with life.without(table):
            assert browser.post("/visits", data=sent).status_code in {500, 503}
    assert browser.post("/visits", data=sent | {"csrf_token": ["x"]}).status_code == 400
    assert browser.post("/visits", data=sent | {"notes": ["Zyxmarsh " * 40_000]}).status_code == 413
    assert browser.post("/visits/new", data={"patient_name": NAME}).status_code == 400
    assert browser.open("/visits", method="PUT", data=sent).status_code == 405
    assert browser.post("/no/such/page", data=sent).status_code in {400, 404}
    with life.without("invite_opening"):
        assert life.company("Clearsign").get(life.link(COMPANIES["Clearsign"])).status_code in {500, 503}
    assert browser.post("/visits", data=sent).status_code == 303
    with life.refusing("mail"):
        life.stumble()
    life.settle()


def look_around(life: Life, visit: str) -> None:
    """Everybody looks at every page there is: the clinic's people, a stranger, another clinic."""
    paths = ["/", "/board", "/schedule", f"/schedule?date={life.local(days=3).date()}", "/schedule/search", "/account"]
    paths += [visit, f"{visit}/edit", f"{visit}/join", "/nowhere"]
    for role in Role:
        browser = life.log_in(role)
        for path in paths:
            browser.get(path)
        browser.get(f"{visit}/interpreter", headers={"HX-Request": "true"})
        browser.get("/badges?seen=1.p000000-2.p000000", headers={"HX-Request": "true"})
        browser.post("/schedule/search", data={"csrf_token": csrf_of(browser.get("/")), "patient": PARTS[1]})
    stranger, other = life.stranger(), life.log_in(Role.ADMIN, domain="harbor")
    for path in [*paths, "/admin/trail", "/admin/patients", "/admin/settings"]:
        stranger.get(path)
        other.get(path)
    for word in PARTS:
        other.post("/schedule/search", data={"csrf_token": csrf_of(other.get("/")), "patient": word})
        press(other, other.get("/admin/patients"), "Find visits", name=word)
    for step in ("held", "file", "erase"):
        other.post(f"/admin/patients/{step}", data={"csrf_token": csrf_of(other.get("/")), "visit": "1", "name": "any"})


def _choose_passwords(life: Life) -> None:
    """Somebody forgot a password; somebody new is invited."""
    email = "staff@demo.example"
    browser = life.stranger(email)
    asked = dict(values_of(browser.get("/password/forgot"), field="email")) | {"email": [email]}
    browser.post("/password/forgot", data=asked)
    life.settle()
    path = life.link(email, "password link")
    chosen = dict(values_of(browser.get(path), field="password"))
    assert browser.post(path, data=chosen | {"password": [NEW_PASSWORD], "again": ["other-words"]}).status_code == 422
    done = browser.post(path, data=chosen | {"password": [NEW_PASSWORD], "again": [NEW_PASSWORD]})
    assert done.status_code == 303
    life.passwords[email] = NEW_PASSWORD
    admin = life.log_in(Role.ADMIN)
    typed = dict(values_of(admin.get("/admin/users/new"), field="email"))
    admin.post("/admin/users/new", data=typed | {"email": ["new@demo.example"], "name": ["N. Ew"]})
    life.settle()


def open_links(life: Life) -> None:
    """Companies open every link that they ever got."""
    company_of = {email: name for name, email in COMPANIES.items()}
    for to, _kind, path in dict.fromkeys(life.links):
        if to in company_of:
            assert life.company(company_of[to]).get(path).status_code in {200, 409, 410}, path


def administer(life: Life) -> None:
    """An administrator reads and takes along what there is: settings, trail, patients' data."""
    admin = life.log_in(Role.ADMIN)
    for path in ("settings", "languages", "companies", "groups", "users", "trail", "patients"):
        admin.get(f"/admin/{path}")
    admin.post("/admin/trail/csv", data={"csrf_token": csrf_of(admin.get("/"))})
    admin.post("/admin/trail/visits/1/csv", data={"csrf_token": csrf_of(admin.get("/"))})
    for name in PARTS:
        found = press(admin, admin.get("/admin/patients"), "Find visits", name=name)
        ids = [str(tag["value"]) for tag in soup_of(found).select("input[name=visit]")]
        if ids:
            held = press(admin, found, "Show what is held", visit=ids)
            press(admin, held, "Download as JSON")
            press(admin, press(admin, held, "Erase"), "Back to the list")
