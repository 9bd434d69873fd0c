"""Both apps under gunicorn as gunicorn.conf.py sets it up: its log, its figures, and which headers it believes."""

import json
import re
import socket

from prometheus_client.parser import text_string_to_metric_families

from tests.faults.supervised import ask, gunicorn, running, wait_for
from tests.postoffice import free_port
from tests.processes.patience import PATIENCE_SECONDS
from tests.world import World

LINK = "/r/Zm9vYmFyYmF6.c2VjcmV0LXNpZ25hdHVyZQ"


def say(port: int, *words: bytes) -> bytes:
    """Send bytes that are no request, and what comes back until the server hangs up."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as talk:
        talk.sendall(b"".join(words))
        while more := talk.recv(4096):
            said += more
    return said


def answers(port: int) -> bool:
    try:
        return ask(port, "/healthz")[0] == 200
    except OSError:
        return False


def counted(port: int, endpoint: str) -> float:
    """How many requests of an endpoint the port of the figures tells."""
    families = text_string_to_metric_families(ask(port, "/metrics")[1])
    samples = [sample for family in families for sample in family.samples]
    wanted = ("dispatch_http_requests_total", endpoint)
    return sum(sample.value for sample in samples if (sample.name, sample.labels.get("endpoint")) == wanted)


def test_whichever_worker_is_asked_for_the_figures_tells_those_of_all(world: World) -> None:
    port, figures = free_port(), free_port()
    with running(world, gunicorn("vendor_portal", port, workers=3), VENDOR_METRICS_PORT=str(figures)) as web:
        wait_for(lambda: answers(port))
        for _ in range(30):
            ask(port, LINK)

        assert [counted(figures, "respond.show") for _ in range(10)] == [30] * 10
        assert list(world.settings.instance_path.glob("figures-*"))
        web.stop()
    assert not list(world.settings.instance_path.glob("figures-*"))


def test_without_a_port_for_figures_there_is_neither_a_port_nor_a_folder(world: World) -> None:
    port = free_port()
    with running(world, gunicorn("portal", port, workers=1)) as web:
        wait_for(lambda: answers(port))
        web.stop()
        assert not list(world.settings.instance_path.glob("figures-*"))


def test_every_line_is_json_and_none_holds_a_link_whatever_is_thrown_at_the_server(world: World) -> None:
    port, header = free_port(), b"Host: 127.0.0.1\r\n"
    with running(world, gunicorn("vendor_portal", port, workers=1), LOG_FORMAT="json") as web:
        wait_for(lambda: answers(port))
        assert ask(port, LINK)[0] == 410
        for junk in (
            b"GET " + LINK.encode() + b" HTTP/9.9\r\n" + header + b"\r\n",
            b"GET " + LINK.encode() + b"\r\n\r\n",
            b"GET " + LINK.encode() + b" HTTP/1.1\r\nReferer " + LINK.encode() + b"\r\n\r\n",
            b"GET /" + b"x" * 9000 + LINK.encode() + b" HTTP/1.1\r\n" + header + b"\r\n",
            b"POST " + LINK.encode() + b" HTTP/1.1\r\n" + header + b"Content-Length: x\r\n\r\n",
            b"POST " + LINK.encode() + b" HTTP/1.1\r\n" + header + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ):
            say(port, junk)
        web.stop()
        text = web.log.read_text()

    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["status"] for line in lines if line.get("endpoint") == "respond.show"] == [410]
    assert len([line for line in lines if line["message"].startswith("Invalid request")]) >= 3
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "shared.edge"}
    for part in (LINK, *LINK.removeprefix("/r/").split("."), "x" * 100):
        assert part not in text


def test_an_address_of_more_than_four_thousand_bytes_is_refused_before_any_app_reads_it(world: World) -> None:
    port = free_port()
    with running(world, gunicorn("portal", port, workers=1)) as web:
        wait_for(lambda: answers(port))
        end = b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        taken, refused = (say(port, b"GET /healthz?a=", b"x" * length, end) for length in (4_000, 4_100))
        web.stop()

    assert taken.startswith(b"HTTP/1.1 200 ")
    assert refused.startswith(b"HTTP/1.1 414 ")


def test_no_header_but_those_of_the_proxies_that_are_counted_changes_where_a_request_seems_to_be(world: World) -> None:
    port = free_port()
    with running(world, gunicorn("portal", port, workers=1)) as web:
        wait_for(lambda: answers(port))
        for name in ("SCRIPT_NAME", "Script-Name", "X-Forwarded-Prefix", "X-Forwarded-Host"):
            _status, _text, headers = ask(port, "/board", **{name: "/elsewhere"})
            assert headers["Location"] == "/login?next=/board", name
        assert ask(port, "/login", Host="elsewhere.test")[0] == 400
        web.stop()


def test_settings_that_can_not_be_used_are_a_sentence_and_no_traceback(world: World) -> None:
    with running(world, gunicorn("portal", free_port()), SECRET_KEY="short", MAIL_PORT="x") as web:
        assert web.popen.wait(PATIENCE_SECONDS) == 1
        said = web.log.read_text()

    assert re.search(r"SECRET_KEY must have at least 32 characters.*MAIL_PORT must be", said, re.S) or re.search(
        r"MAIL_PORT must be.*SECRET_KEY must have at least 32 characters", said, re.S
    )
    assert "Traceback" not in said
