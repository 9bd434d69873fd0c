"""Kills processes in the middle of what people and jobs do, lets the product go on, and compares with the stories."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any, TypeVar, cast

from tests.actions.changing import picks
from tests.actions.desk import path_of
from tests.kills.story import ADDRESSES, Story, check
from tests.processes.browser import Answer as Seen
from tests.processes.launcher import Running
from tests.processes.site import Site
from tests.web import booking, changing
from tests.world import World, hidden

COMPANIES = ("Clearsign", "Handwave")
TIMES = 20
"""How often `make soak` kills at each point, on each database."""

T = TypeVar("T")


@dataclass(frozen=True)
class Deed:
    """What somebody is about to do at a real page: ``press`` may be pressed again; ``happens`` is what the story says
    then. ``repeated`` is the status of the page for whoever does what is done already."""

    press: Callable[[], Seen | None]
    happens: Callable[[], object]
    repeated: int = 303


@dataclass
class Trial:
    """One site, its stories, and how often a process of it was killed."""

    site: Site
    stories: list[Story] = field(default_factory=list)
    kills: int = 0
    _running: dict[str, Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.add_company("Handwave", emails=ADDRESSES["Handwave"])

    @property
    def world(self) -> World:
        return self.site.world

    @property
    def _day(self) -> date:
        """When new visits are: their deadline comes a day after they were booked."""
        return (self.world.now + timedelta(days=3)).date()

    # ---- processes

    def start(self, *names: str) -> None:
        """Start these processes, if they don't run."""
        for name in names:
            if name not in self._running or not self._running[name].is_alive:
                self._running[name] = self.site.start(name)

    def kill(self, name: str) -> None:
        """Kill a process wherever it is."""
        self._running[name].kill()
        self.kills += 1
        if name == "jobs":
            self.site.bury_jobs()

    def wait_for_death(self, name: str, *, alone: bool = False) -> None:
        """A process dies at its point, and is started again: by hand, or if a worker died ``alone``, by its parent."""
        self.site.fuse.wait_for_death()
        self.kills += 1
        if name == "jobs":
            self.site.bury_jobs()
        if not alone:
            self._running[name].wait_for_death()
            self.start(name)

    # ---- what people do

    def book(self, *companies: str) -> tuple[int, Story]:
        """A visit is booked for which these are asked; its story begins."""
        visit = self.world.book(ask=companies, day=self._day)
        return visit, self.begin().ask(companies, now=self.world.now)

    def booked(self, *, is_accepted: bool) -> tuple[int, Story]:
        """The same, and all companies have their invites; perhaps one of them accepts, and everybody knows it."""
        visit, story = self.book(*COMPANIES)
        self.site.settle()
        if is_accepted:
            self.world.accept(visit, "Handwave")
            story.accept("Handwave")
            self.site.settle()
        return visit, story

    def begin(self) -> Story:
        """The story of the next appointment."""
        self.stories.append(Story(10001 + len(self.stories)))
        return self.stories[-1]

    def answering(self, visit: int, company: str, word: str) -> Callable[[], Seen | None]:
        """Open a company's page and fill it in; the button is pressed by calling."""
        path = path_of(self.world, self.world.link(visit, company), word)
        form = {
            "responder": "T. Boyle",
            "answer": word,
            "nonce": hidden(cast(Any, self.site.vendor.get(path)), "nonce"),
        }
        self.site.pass_time(seconds=3)
        return lambda: self.site.vendor.post(path, form)

    def creating(self, *companies: str) -> Callable[[], Seen | None]:
        """Fill in a new visit and look at its preview; Confirm is pressed by calling."""
        browser = cast(Any, self.site.portal)
        preview = booking.preview(browser, booking.filled(self.world, ask=companies, date=str(self._day)))
        return lambda: cast("Seen | None", booking.confirm(browser, preview))

    def picks(self, *companies: str) -> Sequence[str]:
        """The ticks for these companies."""
        return picks(self.world, *companies)

    def changing(self, visit: int, kind: str, **changes: str | Sequence[str]) -> Callable[[], Seen | None]:
        """Edit or ask again, up to the preview; Confirm is pressed by calling."""
        browser = cast(Any, self.site.portal)
        preview = changing.preview(browser, visit, kind, **changes)
        return lambda: cast("Seen | None", changing.confirm(browser, preview))

    def cancelling(self, visit: int) -> Callable[[], Seen | None]:
        """Look at what cancelling would do; the button is pressed by calling."""
        browser = cast(Any, self.site.portal)
        page = changing.open_change(browser, visit, "cancel", "?reach=this")
        return lambda: cast("Seen | None", changing.confirm(browser, page, reason=""))

    # ---- what came of it

    def check(self) -> int:
        """When nothing is left to do, rows and mails are what the stories say. Gives how many mails came once more."""
        self.site.settle()
        for story in self.stories:
            story.let_pass(self.world.now)
        return check(self.world, self.site.sink.arrived, self.stories)


def one_in_two(trial: Trial, points: Sequence[T]) -> Iterator[tuple[int, T]]:
    """The points that `make test` tries on this database; the other one gets the others."""
    first = int(trial.world.settings.database_url.startswith("postgresql"))
    return islice(enumerate(points), first, None, 2)


def report(record_property: Callable[[str, object], None], point: str, *, repeats: int) -> None:
    """What a point's test came to: a figure for its line, and a row of the table at the end."""
    record_property("figure", f"{TIMES} kills, {repeats} mails came twice, nothing was lost")
    record_property("killed", (point, TIMES, repeats))
