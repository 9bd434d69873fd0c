"""The companies' app from outside: links that scanners open, forms that robots send, headers, tokens."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from werkzeug.test import TestResponse

from shared.models import Clinic
from shared.states import RequestState
from shared.tokens import LinkKind, Tokens
from tests.web.checks import PATIENT, dump, soup_of, values_of, words
from tests.web.routes import routes
from tests.web.test_vendor_table import CONTACT, GONE, WON
from tests.world import OpenMail, World, hidden

TOO_FAST_OR_OLD = "This page was sent too quickly or has been open for too long."
NO_NAME = "Write your name, so that the clinic knows who answered."


def asked(world: World) -> OpenMail:
    world.book(ask=["Clearsign", "Northlight"], notes="Cardiology vocabulary.")
    world.tick()
    return world.open_mail(to="Clearsign")


def post(world: World, mail: OpenMail, data: dict[str, str]) -> TestResponse:
    return world.vendor.post(mail.link("accept"), data=data)


def unmoved(world: World) -> dict[str, list[tuple[object, ...]]]:
    return {name: rows for name, rows in dump(world).items() if name != "invite_opening"}


def paths_in(mail: OpenMail) -> list[str]:
    """Every address of our own in a mail, in its text and its HTML."""
    found = re.findall(r"http://(?:vendor|portal)\.test(/[^\s\"'<>]*)", mail.text + mail.html)
    return list(dict.fromkeys(found))


def links_on(page: TestResponse) -> Iterator[str]:
    if page.mimetype == "text/html":
        for tag in soup_of(page).find_all(["a", "form", "iframe", "link", "script"]):
            for name in ("href", "src", "action", "hx-get"):
                if str(tag.get(name, "")).startswith("/"):
                    yield str(tag[name])


def test_opening_links_in_any_order_changes_nothing_but_the_note_that_they_were_opened(world: World) -> None:
    mail = asked(world)
    accept, decline = mail.link("accept"), mail.link("decline")
    before = unmoved(world)
    steps = [("HEAD", accept), ("GET", accept), ("HEAD", decline), ("GET", decline)]

    for order in permutations(steps):
        for method, link in order:
            assert world.vendor.open(link, method=method).status_code == 200
    assert unmoved(world) == before
    assert len(dump(world)["invite_opening"]) == 1


def test_a_head_request_does_not_even_note_the_opening(world: World) -> None:
    mail = asked(world)
    before = dump(world)

    for word in ("accept", "decline"):
        answer = world.vendor.head(mail.link(word))
        assert answer.status_code == 200
        assert answer.data == b""

    assert dump(world) == before


@pytest.mark.parametrize("outcome", ["pending", "accepted", "declined", "expired"])
def test_a_scanner_that_follows_every_link_of_every_mail_changes_nothing(world: World, outcome: str) -> None:
    mail = asked(world)
    if outcome == "accepted":
        mail.press("Accept")
    elif outcome == "declined":
        mail.press("Decline")
        world.open_mail(to="Northlight").press("Decline")
    elif outcome == "expired":
        world.pass_time(days=2)
    world.tick()
    before = unmoved(world)
    seen: set[str] = set()

    for message in world.post.received:
        todo = [(path, 0) for path in paths_in(OpenMail(world, message))]
        while todo:
            path, depth = todo.pop()
            app = world.portal if path.startswith("/visits") else world.vendor_portal
            for method in ("HEAD", "GET", "OPTIONS"):
                page = app.test_client().open(path, method=method)
                assert page.status_code < 500
            if path not in seen and depth < 3:
                seen.add(path)
                page = app.test_client().get(path)
                todo += [(link, depth + 1) for link in links_on(page) if not link.startswith("/static")]
    assert len(seen) >= 4
    assert unmoved(world) == before


@pytest.mark.parametrize(
    ("changes", "seconds", "sentence"),
    [
        ({"responder": ""}, 3, NO_NAME),
        ({"responder": " \t\u00a0 "}, 3, NO_NAME),
        ({"responder": "x" * 121}, 3, "Write at most 120 characters."),
        ({"responder": "a\0b"}, 3, "This holds characters that can't be read. Type it again."),
        ({"responder": "a\x1bb"}, 3, "This holds characters that can't be read. Type it again."),
        ({"nonce": ""}, 3, TOO_FAST_OR_OLD),
        ({"nonce": "made.up"}, 3, TOO_FAST_OR_OLD),
        ({"nonce": "é\0"}, 3, TOO_FAST_OR_OLD),
        ({"nonce": ".eJw" * 3000}, 3, TOO_FAST_OR_OLD),
        ({}, 0, TOO_FAST_OR_OLD),
        ({}, 1.499, TOO_FAST_OR_OLD),
        ({}, -60, TOO_FAST_OR_OLD),
        ({"answer": ""}, 3, "Press Accept or Decline."),
        ({"answer": "maybe"}, 3, "Press Accept or Decline."),
    ],
)
def test_what_a_person_would_not_send_comes_back_with_the_input_kept_and_then_works(
    world: World, changes: dict[str, str], seconds: float, sentence: str
) -> None:
    mail = asked(world)
    world.vendor.illegible = True  # type: ignore[attr-defined]
    page = mail.open()
    data = {"responder": "R. Medina", "answer": "accept", "nonce": hidden(page, "nonce")} | changes
    world.pass_time(seconds=seconds)
    before = unmoved(world)

    again = post(world, mail, data)

    assert again.status_code == 422
    assert sentence in words(again)
    kept = " ".join(data["responder"].replace("\0", "\ufffd").split())
    assert values_of(again, field="nonce")["responder"] == [kept]
    assert unmoved(world) == before

    world.pass_time(seconds=2)
    data = {"responder": "R. Medina", "answer": "accept", "nonce": hidden(again, "nonce")}
    assert post(world, mail, data).status_code == 303


@pytest.mark.parametrize("seconds", [1.5, 5 * 3600])
def test_a_page_may_be_answered_after_lunch(world: World, seconds: float) -> None:
    mail = asked(world)
    data = {"responder": "R. Medina", "answer": "accept", "nonce": hidden(mail.open(), "nonce")}
    world.pass_time(seconds=seconds)

    assert post(world, mail, data).status_code == 303


@pytest.mark.parametrize(("milliseconds", "status"), [(0, 303), (1, 422)])
def test_a_page_can_be_answered_for_twenty_four_hours(world: World, milliseconds: int, status: int) -> None:
    world.change(Clinic, world.clinic.id, invite_duration_seconds=30 * 24 * 3600)
    world.book(ask=["Clearsign"], day=date(2027, 1, 20))
    world.tick()
    mail = world.open_mail(to="Clearsign")
    data = {"responder": "R. Medina", "answer": "accept", "nonce": hidden(mail.open(), "nonce")}
    world.pass_time(hours=24, milliseconds=milliseconds)

    assert post(world, mail, data).status_code == status


def test_a_nonce_of_another_link_does_not_answer(world: World) -> None:
    mail, other = asked(world), world.open_mail(to="Northlight")
    nonce = hidden(other.open(), "nonce")
    world.pass_time(seconds=3)

    answer = post(world, mail, {"responder": "R. Medina", "answer": "accept", "nonce": nonce})

    assert answer.status_code == 422
    assert TOO_FAST_OR_OLD in words(answer)


def test_a_nonce_may_answer_again_after_a_reload(world: World) -> None:
    mail = asked(world)
    first = hidden(mail.open(), "nonce")
    world.pass_time(seconds=3)
    mail.open()

    assert post(world, mail, {"responder": "R. Medina", "answer": "accept", "nonce": first}).status_code == 303


def test_the_page_works_without_a_cookie_and_never_sets_one(world: World) -> None:
    mail = asked(world)
    pages = [mail.open(), mail.open("decline"), mail.press("Accept"), world.vendor.get("/nothing")]
    world.tick()
    confirmation = world.open_mail(to="Clearsign")
    meet = confirmation.link("meet")
    pages += [world.vendor.get(meet), world.vendor.get(meet + "/join"), world.vendor.get("/r/x.y")]
    pages += [world.vendor.post("/r/x.y", data={"responder": "x"}), world.vendor.get("/static/app.css")]

    for page in pages:
        assert "Set-Cookie" not in page.headers
    assert world.vendor.get_cookie("session") is None


def test_every_answer_of_the_vendor_portal_carries_the_safe_headers(world: World) -> None:
    mail = asked(world)
    answers = [world.vendor.get(mail.link("accept")), world.vendor.post(mail.link("accept"), data={})]
    answers += [world.vendor.open(route.path, method=route.method) for route in routes(world.vendor_portal)]
    answers += [world.vendor.get("/"), world.vendor.put("/r/x.y"), world.vendor.options("/r/x.y")]

    for answer in answers:
        headers, path = answer.headers, answer.request.path
        policy = headers["Content-Security-Policy"]
        for directive in ("default-src", "object-src", "base-uri"):
            assert f"{directive} 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] == "DENY", path
        if not path.startswith("/static"):
            assert headers["Cache-Control"] == "no-store", path


def test_nothing_inline_and_nothing_from_elsewhere_is_on_a_companys_page(world: World) -> None:
    mail = asked(world)
    pages = [mail.open(), mail.open("decline"), mail.press("Accept"), world.vendor.get("/r/x.y")]
    world.tick()
    pages.append(world.vendor.get(world.open_mail(to="Clearsign").link("meet")))

    for page in pages:
        tree = soup_of(page)
        assert not tree.find_all("style")
        assert not tree.find_all(style=True)
        assert not tree.find_all("script", src=False)
        for tag in tree.find_all(["script", "link", "img", "iframe"]):
            assert str(tag.get("src") or tag.get("href")).startswith(("/", "data:")), tag


@pytest.mark.parametrize(
    "token",
    [
        "x",
        ".",
        "..",
        "...",
        "a.b",
        "a" * 4000,
        "." * 500,
        "é",
        "%C3%A9",
        "%00",
        "a%00.b%00",
        "%ff%fe",
        "%0d%0aSet-Cookie:%20a=b",
        "%F0%9F%92%A9.%F0%9F%92%A9",
        "-_.-_",
        "<script>",
        "%3Cscript%3E.x",
        "' or 1=1 --",
        "None",
        "eyJhbGciOiJub25lIn0.e30.",
    ],
)
def test_a_link_that_is_nonsense_shows_the_same_page_as_any_wrong_signature(shared_world: World, token: str) -> None:
    vendor = shared_world.vendor
    expected = vendor.get("/r/wrong.signature")

    for path in (f"/r/{token}", f"/r/{token}/accept", f"/r/{token}/decline", f"/meet/{token}", f"/meet/{token}/join"):
        answer = vendor.get(path)
        assert answer.status_code == 410, path
        assert words(answer) == words(expected), path
        assert GONE in words(answer)
    for path in (f"/r/{token}", f"/r/{token}/accept", f"/r/{token}/reason"):
        assert vendor.post(path, data={"answer": "accept"}).status_code == 410, path


def test_each_character_of_a_link_matters(world: World) -> None:
    accept = asked(world).link("accept")
    token = accept.split("/")[2]

    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        wrong = token[:place] + other + token[place + 1 :]
        status = world.vendor.get(f"/r/{wrong}/accept").status_code
        # The last character of a signature carries two bits that decode to nothing.
        assert status == 410 or place == len(token) - 1, place


def test_a_link_of_one_kind_is_no_link_of_the_other(world: World) -> None:
    mail = asked(world)
    mail.press("Accept")
    world.tick()
    invite = mail.link("accept").split("/")[2]
    guest = world.open_mail(to="Clearsign").link("meet").split("/")[2]

    assert world.vendor.get(f"/meet/{invite}").status_code == 410
    assert world.vendor.get(f"/r/{guest}").status_code == 410


def test_a_signed_link_to_a_row_that_is_gone_is_no_longer_valid(world: World) -> None:
    tokens = world.vendor_portal.extensions["services"].tokens

    for kind, path in ((LinkKind.INVITE, "/r/"), (LinkKind.GUEST, "/meet/")):
        page = world.vendor.get(path + tokens.link(kind, "gone"))
        assert page.status_code == 410
        assert GONE in words(page)
    assert world.vendor.post("/r/" + tokens.link(LinkKind.INVITE, "gone"), data={}).status_code == 410


def test_a_stolen_database_opens_no_link(world: World) -> None:
    mail = asked(world)
    token = mail.link("accept").split("/")[2]
    public_id, _, signature = token.rpartition(".")

    held = repr(dump(world))
    assert public_id in held
    assert signature not in held
    assert world.vendor.get(f"/r/{public_id}").status_code == 410


def test_no_page_of_a_company_ever_shows_the_patient(world: World) -> None:
    mail = asked(world)
    pages = [mail.open(), mail.open("decline"), post(world, mail, {}), mail.press("Accept")]
    other = world.open_mail(to="Northlight")
    pages += [other.open(), other.press("Accept")]
    world.tick()
    meet = world.open_mail(to="Clearsign").link("meet")
    pages.append(world.vendor.get(meet))

    for page in pages:
        for secret in PATIENT:
            assert secret not in page.text


def test_a_hostile_name_and_hostile_notes_are_shown_as_text(world: World) -> None:
    evil = "<script>alert(1)</script>"
    world.book(ask=["Clearsign", "Northlight"], notes=evil + "\n{{ 7*7 }}")
    world.tick()
    mail = world.open_mail(to="Clearsign")

    for page in (mail.open(), mail.press("Accept", name=evil)):
        assert evil in words(page)
        assert evil not in page.text


def test_an_old_key_still_opens_links_and_a_dropped_one_does_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = asked(world)
    assert WON not in words(mail.open())

    extensions = world.vendor_portal.extensions  # of an app that other tests go on with
    old = world.settings.secret_keys
    new = "another-key-for-tests-that-is-long-enough"
    for keys, status in (((new, *old), 200), ((new,), 410)):
        monkeypatch.setitem(extensions, "services", replace(extensions["services"], tokens=Tokens(keys)))
        assert mail.open().status_code == status


def test_answers_are_refused_when_no_job_ever_ran(world: World) -> None:
    visit = world.book(ask=["Clearsign"])
    world.tick()
    mail = world.open_mail(to="Clearsign")
    nonce = hidden(mail.open(), "nonce")
    world.pass_time(hours=23, minutes=59)
    late = world.request_of(visit).deadline
    world.now = late

    answer = post(world, mail, {"responder": "R. Medina", "answer": "accept", "nonce": nonce})

    assert answer.status_code == 410
    assert CONTACT[1] in words(answer)  # a link with a wrong signature is 410 too, and names no clinic
    assert world.request_of(visit).state in {RequestState.PENDING, RequestState.EXPIRED}
    assert world.badge(visit) == "Not Accepted"
