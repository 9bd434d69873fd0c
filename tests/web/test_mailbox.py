"""The development mailbox: exists only where the settings say so, and shows hostile mail without harm."""

import mailbox
import os
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient

from tests.databases import SqliteTemplate
from tests.web.checks import soup_of, words
from tests.world import World, build_world


def drop(world: World, content: bytes, *, at: int = 0) -> str:
    """Put a mail where the development mail server does; ``at`` orders them."""
    box = mailbox.Maildir(world.settings.mailbox_path, create=True)
    key = box.add(content)
    file = next((world.settings.mailbox_path / "new").glob(f"{key}*"))
    os.utime(file, ns=(at * 10**9, at * 10**9))
    return file.name


def message(subject: str, html: str = "<p>Hello</p>", **headers: str) -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["From"] = subject, "to@there.example", "from@here.example"
    mail["Date"] = "Mon, 23 Nov 2026 12:00:00 -0800"
    mail.set_content("Hello in text")
    mail.add_alternative(html, subtype="html")
    for name, value in headers.items():
        mail[name] = value
    return bytes(mail)


def client_of(world: World) -> FlaskClient:
    return world.portal.test_client()


def test_without_the_setting_there_is_no_mailbox(sqlite_template: SqliteTemplate) -> None:
    with sqlite_template.database() as url, build_world(url, DEV_MAILBOX="0") as world:
        drop(world, message("Secret"))
        for path in ("/dev/mailbox", "/dev/mailbox/x"):
            assert client_of(world).get(path).status_code == 404
        assert not [rule for rule in world.portal.url_map.iter_rules() if rule.rule.startswith("/dev")]


def test_an_empty_mailbox_is_a_page_too(world: World) -> None:
    assert client_of(world).get("/dev/mailbox").status_code == 200


def test_mails_are_listed_newest_first_and_each_opens_in_a_sandbox(world: World) -> None:
    keys = [drop(world, message(f"Mail {number}"), at=number) for number in (3, 1, 2)]

    page = client_of(world).get("/dev/mailbox")

    shown = words(page)
    assert shown.index("Mail 3") < shown.index("Mail 2") < shown.index("Mail 1")
    frames = soup_of(page).find_all("iframe")
    assert [str(frame["src"]) for frame in frames] == [f"/dev/mailbox/{keys[place]}" for place in (0, 2, 1)]
    for frame in frames:
        assert frame.has_attr("sandbox")
        assert "allow-scripts" not in str(frame["sandbox"])
        assert "allow-same-origin" not in str(frame["sandbox"])
        assert frame.get("title")


def test_a_mail_is_shown_under_a_policy_that_lets_nothing_run_or_load(world: World) -> None:
    key = drop(
        world, message("x", "<html><head></head><body><script>alert(1)</script><img src='//evil'></body></html>")
    )

    answer = client_of(world).get(f"/dev/mailbox/{key}")

    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert '<base target="_top">' in answer.text


def test_our_own_mails_can_be_read_there(world: World) -> None:
    world.book(ask=["Clearsign"])
    world.tick()
    key = drop(world, bytes(world.open_mail(to="Clearsign").message))

    assert "Request for ASL Interpreter · Tue 24 Nov 2026 · A-10001" in words(client_of(world).get("/dev/mailbox"))
    assert "Can you interpret American Sign Language" in client_of(world).get(f"/dev/mailbox/{key}").text


HOSTILE = {
    "nothing": b"",
    "no headers": b"just text, no headers at all",
    "script in the subject": message("<script>alert(1)</script>"),
    "unknown charset": b"Subject: x\nContent-Type: text/html; charset=klingon\n\n<p>x</p>",
    "unknown encoding": b"Subject: x\nContent-Type: text/html\nContent-Transfer-Encoding: rot13\n\n<p>x</p>",
    "broken base64": b"Subject: x\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n!!!!=",
    "bytes in headers": b"Subject: \xff\xfe\x00\nTo: \xe9@\xe9\n\ntext",
    "bytes in the body": b"Subject: x\nContent-Type: text/plain; charset=utf-8\n\n\xff\xfe\x00\x07",
    "multipart without a boundary": b"Subject: x\nContent-Type: multipart/alternative\n\n--\n",
    "multipart that never ends": b'Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n',
    "deeply nested": b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(60)),
    "only an attachment": b"Subject: x\nContent-Type: application/pdf\n\n%PDF",
    "bad addresses": b'Subject: x\nTo: ,,,<<>>@@ "\nFrom: (\n\ntext',
    "bad encoded words": b"Subject: =?utf-8?b?////?= =?x?q?=FF?= =?utf-8?q?=00?=\n\ntext",
    "an endless header": b"Subject: " + b"x" * 100_000 + b"\n\ntext",
    "bad date": b"Subject: x\nDate: Mon, 99 Foo 99999 99:99:99 +9999\n\ntext",
    "a body of another": b"Subject: x\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner text",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_harmless(world: World, name: str) -> None:
    client = client_of(world)
    client.illegible = True  # type: ignore[attr-defined]
    key = drop(world, HOSTILE[name], at=2)
    drop(world, message("A good mail"), at=1)

    page = client.get("/dev/mailbox")
    assert page.status_code == 200
    assert "A good mail" in words(page)
    assert "<script>alert" not in page.text
    shown = client.get(f"/dev/mailbox/{key}")
    assert shown.status_code in {200, 404}
    if shown.status_code == 200:
        assert "sandbox" in shown.headers["Content-Security-Policy"]


@pytest.mark.parametrize("key", ["x", "..", "%2e%2e", "..%2f..%2fdispatch.sqlite3", "%00", "x" * 5000])
def test_only_mails_can_be_opened(world: World, key: str) -> None:
    drop(world, message("x"))

    assert client_of(world).get(f"/dev/mailbox/{key}").status_code in {404, 308}
