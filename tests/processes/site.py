"""An installation as it runs for people: both portals and the jobs as real processes, a mail server, one clock."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import select

from shared.db import reading
from shared.models import Mail, Request
from shared.states import MailState, RequestState
from tests.databases import environ_for
from tests.faults.smtp_script import ScriptedServer
from tests.lending import Lending
from tests.postoffice import free_port
from tests.processes.browser import Browser
from tests.processes.clockwork import CommonClock
from tests.processes.fuse import Fuse
from tests.processes.launcher import Running, nothing, start
from tests.processes.patience import attempts
from tests.web.checks import csrf_of
from tests.world import PASSWORD, World, build_world

SECOND = timedelta(seconds=1)


class Site:
    """Starts, kills and restarts processes over a world, whose own apps stay out of it: it lends a look at the rows."""

    def __init__(self, world: World, sink: ScriptedServer, ports: dict[str, int]) -> None:
        self.world = world
        self.sink = sink
        self.folder = world.settings.instance_path
        self.fuse = Fuse(self.folder / "fuse")
        self.prepare: Callable[[], None] = nothing
        self.vendor = Browser(world.settings.vendor_portal_url)
        self.portal = Browser(world.settings.portal_url)
        self._clock = CommonClock(self.folder / "clock")
        self._clock.set(world.now)
        self._environ = environ_for(
            world.settings.database_url,
            self.folder,
            PORTAL_URL=world.settings.portal_url,
            VENDOR_PORTAL_URL=world.settings.vendor_portal_url,
            MAIL_SERVER="127.0.0.1",
            MAIL_PORT=str(ports["smtp"]),
            PORTAL_PORT=str(ports["portal"]),
            VENDOR_PORT=str(ports["vendor"]),
        )
        self.running: list[Running] = []
        self._orphaned: set[str | None] = set()
        """Owners of leases who are dead."""

    # ---- processes

    def start(self, name: str, *more: str) -> Running:
        """Start a process of the Procfile."""
        log = self.folder / f"{name}.log"
        running = start(name, self._environ, self._clock, *more, log=log, prepare=self.prepare)
        self.running.append(running)
        return running

    def bury_jobs(self) -> None:
        """The only jobs process has died: nobody will settle what it held."""
        held = select(Mail.lease_owner).where(Mail.lease_owner.is_not(None))
        with self.world.jobs.app_context(), reading() as session:
            self._orphaned.update(session.scalars(held))

    def close(self) -> None:
        """Kill whatever runs."""
        for running in self.running:
            running.kill()

    # ---- time and people

    def pass_time(self, **delta: float) -> None:
        """Let time go by for every process."""
        self.set_time(self.world.now + timedelta(**delta))

    def set_time(self, instant: datetime) -> None:
        """Make it that time, everywhere."""
        self.world.now = instant
        self._clock.set(instant)

    def log_in(self) -> None:
        """The scheduler logs in at the real portal."""
        page = self.portal.get("/login")
        form = {"csrf_token": csrf_of(cast(Any, page)), "email": "scheduler@demo.example", "password": PASSWORD}
        answer = self.portal.post("/login", form)
        assert answer is not None
        assert answer.status_code == 303, answer.text

    # ---- until nothing is left to do

    def wait_until_idle(self) -> None:
        """Until the jobs have nothing to do at this instant: what is left waits for a later try, or for the end of a
        dead process's lease."""
        before = self._work_due()
        while before:
            for _ in attempts(f"the jobs leave {before} mails and requests"):
                if (now := self._work_due()) != before:
                    break
            before = now

    def wait_for_mail(self, count: int) -> None:
        """Until so many mails have come in."""
        for _ in attempts("no mail comes in"):
            if len(self.sink.arrived) >= count:
                return

    def wait_for_quit(self) -> None:
        """Until the jobs have hung up: what is queued from here on takes another connection."""
        for _ in attempts("the jobs talk to the mail server for ever"):
            if not self.sink.is_talking:
                return

    def settle(self) -> None:
        """Let time go by until no mail is left."""
        self.wait_until_idle()
        while (next_at := self._next_try()) is not None:
            self.set_time(max(self.world.now, next_at) + SECOND)
            self.wait_until_idle()

    def _work_due(self) -> int:
        """How many mails and requests the jobs have to do something about at this instant."""
        now = self.world.now
        waiting = select(Mail.next_try_at, Mail.lease_owner, Mail.lease_until).where(Mail.state == MailState.QUEUED)
        overdue = select(Request.id).where(Request.state == RequestState.PENDING, Request.deadline <= now)
        with self.world.jobs.app_context(), reading() as session:
            return len(session.scalars(overdue).all()) + sum(
                due <= now if lease is None or lease <= now else owner not in self._orphaned
                for due, owner, lease in session.execute(waiting)
            )

    def _next_try(self) -> datetime | None:
        """When the first of the mails that wait can be tried again."""
        waiting = select(Mail.lease_until, Mail.next_try_at).where(Mail.state == MailState.QUEUED)
        with self.world.jobs.app_context(), reading() as session:
            return min((lease or due for lease, due in session.execute(waiting)), default=None)


_ports = Lending(lambda _number: {name: free_port() for name in ("portal", "vendor", "smtp")})


@contextmanager
def real_site(url: str) -> Iterator[Site]:
    """A site over a fresh database, without any process yet."""
    with ExitStack() as stack:
        ports = stack.enter_context(_ports.lend())
        addresses = {
            "PORTAL_URL": f"http://127.0.0.1:{ports['portal']}",
            "VENDOR_PORTAL_URL": f"http://127.0.0.1:{ports['vendor']}",
        }
        world = stack.enter_context(build_world(url, **addresses))
        site = Site(world, stack.enter_context(ScriptedServer(ports["smtp"])), ports)
        stack.callback(site.close)
        yield site
