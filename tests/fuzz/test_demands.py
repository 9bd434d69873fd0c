"""What the fuzz looks for is found where it is: each demand against an answer that breaks it."""

import logging
from collections.abc import Mapping

import pytest
from flask import Flask, Response

from tests.fuzz.demands import LogWatch, faults_of
from tests.fuzz.mutations import Shot
from tests.fuzz.payloads import ELSEWHERE, MARKUP, PROBE
from tests.world import World

HEAD = '<!doctype html><html lang="en"><head><title>x</title><link rel="stylesheet" href="/x"></head>'


def faults(
    world: World, body: str, *, status: int = 200, app: str = "portal", headers: Mapping[str, str] | None = None
) -> list[str]:
    """What is wrong with a page, sent with the product's headers but for those given here."""
    made = Response(f"{HEAD}<body><main>{body}</main></body></html>", status=status, mimetype="text/html")
    stage = Flask("stage")
    stage.add_url_rule("/", view_func=lambda: made)
    with world.portal.test_request_context("/board"):
        world.portal.preprocess_request()
        made = world.portal.process_response(made)
    made.headers.update(headers or {})
    answer = stage.test_client().get("/")
    return faults_of(Shot(app, "x", "GET", b"/", (), (), cookie=""), answer)


def test_a_page_in_order_has_no_fault(world: World) -> None:
    assert faults(world, f"<p>&lt;{PROBE}&gt;<br><svg><path d=''/></svg></p>") == []
    assert faults(world, "<h1>Not found</h1>", status=404) == []


@pytest.mark.parametrize("text", [text for text in MARKUP if text.startswith(("<", "</title", '">'))])
def test_markup_that_comes_out_as_it_went_in_is_found(world: World, text: str) -> None:
    assert any("markup of somebody's" in fault for fault in faults(world, f'<p>{text}</p><p title="{text}">x</p>'))


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_quote_that_ends_an_attribute_is_found(world: World, quote: str) -> None:
    found = faults(world, f"<input value={quote}{quote} {PROBE}={quote}1{quote}>")
    assert any("markup of somebody's" in fault for fault in found)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (f'<a href="javascript:{PROBE}">x</a>', "leads elsewhere"),
        (f'<form action="//{ELSEWHERE}/"></form>', "leads elsewhere"),
        ("<p>", "closes nothing"),
        ("</p>", "closes nothing"),
        ('<p id="a"></p><p id="a"></p>', "an id twice"),
        ('<p class="a" class="b"></p>', "an attribute twice"),
        ("<pre>Traceback (most recent call last)</pre>", "shows Traceback"),
    ],
)
def test_what_is_wrong_with_a_page_is_found(world: World, body: str, fault: str) -> None:
    assert any(fault in found for found in faults(world, body))


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"Content-Security-Policy": "default-src *"}, "Content-Security-Policy"),
        ({"X-Content-Type-Options": ""}, "X-Content-Type-Options"),
        ({"Referrer-Policy": "origin"}, "Referrer-Policy"),
        ({"Cache-Control": "public"}, "may be kept"),
        ({"Location": f"https://{ELSEWHERE}/"}, "leads elsewhere"),
    ],
)
def test_a_header_that_is_not_as_it_should_be_is_found(world: World, headers: dict[str, str], fault: str) -> None:
    assert any(fault in found for found in faults(world, "x", headers=headers))


def test_a_5xx_and_a_cookie_of_the_vendor_portal_are_found(world: World) -> None:
    assert "status 503" in faults(world, "x", status=503)
    assert "sets a cookie" in faults(world, "x", app="vendor_portal", headers={"Set-Cookie": "a=b"})


def test_a_logged_exception_is_found() -> None:
    watch, log = LogWatch(), logging.getLogger("tests.fuzz")
    log.addHandler(watch)
    try:
        log.info("nothing")
        assert watch.faults() == []
        log.error("a fault")
        log.warning("another", exc_info=ValueError())
    finally:
        log.removeHandler(watch)

    assert len(watch.faults()) == 2
