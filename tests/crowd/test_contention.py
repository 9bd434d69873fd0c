"""Every company that was asked accepts at once, by real HTTP, against several processes of everything."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles
from threading import Barrier
from typing import Any, cast

import pytest
from sqlalchemy import select

from shared.db import reading
from shared.models import Company, Invite, InviteAddress, Visit
from shared.tokens import LinkKind, VerifiedLink
from tests.actions.desk import path_of
from tests.crowd import naive
from tests.kills.story import Story, check
from tests.processes.patience import PATIENCE_SECONDS
from tests.processes.site import Site, real_site
from tests.world import hidden

ACCEPTED = "You have accepted the request to join the meeting"
ASSIGNED = "Sorry! The meeting has been assigned to someone else."


@dataclass(frozen=True)
class Pressed:
    """One press of Accept: which request (by its visit), who, what came of it and how long that took."""

    visit: int
    company: str
    status: int
    seconds: float


class Crowd:
    """Companies that were all asked for each of some visits. Every fifth has two addresses; the mail server keeps the
    invites of the last twentieth waiting, so those never hear of it."""

    def __init__(self, site: Site, *, companies: int, requests: int) -> None:
        self.site = site
        self.addresses: dict[str, Sequence[str]] = {}
        for number in range(companies):
            name = f"Company{number}"
            emails = [f"desk{desk}@company{number}.example" for desk in range(2 if number % 5 == 0 else 1)]
            site.world.add_company(name, emails=emails)
            self.addresses[name] = emails
        asked = list(self.addresses)
        self.unreached = asked[-max(1, companies // 20) :]
        self.reached = asked[: -len(self.unreached)]
        for name in self.unreached:
            site.sink.replies |= dict.fromkeys(self.addresses[name], "450 Later")
            self.addresses[name] = []
        self.stories: dict[int, Story] = {}
        for number in range(requests):
            visit = site.world.book(ask=asked)
            story = Story(10001 + number, self.addresses)
            story.ask(asked, now=site.world.now)
            self.stories[visit] = story
        self._paths = self._all_paths()

    def run(self, *, web: int, jobs: int) -> list[Pressed]:
        """All invites leave, everybody opens every page, and then presses Accept on it."""
        for _ in range(jobs):
            self.site.start("jobs")
        self.site.wait_until_idle()
        self.site.start("vendor", f"--workers={web}")
        with ThreadPoolExecutor(len(self.reached)) as pool:
            forms = list(pool.map(self._open_pages, self.reached))
            self.site.pass_time(seconds=3)
            start = Barrier(len(forms))
            pressed = pool.map(self._press_all, self.reached, forms, [start] * len(forms))
            return [one for some in pressed for one in some]

    def check(self, pressed: Sequence[Pressed]) -> None:
        """One winner of each request, everybody else is told so, by page and by mail, and nobody anything else."""
        answered = Counter(one.status for one in pressed)
        assert not [status for status in answered if status >= 500], f"errors: {answered}"
        winners = [(one.visit, one.company) for one in pressed if one.status == 303]
        assert sorted(visit for visit, _winner in winners) == sorted(self.stories), f"winners: {winners}"
        assert set(answered) == {303, 409}
        for visit, winner in winners:
            self.stories[visit].accept(winner)
        self._look_at_pages(dict(winners))
        self.site.wait_until_idle()
        assert check(self.site.world, self.site.sink.arrived, self.stories.values()) == 0

    def _open_pages(self, company: str) -> dict[int, dict[str, str]]:
        """The form of each request, as this company finds it on its page."""
        forms = {}
        for visit in self.stories:
            page = self.site.vendor.get(self._paths[visit, company])
            assert page.status_code == 200, page.text
            forms[visit] = {
                "responder": "T. Boyle",
                "answer": "accept",
                "nonce": hidden(cast(Any, page), "nonce"),
            }
        return forms

    def _press_all(self, company: str, forms: dict[int, dict[str, str]], start: Barrier) -> list[Pressed]:
        """Each button, one after the other, in the same order as everybody."""
        start.wait(PATIENCE_SECONDS)
        pressed = []
        for visit, form in forms.items():
            began = time.monotonic()
            answer = self.site.vendor.post(self._paths[visit, company], form)
            pressed.append(Pressed(visit, company, answer.status_code if answer else 599, time.monotonic() - began))
        return pressed

    def _look_at_pages(self, winners: dict[int, str]) -> None:
        """Who opens a page now, also who never got its link, finds the row of the table that applies."""
        for visit, winner in winners.items():
            for company in self.addresses:
                page = self.site.vendor.get(self._paths[visit, company])
                wanted = (200, ACCEPTED) if company == winner else (409, ASSIGNED)
                assert (page.status_code, wanted[1] in page.text) == (wanted[0], True)

    def _all_paths(self) -> dict[tuple[int, str], str]:
        """Where each company answers each request; of two addresses one."""
        found = (
            select(Visit.id, Company.name, InviteAddress.link_id)
            .join(Invite, Invite.request_id == Visit.request_id)
            .join(Company, Company.id == Invite.company_id)
            .join(InviteAddress, InviteAddress.invite_id == Invite.id)
        )
        world = self.site.world
        with world.jobs.app_context(), reading() as session:
            return {
                (visit, company): path_of(world, VerifiedLink(LinkKind.INVITE, link), "accept")
                for visit, company, link in session.execute(found)
            }


@pytest.fixture
def site(either_database: str) -> Iterator[Site]:
    with real_site(either_database) as built:
        yield built


def figures(pressed: Sequence[Pressed]) -> str:
    """How long the presses took."""
    cuts = quantiles([one.seconds for one in pressed], n=100)
    return f"{len(pressed)} accepts, p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s"


def test_of_a_crowd_that_accepts_at_once_one_wins_each_request_and_everybody_else_is_told(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    crowd = Crowd(site, companies=12, requests=3)
    pressed = crowd.run(web=2, jobs=1)

    crowd.check(pressed)
    record_property("figure", figures(pressed))


def test_the_crowd_finds_out_an_accept_that_reads_first_and_writes_then(site: Site) -> None:
    site.prepare = naive.install
    crowd = Crowd(site, companies=12, requests=3)
    pressed = crowd.run(web=2, jobs=1)

    with pytest.raises(AssertionError, match=r"errors|winners"):
        crowd.check(pressed)


@pytest.mark.soak
@pytest.mark.alone
def test_of_two_hundred_companies_that_accept_at_once_one_wins_each_of_twenty_five_requests(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    crowd = Crowd(site, companies=200, requests=25)
    pressed = crowd.run(web=4, jobs=2)

    crowd.check(pressed)
    record_property("figure", figures(pressed))
