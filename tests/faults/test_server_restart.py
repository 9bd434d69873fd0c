"""PostgreSQL goes down and comes back, in mid-request and between requests: nothing of ours has to be restarted."""

from collections.abc import Iterator

import pytest

from shared.jobs import JobRunner, job_list, sender_for
from shared.states import MailState
from tests.databases import PostgresTemplate
from tests.faults.cluster import Cluster, folder_of_clusters, running
from tests.faults.database_faults import listening
from tests.faults.presses import accept, create, rows
from tests.faults.test_database_faults import NOTHING_CHANGED, check_refused
from tests.web.checks import words
from tests.web.conftest import checked
from tests.world import World, build_world


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with folder_of_clusters() as folder, running(Cluster(folder / "one")) as started:
        yield started


@pytest.fixture
def world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world on a server of its own."""
    template = PostgresTemplate(cluster.uri, tmp_path_factory.mktemp("restart"))
    with template.database() as url, build_world(url) as built:
        yield checked(built)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_is_restarted_between_two_requests_is_not_noticed(
    world: World, cluster: Cluster, mode: str
) -> None:
    visit = world.book(ask=["Clearsign"])
    client = world.login()
    assert client.get(f"/visits/{visit}").status_code == 200
    cluster.stop(mode)
    cluster.start()

    assert client.get(f"/visits/{visit}").status_code == 200
    world.tick()
    assert world.outbox()[0].state is MailState.SENT
    world.open_mail(to="Clearsign").press("Accept")
    assert world.badge(visit) == "Accepted"


@pytest.mark.parametrize("press", [create, accept], ids=["create", "accept"])
def test_a_server_that_goes_down_in_mid_request_leaves_nothing_half_done(
    world: World, cluster: Cluster, press: object
) -> None:
    going = press(world)  # type: ignore[operator]
    before = rows(world)
    seen: list[str] = []

    def go_down(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith(("INSERT INTO request", "UPDATE request")) and not seen:
            seen.append(statement)
            cluster.stop("immediate")

    with listening(world, "before_cursor_execute", go_down):
        answer = going.go()
    assert seen
    check_refused(answer)
    check_refused(going.client.get("/login" if press is create else going.path))  # it is down still

    cluster.start()
    assert rows(world) == before
    assert going.go_on(answer).status_code == 303


def test_jobs_go_on_when_the_server_is_back(world: World, cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    world.book(ask=["Clearsign"])
    runner, jobs = JobRunner(world.jobs), job_list(sender_for(world.jobs))
    cluster.stop()
    for _second in range(90):
        assert [runner.run(job) for job in jobs] == [False] * len(jobs)
        world.pass_time(seconds=1)
    told = [record.message for record in caplog.records if "the database can't be used" in record.message]
    assert len(told) == 2 * len(jobs), "once a minute is enough"
    assert "Traceback" not in caplog.text

    cluster.start()
    assert [runner.run(job) for job in jobs] == [True] * len(jobs)
    assert world.outbox()[0].state is MailState.SENT


def test_the_company_reads_that_it_can_try_again(world: World, cluster: Cluster) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    mail = world.open_mail(to="Clearsign")
    cluster.stop()
    answer = mail.open()
    assert NOTHING_CHANGED in words(answer)
    check_refused(answer)

    cluster.start()
    assert mail.open().status_code == 200
