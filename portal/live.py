"""Keeps the badges of an open page true: one poll per page, which says what it has seen and gets what changed.
It is also how an open page learns that its login has ended.

How badges are refreshed is this module's business alone; what a badge says and looks like is not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.access import viewer
from shared.queries import LiveBadge, badges
from shared.queries.cards import VisitCard
from shared.rules import Sight
from shared.states import BadgeKind
from shared.web import is_fragment, page, request_now

bp = Blueprint("live", __name__)

WHILE_PENDING_SECONDS = 1
WHEN_DECIDED_SECONDS = 15
MOST_WATCHED = 250
"""Visits per page, so that what a page has seen fits into an address."""

NO_BADGE = "none"
"""What a page has seen that shows none, or none any more that could change (_watch.html)."""

_SEEN = re.compile(r"([0-9]{1,18})\.([a-z][0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class Watch:
    """What an open page asks for: which badges it shows in which state, how often it looks, and where."""

    seen: str
    every_seconds: int
    endpoint: str


def watch(cards: Iterable[VisitCard], *, endpoint: str = "live.poll") -> Watch | None:
    """A watch over the visits that are not over; None when there is nothing left to see."""
    found = {card.id: card.badge for card in cards if not card.over and card.badge.kind is not BadgeKind.CANCELLED}
    return _watch([(badge.visit_id, badge.kind, badge.stamp) for badge in found.values()], endpoint)


@bp.get("/badges")
def poll() -> BaseResponse:
    """The badges that changed since the page saw them, and the next poll; nothing (204) when nothing did.

    A page without badges asks too, for nothing: once its login has ended, the guard answers and takes it away.
    """
    if not is_fragment():
        return redirect(url_for("schedule.dashboard"), 303)
    if request.args.get("seen") == NO_BADGE:
        return _news_page((), {}, None) if "late" in request.args else BaseResponse(status=204)
    return poll_answer(viewer().scope, endpoint="live.poll")


def poll_answer(sight: Sight, *, endpoint: str) -> BaseResponse:
    """What a poll gets by these eyes; its page asks on at the endpoint."""
    seen = _read_seen(request.args.get("seen", ""))
    if seen is None:
        abort(400)
    found = badges(sight, list(seen), now=request_now())
    alive = [item for item in found if not item.over]
    next_watch = _watch([(item.badge.visit_id, item.badge.kind, item.badge.stamp) for item in alive], endpoint)
    if next_watch is not None and next_watch.seen == request.args["seen"] and "late" not in request.args:
        return BaseResponse(status=204)
    return _news_page(found, seen, next_watch)


def _news_page(found: Sequence[LiveBadge], seen: dict[int, str], next_watch: Watch | None) -> BaseResponse:
    """What changed. A badge that turned (another kind, not another minute on the clock) is worth saying aloud."""
    changed = [item for item in found if item.badge.stamp != seen[item.badge.visit_id]]
    turned = [item for item in changed if item.badge.stamp[0] != seen[item.badge.visit_id][0]]
    response = page(
        "_live.html",
        watch=next_watch,
        changed=changed,
        turned=frozenset(item.badge.visit_id for item in turned),
        news=tuple(dict.fromkeys(f"{item.reference}: {item.badge.words}" for item in turned)),
        was_late="late" in request.args,
    )
    if changed:
        response.headers["HX-Trigger"] = "badge-changed, badge-turned" if turned else "badge-changed"
    return response


def _watch(items: Sequence[tuple[int, BadgeKind, str]], endpoint: str) -> Watch | None:
    if not items:
        return None
    first = sorted(items)[:MOST_WATCHED]
    pending = any(kind is BadgeKind.PENDING for _id, kind, _stamp in first)
    return Watch(
        seen="-".join(f"{visit_id}.{stamp}" for visit_id, _kind, stamp in first),
        every_seconds=WHILE_PENDING_SECONDS if pending else WHEN_DECIDED_SECONDS,
        endpoint=endpoint,
    )


def _read_seen(text: str) -> dict[int, str] | None:
    """Visit id → stamp, or None for anything this module did not write."""
    parts = [_SEEN.fullmatch(part) for part in text.split("-")]
    if not all(parts) or len(parts) > MOST_WATCHED:
        return None
    return {int(part[1]): part[2] for part in parts if part}
