"""Migrations, up, down and up again, in the middle of a day: nothing that was there is lost, and all goes on."""

from itertools import pairwise

from shared.db import db
from shared.revisions import Standing, standing
from tests.actions.test_lost_mail import LATE_NEWS, lost_cancellation
from tests.upgrades.migrating import (
    GUARDED,
    RELEASED,
    Rows,
    common,
    go_down,
    go_up,
    read_rows,
    revisions_since_release,
    wipe,
    write_rows,
)
from tests.upgrades.story import begin, check_guards, finish, put_up_guards
from tests.world import World


def check_kept(before: Rows, after: Rows, step: str) -> None:
    one, other = common(before, after)
    for table in one:
        assert one[table] == other[table], f"{step}: {table} is not what it was"


def test_every_migration_up_down_and_up_again_keeps_what_is_under_way(world_on_either: World) -> None:
    world = world_on_either
    story = begin(world)
    with world.jobs.app_context():
        revisions = [RELEASED, *revisions_since_release(world.jobs)]
        before = read_rows()
        for older in revisions[-2::-1]:
            go_down(older)
            check_kept(before, after := read_rows(), f"down to {older}")
            before = after
        oldest = before
        for older, newer in pairwise(revisions):
            for step in (newer, older, newer):
                (go_up if step == newer else go_down)(step)
                check_kept(before, read_rows(), f"between {older} and {newer}")
            before = read_rows()
        assert standing(db.engine) is Standing.HEAD
        check_kept(oldest, read_rows(), "there and back")
    world.close()

    finish(world, story)


def test_what_an_older_program_wrote_is_all_that_this_one_needs(world_on_either: World) -> None:
    world = world_on_either
    story = begin(world)
    with world.jobs.app_context():
        for revision in (revisions_since_release(world.jobs)[-2], RELEASED):
            now = read_rows()
            go_down(revision)
            older, _now = common(read_rows(), now)
            wipe()
            go_up()
            write_rows(older)
    world.close()

    finish(world, story)


def test_who_was_kept_out_or_let_in_or_removed_stays_so_between_the_newest_migrations(world_on_either: World) -> None:
    world = world_on_either
    guards = put_up_guards(world)
    with world.jobs.app_context():
        before = read_rows()
        go_down(GUARDED)
        check_kept(before, older := read_rows(), f"down to {GUARDED}")
        go_up()
        check_kept(older, read_rows(), f"up from {GUARDED}")
    world.close()

    check_guards(world, guards)


def test_the_news_of_a_lost_cancellation_is_no_mail_that_an_older_program_stumbles_over(
    world_on_either: World,
) -> None:
    world = world_on_either
    lost_cancellation(world)
    assert world.outbox(LATE_NEWS)
    with world.jobs.app_context():
        go_down(RELEASED)
        kinds = {row["kind"] for row in read_rows()["mail"]}
        assert LATE_NEWS.value not in kinds
        go_up()
    world.close()
    world.tick()

    assert world.outbox(LATE_NEWS) == []
