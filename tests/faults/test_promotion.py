"""A PostgreSQL server dies under load and its standby takes over: whoever was told "accepted" has the visit."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.db import reading
from shared.models import Invite, InviteAddress
from shared.states import Answer, MailKind, MailState
from shared.tokens import LinkKind
from tests.actions.desk import tokens_of
from tests.databases import PostgresTemplate, environ_for
from tests.faults.cluster import Cluster, folder_of_clusters, running
from tests.postoffice import free_port
from tests.world import World, build_world

ROOT = Path(__file__).parents[2]
REQUESTS, ASKED, PRESSING = 100, 4, 24
PATIENCE = 120.0
SLOWEST_PERSON = 1.6
"""Seconds between the page and the press: a quicker one counts as a robot's."""


@dataclass
class Load:
    """Companies that press Accept, each until it has an answer. ``taken``: links whose press was answered with "your
    answer counts"; ``failed``: how many presses met no server."""

    world: World
    addresses: Sequence[str]
    links: Sequence[tuple[int, str]]
    taken: list[str] = field(default_factory=list)
    answered: int = 0
    failed: int = 0

    def press_all(self) -> None:
        with ThreadPoolExecutor(PRESSING) as threads:
            list(threads.map(self._press, self.links, timeout=600))

    def _press(self, link: tuple[int, str]) -> None:
        number, public_id = link
        token = tokens_of(self.world).link(LinkKind.INVITE, public_id)
        url = f"{self.addresses[number % len(self.addresses)]}/r/{token}/accept"
        until = time.monotonic() + PATIENCE
        while True:
            status = self._try(url)
            if status == 303:
                self.taken.append(public_id)
            if status in {200, 303, 409, 410}:
                self.answered += 1
                return
            assert time.monotonic() < until, f"no answer for {PATIENCE} s, at last {status}"
            self.failed += 1
            time.sleep(0.2)

    def _try(self, url: str) -> int:
        """Open the page and press, as a person does; 0 if there is no server."""
        try:
            status, page = _ask(url)
            nonce = re.search(r'name="nonce" value="([^"]+)"', page)
            if status != 200 or nonce is None:
                return status
            time.sleep(SLOWEST_PERSON)
            form = {"responder": "T. Boyle", "answer": "accept", "nonce": nonce[1]}
            return _ask(url, urllib.parse.urlencode(form).encode())[0]
        except OSError:
            return 0


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        """Tell of a redirect instead of following it."""


_opener = urllib.request.build_opener(_Stay)


