"""Counts tries in rows, in the caller's transaction: one count for all processes, however many try at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.models import Throttle
from shared.rules import Limit, bucket_level, next_try

FORGET_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Bucket:
    """The tries of somebody that one limit is about. ``key`` is a keyed hash."""

    key: str
    limit: Limit


def take(session: Session, buckets: Iterable[Bucket], *, now: datetime) -> datetime:
    """Count one try in each bucket, if all of them have room, else in none. From when on they do: now, or later.

    Locks the rows in the order of their keys.
    """
    stored = [(bucket, _lock(session, bucket.key, now)) for bucket in sorted(buckets, key=attrgetter("key"))]
    again = max(next_try(empty_at, bucket.limit, now=now) for bucket, empty_at in stored)
    if again <= now:
        for bucket, empty_at in stored:
            _store(session, bucket.key, bucket_level(empty_at, bucket.limit, now=now) + bucket.limit.cost)
    return again


def room_from(session: Session, buckets: Iterable[Bucket], *, now: datetime) -> datetime:
    """From when on all buckets have room: now, or later. A look that counts and locks nothing."""
    limits = {bucket.key: bucket.limit for bucket in buckets}
    rows = session.execute(select(Throttle.key, Throttle.empty_at).where(Throttle.key.in_(limits)))
    return max((next_try(empty_at, limits[key], now=now) for key, empty_at in rows), default=now)


def spend(session: Session, bucket: Bucket, *, now: datetime) -> bool:
    """Count one try more whether the bucket has room or not; whether it was empty before. Locks the row."""
    before = _lock(session, bucket.key, now)
    level = bucket_level(before, bucket.limit, now=now)
    _store(session, bucket.key, min(level + bucket.limit.cost, now + bucket.limit.room))
    return before <= now


def give_back(session: Session, buckets: Iterable[Bucket], *, now: datetime) -> None:
    """Uncount a try that was taken. Locks the rows in the order of their keys."""
    for bucket in sorted(buckets, key=attrgetter("key")):
        _store(session, bucket.key, _lock(session, bucket.key, now) - bucket.limit.cost)


def forget(session: Session, *, now: datetime) -> None:
    """Remove buckets that are empty, the oldest first. Call it last: it waits for nobody, and nobody must wait for what
    comes after it."""
    empty = (
        select(Throttle.key)
        .where(Throttle.empty_at <= now)
        .order_by(Throttle.empty_at)
        .limit(FORGET_AT_MOST)
        .with_for_update(skip_locked=True)
    )
    session.execute(delete(Throttle).where(Throttle.key.in_(empty)))


def _lock(session: Session, key: str, now: datetime) -> datetime:
    """Make the row if there is none, and lock it either way; when its bucket is empty."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = insert(Throttle).values(key=key, empty_at=now)
    touched = row.on_conflict_do_update(index_elements=["key"], set_={"empty_at": Throttle.empty_at})
    return session.scalars(touched.returning(Throttle.empty_at)).one()


def _store(session: Session, key: str, empty_at: datetime) -> None:
    session.execute(update(Throttle).where(Throttle.key == key).values(empty_at=empty_at))
