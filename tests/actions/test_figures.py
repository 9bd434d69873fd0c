"""The figures for Prometheus: what each process counts, and what the rows say."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from shared.figures import RowFigures
from shared.jobs import Job, JobRunner, sender_for
from shared.queries import first_answers
from shared.states import RequestState
from shared.watching import jobs_pages, serve, web_figures
from tests.actions.desk import claim
from tests.postoffice import free_port
from tests.web.checks import PATIENT
from tests.world import TOMORROW, World

Labels = Mapping[str, str]


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a page, by its name and labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def page(world: World) -> str:
    """The jobs' page of figures."""
    return jobs_pages(world.jobs, sender_for(world.jobs))["/metrics"]().body.decode()


def value(world: World, name: str, **labels: str) -> float:
    """One figure of the jobs."""
    return read(page(world))[name, tuple(sorted(labels.items()))]


def counted(name: str, **labels: str) -> float:
    """What this process has counted so far."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_requests_are_told_by_the_state_they_are_in(world_on_either: World) -> None:
    world = world_on_either
    visits = [world.book(ask=["Clearsign", "Northlight"]) for _ in range(3)]
    world.tick()
    world.accept(visits[0], "Clearsign")
    for company in ("Clearsign", "Northlight"):
        world.decline(visits[1], company)

    found = {state: value(world, "dispatch_requests", state=state) for state in RequestState}
    once = {RequestState.PENDING, RequestState.ACCEPTED, RequestState.ALL_DECLINED}
    assert found == {state: float(state in once) for state in RequestState}


def test_the_outbox_tells_how_many_wait_and_how_long_the_oldest_could_have_left(world_on_either: World) -> None:
    world = world_on_either
    names = ("dispatch_outbox_mails", "dispatch_outbox_due_mails", "dispatch_outbox_oldest_due_seconds")

    def outbox() -> tuple[float, ...]:
        return tuple(value(world, name) for name in names)

    assert outbox() == (0, 0, 0)
    world.book(ask=["Clearsign", "Northlight"])
    world.pass_time(seconds=90)
    assert outbox() == (2, 2, 90)

    claim(world)
    claim(world)
    assert outbox() == (2, 0, 0)
    world.pass_time(minutes=6)
    assert outbox() == (2, 2, 60)

    world.post.replies["dispatch@clearsign.example"] = "451 later"
    world.tick()
    assert outbox()[:2] == (1, 0)


def test_a_request_whose_deadline_has_come_waits_to_be_closed(world_on_either: World) -> None:
    world = world_on_either
    visit = world.book(ask=["Clearsign"])
    assert value(world, "dispatch_requests_oldest_due_seconds") == 0

    world.now = world.request_of(visit).deadline + timedelta(seconds=7)
    assert value(world, "dispatch_requests_oldest_due_seconds") == 7


def test_the_time_to_the_first_answer_is_that_of_the_first_company_and_of_the_last_day(world_on_either: World) -> None:
    world = world_on_either
    later = TOMORROW + timedelta(days=9)
    visits = [world.book(ask=["Clearsign", "Northlight"], day=later) for _ in range(3)]
    world.pass_time(minutes=10)
    world.decline(visits[0], "Clearsign")
    world.pass_time(minutes=40)
    world.accept(visits[0], "Northlight")
    world.accept(visits[1], "Northlight")

    name = "dispatch_first_answer_seconds"
    steps = [value(world, f"{name}_bucket", le=le) for le in ("300.0", "900.0", "1800.0", "3600.0", "+Inf")]
    assert steps == [0, 1, 1, 2, 2]
    assert (value(world, f"{name}_gcount"), value(world, f"{name}_gsum")) == (2, 600 + 3000)

    world.pass_time(hours=23, minutes=30)
    assert value(world, f"{name}_gcount") == 1
    with world.jobs.app_context():
        assert first_answers(within=timedelta(hours=25), now=world.now) == [
            timedelta(minutes=10),
            timedelta(minutes=50),
        ]


def test_a_job_tells_when_it_last_completed_how_long_it_took_and_how_often_it_failed(world: World) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    before = [counted("dispatch_job_duration_seconds_count", job=name) for name in ("send_mail", "unlucky")]
    failed = counted("dispatch_job_failures_total", job="unlucky")
    world.tick()
    JobRunner(world.jobs).run(Job("unlucky", 1, fails))

    after = [counted("dispatch_job_duration_seconds_count", job=name) for name in ("send_mail", "unlucky")]
    assert after == [count + 1 for count in before]
    assert counted("dispatch_job_failures_total", job="unlucky") == failed + 1
    completed = value(world, "dispatch_job_last_completed_timestamp_seconds", job="send_mail")
    assert completed == world.now.timestamp()


def test_mails_are_counted_by_kind_and_by_what_became_of_them(world: World) -> None:
    def mails() -> list[float]:
        verdicts = ("taken", "refused", "later")
        return [counted("dispatch_mails_total", kind="invite", verdict=verdict) for verdict in verdicts]

    before = mails()
    world.post.replies["dispatch@northlight.example"] = "550 nobody"
    world.post.replies["dispatch@bridgeway.example"] = "451 later"
    world.book(ask=["ASL daytime", "Lumen"])
    world.tick()

    assert [after - count for after, count in zip(mails(), before, strict=True)] == [2, 1, 1]


def test_requests_of_the_web_are_counted_by_app_endpoint_method_and_status(world: World) -> None:
    def requests() -> list[float]:
        return [
            counted("dispatch_http_requests_total", app=app, endpoint=endpoint, method=method, status=status)
            for app, endpoint, method, status in (
                ("portal", "board.show", "GET", "303"),
                ("vendor_portal", "respond.answer", "POST", "410"),
                ("vendor_portal", "none", "other", "404"),
            )
        ]

    before = requests()
    seconds = counted("dispatch_http_request_duration_seconds_count", app="portal", endpoint="board.show", method="GET")
    world.portal.test_client().get("/board")
    world.vendor.post("/r/x.y")
    world.vendor.open(f"/{PATIENT[0]}", method="JONAH")

    assert [after - count for after, count in zip(requests(), before, strict=True)] == [1, 1, 1]
    assert seconds + 1 == counted(
        "dispatch_http_request_duration_seconds_count", app="portal", endpoint="board.show", method="GET"
    )


def test_no_label_holds_an_id_a_name_an_address_or_a_link(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    mail = world.open_mail(to="Clearsign")
    mail.press("Accept")
    token = mail.link("accept").split("/")[2]
    world.login().get("/visits/1")

    for text in (page(world), web_figures().body.decode()):
        assert [word for word in (*PATIENT, "@", "Clearsign", "T. Boyle", token, "/visits/") if word in text] == []
        names = {name for _sample, labels in read(text) for name, _value in labels}
        known = {"app", "endpoint", "method", "status", "job", "kind", "verdict", "state", "le"}
        assert names <= known | {"implementation", "major", "minor", "patchlevel", "version", "generation"}


def test_while_the_database_is_away_the_page_says_that_alone(world: World) -> None:
    file = Path(world.settings.database_url.removeprefix("sqlite:///"))
    world.close()
    away = file.rename(file.with_suffix(".away"))
    told = read(page(world))
    world.close()
    file.unlink(missing_ok=True)
    away.replace(file)

    assert told["dispatch_database_up", ()] == 0
    assert not [name for name, _labels in told if name.startswith(("dispatch_requests", "dispatch_outbox"))]
    assert value(world, "dispatch_database_up") == 1


def test_registering_the_figures_asks_no_database(world: World) -> None:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(RowFigures(world.jobs))


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/metrics?x=1", 200), ("/", 404), ("/metrics/", 404)])
def test_the_small_server_answers_on_a_port_of_its_own(world: World, path: str, status: int) -> None:
    port = free_port()
    stop = serve(jobs_pages(world.jobs, sender_for(world.jobs)), "127.0.0.1", port)
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            assert answer.status == status
            assert answer.headers["Server"] == "dispatch"
    finally:
        stop()