def _ask(url: str, data: bytes | None = None) -> tuple[int, str]:
    try:
        with _opener.open(url, data, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def product(environ: dict[str, str], ports: Sequence[int]) -> Iterator[None]:
    """The companies' portal, once on each port, and the jobs, all in processes of their own."""
    gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    commands = [[*gunicorn, "--bind", f"127.0.0.1:{port}", "wsgi:vendor_portal"] for port in ports]
    commands.append([sys.executable, "-m", "shared.cli", "jobs", "serve"])
    processes = [
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for command in commands
    ]
    try:
        _wait_for(ports)
        yield
        assert [process.poll() for process in processes] == [None] * len(processes), "a process of ours has ended"
    finally:
        *portals, jobs = processes
        jobs.kill()  # it would send all that waits first
        for portal in portals:
            portal.terminate()
        for process in processes:
            process.wait(60)


def _wait_for(ports: Sequence[int]) -> None:
    until = time.monotonic() + PATIENCE
    for port in ports:
        while True:
            try:
                if _ask(f"http://127.0.0.1:{port}/r/x.y/accept")[0] == 410:
                    break
            except OSError:
                pass
            assert time.monotonic() < until, "the portal does not start"
            time.sleep(0.2)


def links_of(world: World) -> list[tuple[int, str]]:
    """Every link of every request: request by request, so that its companies press at about the same time."""
    with world.jobs.app_context(), reading() as session:
        ids = session.scalars(select(InviteAddress.link_id).order_by(InviteAddress.invite_id)).all()
    return list(enumerate(ids))


def accepted_links(world: World) -> dict[int, set[str]]:
    """The links of the companies that have accepted, by request."""
    found = select(Invite.request_id, InviteAddress.link_id).join(InviteAddress, InviteAddress.invite_id == Invite.id)
    links: dict[int, set[str]] = {}
    with world.jobs.app_context(), reading() as session:
        for request_id, link_id in session.execute(found.where(Invite.answer == Answer.ACCEPTED)):
            links.setdefault(request_id, set()).add(link_id)
    return links


@dataclass
class Pair:
    """A server, its standby, and an address that finds whichever of the two takes writes."""

    first: Cluster
    second: Cluster
    url: str


@contextmanager
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two servers, the second copied from the first; each commit is answered once the second has it."""
    with folder_of_clusters() as folder, running(Cluster(folder / "a")) as first:
        template = PostgresTemplate(first.uri, tmp_path)
        name = first.create_copy_of(template.name)
        with running(Cluster(folder / "b", copy_of=first)) as second:
            first.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            first.execute("SELECT pg_reload_conf()")
            hosts = f"host={first.folder}&host={second.folder}"
            yield Pair(first, second, f"postgresql://postgres@/{name}?{hosts}&target_session_attrs=read-write")


def die_under_load(servers: Pair, load: Load) -> None:
    """A third of the answers are in when the first server dies; the second takes over some seconds later."""
    with ThreadPoolExecutor(1) as thread:
        pressing = thread.submit(load.press_all)
        until = time.monotonic() + PATIENCE
        while len(load.taken) < REQUESTS // 3:
            assert time.monotonic() < until, "the load does not begin"
            time.sleep(0.05)
        servers.first.stop("immediate")
        time.sleep(2)
        servers.second.promote()
        pressing.result(600)


@contextmanager
def running_product(servers: Pair) -> Iterator[Load]:
    """A clinic that has asked, and the product's processes, which know both servers' addresses."""
    ports = (free_port(), free_port())
    with build_world(servers.url) as world:
        world.now = datetime.fromtimestamp(servers.first.folder.stat().st_mtime, UTC)  # the machine's clock, nearly
        for _ in range(REQUESTS):
            world.book(ask=["Clearsign", "Northlight", "Bridgeway", "Lumen"], day=world.now.date() + timedelta(days=5))
        environ = environ_for(servers.url, world.settings.instance_path, MAIL_PORT=str(world.post.port))
        with product(environ, ports):
            yield Load(world, [f"http://127.0.0.1:{port}" for port in ports], links_of(world))


def wait_for_mail(world: World) -> None:
    """Until nothing waits to be sent, by the jobs' own doing."""
    until = time.monotonic() + 400  # a lease that was left behind ends after five minutes
    while any(mail.state is MailState.QUEUED for mail in world.outbox()):
        assert time.monotonic() < until, "mail does not leave"
        time.sleep(1)


@pytest.mark.soak
def test_no_answer_is_lost_when_a_synchronous_standby_takes_over(tmp_path: Path) -> None:
    with pair(tmp_path) as servers, running_product(servers) as load:
        die_under_load(servers, load)
        links = accepted_links(load.world)

        assert load.failed > 0, "nobody noticed"
        assert load.answered == REQUESTS * ASKED
        assert len(links) == REQUESTS
        assert all(len(winners) == 1 for winners in links.values())
        assert set(load.taken) <= set.union(*links.values()), "an answer that was taken is lost"

        wait_for_mail(load.world)
        confirmations = load.world.outbox(MailKind.CONFIRMATION)
        assert {mail.state for mail in confirmations} == {MailState.SENT}
        assert len(confirmations) == REQUESTS
        arrived = {str(message["Message-ID"]).strip("<>").partition("@")[0] for message in load.world.post.received}
        assert {mail.message_id for mail in confirmations} <= arrived


@pytest.mark.soak
def test_the_same_check_finds_what_a_standby_that_had_fallen_behind_lacks(tmp_path: Path) -> None:
    with pair(tmp_path) as servers:
        servers.first.execute("ALTER SYSTEM RESET synchronous_standby_names")
        servers.first.execute("SELECT pg_reload_conf()")
        with running_product(servers) as load:
            servers.second.cut_off()
            die_under_load(servers, load)

            assert not set(load.taken) <= set.union(*accepted_links(load.world).values())
